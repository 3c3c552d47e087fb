"""How does the machine see the database: what it makes, what it empties, what it reads?"""

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.utils.module_loading import import_string

from appointments.models import Appointment, Offer, WaitlistEntry
from billing.choices import InvoiceState, RefundState
from billing.models import Invoice, Payment
from medbook import clock
from medbook.outbox.models import OutboxMessage
from members.choices import PointReason
from members.models import PointEntry
from members.services.points import earn_points
from scheduling.models import Schedule, Slot
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    RoomFactory,
    TierFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.machine.model import Place, Session, World

ZONE = "Europe/Berlin"
# Thursday; the clocks go forward in the night to Sunday, on which the first sessions are.
START = datetime(2027, 3, 25, 9, tzinfo=ZoneInfo(ZONE))
POINTS = 5000
GOLD = {"discount_rate": "0.90", "can_cancel_late": "true", "open_bookings_limit": "8"}
MOVING = (
    "appointments_offer",
    "appointments_waitlistentry",
    "appointments_appointment",
    "scheduling_leave",
    "scheduling_slot",
    "scheduling_schedule",
    "billing_receipt",
    "billing_receiptcounter",
    "billing_posting",
    "billing_journalentry",
    "billing_refund",
    "billing_payment",
    "billing_gatewaynotice",
    "billing_invoiceline",
    "billing_invoice",
    "members_pointentry",
    "idempotency_idempotencykey",
    "outbox_outboxmessage",
    "audit_operationlog",
    "sandbox_sandboxnotification",
    "sandbox_sandboxrefund",
    "sandbox_sandboxpayment",
)
DONE_FOR_MEMBERS = {
    f"appointments.services.{handler}"
    for handler in (
        "payment.keep_hold_after_failure",
        "points.give_points_back",
        "points.give_unpaid_points_back",
        "points.award_points",
        "points.award_points_for_payment",
        "points.take_back_awarded_points",
        "offer_answers.wait_on_after_lapse",
        "replacing.end_wishes",
        "strikes.count_missed_visit",
        "strikes.forgive_missed_visit",
    )
}
# doctor, first hour, days after the start, places, fee, whether places return late
SESSIONS = {
    "A1": ("A", 9, 3, 2, "100.00", False),
    "B1": ("B", 9, 3, 1, "100.00", False),
    "A2": ("A", 10, 4, 2, "120.00", True),
}


class Clinic:
    """People and rooms that stay, and sessions that are made anew for every example."""

    def __init__(self):
        clinic = ClinicFactory(code="berlin", time_zone=ZONE)
        department = DepartmentFactory(clinic=clinic)
        self.rooms = {name: RoomFactory(clinic=clinic) for name in "AB"}
        self.doctors = {name: DoctorFactory(department=department) for name in "AB"}
        self.staff = UserFactory(is_staff=True, is_superuser=True)
        for key, value in GOLD.items():
            PrivilegeFactory(tier__code="gold", key=key, value=value)
        tiers = {"ann": "member", "bob": "gold", "cyd": "member"}
        self.members = {
            name: member_with_patient(tier=TierFactory(code=code)) for name, code in tiers.items()
        }
        self.patients = {name: member.links.get().patient for name, member in self.members.items()}
        self.patients["kid"] = PatientFactory()
        for name in ("ann", "bob"):
            FamilyLinkFactory(
                member=self.members[name], patient=self.patients["kid"], relation="child"
            )
        self.tiers = tiers

    def fresh(self):
        """Empty what moves, make the sessions, and tell the model of them."""
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(MOVING)} CASCADE")
        with transaction.atomic():
            for name, member in self.members.items():
                earn_points(member=member, points=POINTS, reference=f"before {name}", now=START)
        self.schedules, self.visits, self.wishes = {}, {}, {}
        sessions = {name: self._session(name, *plan) for name, plan in SESSIONS.items()}
        return World(
            now=START,
            zone=ZONE,
            tiers=self.tiers,
            points=dict.fromkeys(self.members, POINTS),
            sessions=sessions,
        )

    def _session(self, name, doctor, hour, days, count, fee, is_high_demand):
        midnight = datetime.combine(
            START.date() + timedelta(days=days), datetime.min.time(), tzinfo=ZoneInfo(ZONE)
        )
        starts_at = midnight.replace(hour=hour)
        schedule = schedule_with_slots(
            count,
            doctor=self.doctors[doctor],
            room=self.rooms[doctor],
            service_date=midnight.date(),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=1),
            release_at=START - timedelta(days=1),
            sale_stops_at=(midnight - timedelta(days=1)).replace(hour=17),
            same_day_from=midnight,
            fee=Decimal(fee),
            high_demand=is_high_demand,
        )
        self.schedules[name] = schedule
        return Session(
            doctor=doctor,
            day=schedule.service_date,
            starts_at=schedule.starts_at,
            ends_at=schedule.ends_at,
            sale_stops_at=schedule.sale_stops_at,
            same_day_from=schedule.same_day_from,
            fee=schedule.fee,
            capacity=count,
            is_high_demand=is_high_demand,
            places={place.number: place for place in self.new_places(name, 0)},
        )

    def new_places(self, name, after):
        """Describe the places of a session beyond a number, as the model wants them."""
        slots = Slot.objects.filter(schedule=self.schedules[name], number__gt=after)
        return [
            Place(name, slot.number, slot.pk, slot.starts_at, slot.ends_at)
            for slot in slots.order_by("id")
        ]

    def deliver(self):
        """Do what the outbox asks for points, wishes and strikes; nobody is told anything."""
        for message in OutboxMessage.objects.filter(handled_at=None).order_by("id"):
            if message.handler in DONE_FOR_MEMBERS:
                import_string(message.handler)(**message.ids)
            message.handled_at = clock.now()
            message.save(update_fields=["handled_at"])

    def seen(self):
        """Read everything in the words of the model."""
        asked = dict(
            Invoice.objects.filter(state=InvoiceState.OPEN).values_list("subject", "total")
        )
        points = dict(_points())
        return {
            "sessions": {
                self._name_of(schedule.pk): schedule.state for schedule in Schedule.objects.all()
            },
            "places": {
                (self._name_of(slot.schedule_id), slot.number): (slot.state, slot.returns_at)
                for slot in Slot.objects.all()
            },
            "visits": {
                self._number(self.visits, visit): (
                    visit.state,
                    self._name_of(visit.slot.schedule_id),
                    visit.slot.number,
                    visit.hold_expires_at,
                    visit.points,
                    visit.price,
                    asked.get(visit.subject, 0),
                )
                for visit in Appointment.objects.select_related("slot")
            },
            "payments": [self._payment(payment) for payment in _payments()],
            "wishes": {
                self._number(self.wishes, wish): (wish.state, wish.lapses)
                for wish in WaitlistEntry.objects.all()
            },
            "offers": [
                (
                    self._name_of(offer.slot.schedule_id),
                    offer.slot.number,
                    self._number(self.wishes, offer.entry),
                    offer.state,
                    offer.expires_at,
                )
                for offer in Offer.objects.select_related("slot", "entry").order_by("id")
            ],
            "points": {name: points[member.pk] for name, member in self.members.items()},
        }

    def _payment(self, payment):
        """Say whose it is, what became of it, and how much goes back or has gone."""
        uid = payment.invoice.subject.removeprefix("appointment:")
        visit = next(number for number, each in self.visits.items() if str(each) == uid)
        back = {True: Decimal(0), False: Decimal(0)}
        for refund in payment.refunds.all():
            back[refund.state == RefundState.SUCCEEDED] += refund.amount
        return visit, payment.state, payment.is_extra, payment.amount, back[False], back[True]

    def _name_of(self, schedule_id):
        return next(name for name, each in self.schedules.items() if each.pk == schedule_id)

    def _number(self, known, row):
        return next(number for number, uid in known.items() if uid == row.uid)


def told(world):
    """Say what the model holds in the same words."""
    return {
        "sessions": {name: session.state for name, session in world.sessions.items()},
        "places": {
            (place.session, place.number): (place.state, place.returns_at)
            for session in world.sessions.values()
            for place in session.places.values()
        },
        "visits": {
            number: (
                visit.state,
                visit.session,
                visit.number,
                visit.held_until,
                visit.points,
                visit.price,
                visit.open,
            )
            for number, visit in world.visits.items()
        },
        "payments": [
            (
                payment.visit,
                payment.state,
                payment.is_extra,
                payment.amount,
                payment.going_back,
                payment.gone_back,
            )
            for payment in world.payments.values()
        ],
        "wishes": {number: (wish.state, wish.lapses) for number, wish in world.wishes.items()},
        "offers": [
            (offer.session, offer.number, offer.wish, offer.state, offer.until)
            for offer in world.offers.values()
        ],
        "points": world.points,
    }


def _payments():
    """List all payments, with their refunds. Two queries."""
    rows = Payment.objects.select_related("invoice").prefetch_related("refunds")
    return rows.order_by("id")


def _points():
    """Sum what each member has, besides what visits earned. One query."""
    of_visits = Q(reason__in=(PointReason.EARNED, PointReason.TAKEN_BACK), reference__contains=":")
    entries = PointEntry.objects.exclude(of_visits).values_list("member_id")
    return entries.annotate(sum=Sum("amount"))
