"""How do invented members book and come, so that there is something to see?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice

from django.db import transaction

from appointments.choices import WayToPay
from appointments.models import Appointment
from appointments.services.booking import book_slot
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.payment import take_desk_payment
from appointments.services.visits import check_in, finish_visit, start_visit
from billing.choices import Gateway
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from members.models import FamilyLink, User
from scheduling.choices import Title
from scheduling.models import Clinic, Schedule, ScheduleQuerySet

BOOKED_AHEAD = timedelta(days=3)
CANCELLED_AHEAD = timedelta(days=2, hours=12)
ONE_CANCELLED_IN = 8
TRIED_BY_HAND = 4  # the first members, whose limits are left to whoever tries MedBook
OPENS_IN = (timedelta(minutes=5), timedelta(minutes=20))  # one for Gold and Jade, one for Jade
SOLD_OUT, NEARLY_FULL, TODAY, ARRIVED, CALLED_OFF = 3, 3, 6, 2, 2


@dataclass(frozen=True)
class Cast:
    """Who takes part: members' links to their own patients, and the staff who act."""

    zone: str
    links: list[FamilyLink]
    admin: User
    desk: User
    doctor: User
    scheduler: User


def cast() -> Cast:
    """Find the demo's people, members in the order of their numbers."""
    links = FamilyLink.objects.select_related("member__user", "member__tier", "patient")
    staff = {user.username: user for user in User.objects.filter(is_staff=True)}
    return Cast(
        zone=Clinic.objects.order_by("id")[:1].get().time_zone,
        links=list(links.order_by("member_id")),
        admin=staff["admin"],
        desk=staff["desk"],
        doctor=staff["doctor"],
        scheduler=staff["scheduler"],
    )


def play_past_week(people: Cast, *, now: datetime) -> int:
    """Let half of the members come on each day of the week past; tell how many visits."""
    past = Schedule.objects.filter(ends_at__lte=now).select_related("department__clinic")
    by_day: defaultdict[date, list[Schedule]] = defaultdict(list)
    for schedule in past.order_by("service_date", "starts_at", "id"):
        by_day[schedule.service_date].append(schedule)
    count = 0
    for number, schedules in enumerate(by_day.values()):
        todays = people.links[number % 2 :: 2]
        stride = max(len(schedules) // len(todays), 1)
        for link, schedule in zip(todays, schedules[number % stride :: stride], strict=False):
            count += 1
            appointment = book(link, schedule, now=schedule.starts_at - BOOKED_AHEAD)
            if count % ONE_CANCELLED_IN == 0:
                cancel_appointment(
                    appointment_uid=appointment.uid,
                    by=link.member.user,
                    now=schedule.starts_at - CANCELLED_AHEAD,
                )
            else:
                attend(appointment, people)
    return count


def attend(appointment: Appointment, people: Cast) -> None:
    """Let a patient arrive, pay, be seen and go."""
    uid, starts_at = appointment.uid, appointment.starts_at
    gateway = Gateway.DESK_CASH if appointment.pk % 3 == 0 else Gateway.DESK_CARD
    arrived_at = starts_at - timedelta(minutes=12)
    check_in(appointment_uid=uid, by=people.desk, now=arrived_at)
    take_desk_payment(appointment_uid=uid, gateway=gateway, by=people.desk, now=arrived_at)
    # Doctors conduct their own visits; of the demo's doctors, one has an account.
    seen_by = people.doctor if appointment.doctor.user_id == people.doctor.pk else people.admin
    start_visit(appointment_uid=uid, by=seen_by, now=starts_at + timedelta(minutes=3))
    finish_visit(appointment_uid=uid, by=seen_by, now=appointment.ends_at)


def fill_coming_days(people: Cast, *, now: datetime) -> int:
    """Book what is still open today, sell some sessions out, leave one place of others, and call
    one off; tell how many bookings.
    """
    crowd = cycle(people.links[TRIED_BY_HAND:])
    chiefs = _one_a_day(_on_sale(now).filter(doctor__title=Title.CHIEF))
    attendings = _one_a_day(_on_sale(now).filter(doctor__title=Title.ATTENDING))
    wishes = list(zip(people.links[1:TRIED_BY_HAND], attendings, strict=False))
    for number, schedule in enumerate(islice(chiefs, SOLD_OUT + NEARLY_FULL)):
        places = schedule.max_appointments - (number >= SOLD_OUT)
        wishes += [(link, schedule) for link in islice(crowd, places)]
    for link, schedule in wishes:
        book(link, schedule, now=now)
    return len(wishes) + _book_today(people, crowd, now=now) + _call_one_off(people, crowd, now=now)


def open_soon(people: Cast, *, now: datetime) -> int:
    """Let some sessions open in a few minutes, for some tiers before others; tell how many."""
    closed = Schedule.objects.published().filter(release_at__gt=now + timedelta(hours=1))
    chosen = closed.filter(doctor__title=Title.CHIEF).order_by("starts_at", "id")
    with transaction.atomic(durable=True):
        for schedule, wait in zip(chosen, OPENS_IN, strict=False):
            schedule.release_at = now + wait
            schedule.version += 1
            schedule.save(update_fields=["release_at", "version"])
            record_event(
                Action.SCHEDULE_CHANGED,
                subject=schedule,
                by=people.scheduler,
                changed=["release_at"],
            )
    return len(OPENS_IN)


def spare_confirmations(*, now: datetime) -> int:
    """Count the invented bookings as confirmed by e-mail, so that the first start sends none."""
    booked = Appointment.objects.filter(confirmation_sent_at__isnull=True)
    return booked.update(confirmation_sent_at=now)


def book(link: FamilyLink, schedule: Schedule, *, now: datetime) -> Appointment:
    """Book the first free place, as the member would."""
    return book_slot(
        member=link.member,
        patient=link.patient,
        schedule_uid=schedule.uid,
        way_to_pay=WayToPay.DESK,
        idempotency_key=f"demo-{schedule.uid}",
        by=link.member.user,
        now=now,
    ).appointment


def _book_today(people: Cast, crowd: Iterator[FamilyLink], *, now: datetime) -> int:
    today = clock.local_date(now, people.zone)
    rows = Schedule.objects.bookable(now).filter(service_date=today, starts_at__gt=now)
    sessions = rows.select_related("department__clinic").order_by("starts_at", "id")[:TODAY]
    visits = [book(link, session, now=now) for session, link in zip(sessions, crowd, strict=False)]
    for appointment in visits[:ARRIVED]:
        check_in(appointment_uid=appointment.uid, by=people.desk, now=now)
    return len(visits)


def _call_one_off(people: Cast, crowd: Iterator[FamilyLink], *, now: datetime) -> int:
    schedule = _on_sale(now).filter(doctor__title=Title.ASSOCIATE_CHIEF).last()
    if schedule is None:
        return 0
    for link in islice(crowd, CALLED_OFF):
        book(link, schedule, now=now)
    call_off_schedules(
        schedule_uids=[schedule.uid], reason="Training", by=people.scheduler, now=now
    )
    return CALLED_OFF


def _on_sale(now: datetime) -> ScheduleQuerySet:
    """Find what is on sale on the days after today."""
    rows = Schedule.objects.bookable(now).filter(sale_stops_at__gt=now)
    return rows.select_related("department__clinic").order_by("starts_at", "id")


def _one_a_day(schedules: Iterable[Schedule]) -> Iterator[Schedule]:
    """Take one session of each day, so that nobody has to be in two places."""
    days: set[date] = set()
    for schedule in schedules:
        if schedule.service_date not in days:
            days.add(schedule.service_date)
            yield schedule
