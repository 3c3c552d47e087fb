"""Which free places fit somebody who waits, and which wishes are over?"""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from appointments.choices import EntryState
from appointments.models import Appointment, WaitlistEntry
from appointments.rules import waitlist
from appointments.services.holds import lock_without_waiting
from appointments.services.offers import move_wish
from appointments.services.returning import offer_place
from medbook import clock
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from scheduling.choices import ScheduleState, SlotState
from scheduling.models import Clinic, Slot, SlotQuerySet


def offer_free_places(*, now: datetime) -> int:
    """Offer the free places for which somebody waits; tell how many.

    That is what came back at night or is to come back later, what staff has added, and what
    fitted nobody when it was given back. A place that was never sold goes only to those who
    joined once its sale had opened: a release is for all. Each is a transaction of its own.
    """
    rows = _wanted_places(now).select_related("schedule__department__clinic").order_by("id")
    awake = [
        slot.pk
        for slot in rows
        if waitlist.asked_from(now, slot.starts_at, slot.schedule.time_zone) <= now
    ]
    return sum(_offer_free_place(slot_id, now) for slot_id in awake)


@retry_on_conflict
@transaction.atomic(durable=True)
def end_past_wishes(*, now: datetime) -> int:
    """End the wishes whose days are over or whose session sells no more; tell how many.

    Each member is told after the commit.
    """
    zones = Clinic.objects.values_list("time_zone", flat=True).distinct()
    is_past = Q(schedule__sale_stops_at__lte=now)  # of a session called off: services.replacing
    for zone in zones:
        today = clock.local_date(now, zone)
        is_past |= Q(department__clinic__time_zone=zone, last_day__lt=today)
    past = WaitlistEntry.objects.waiting().filter(is_past).order_by("id")
    wishes = list(lock(past, Rung.WAITLIST, skip_locked=True))
    for wish in wishes:
        move_wish(wish, EntryState.LEFT, by=None, now=now)
    outbox.add_many("waitlist.ended", [(str(wish.uid), {"entry_uid": wish.uid}) for wish in wishes])
    return len(wishes)


def _wanted_places(now: datetime) -> SlotQuerySet:
    """Keep the free places on sale that may fit a wish, as far as the database can tell."""
    waiting = WaitlistEntry.objects.waiting().filter(
        Q(doctor__isnull=True) | Q(doctor=OuterRef("schedule__doctor")),
        Q(schedule__isnull=True) | Q(schedule=OuterRef("schedule")),
        department=OuterRef("schedule__department"),
        first_day__lte=OuterRef("schedule__service_date"),
        last_day__gte=OuterRef("schedule__service_date"),
    )
    since_release = waiting.filter(joined_at__gte=OuterRef("schedule__release_at"))
    return Slot.objects.free().filter(
        Exists(since_release) | (_was_sold() & Exists(waiting)),
        starts_at__gt=now,
        schedule__state=ScheduleState.PUBLISHED,
        schedule__release_at__lte=now,
        schedule__sale_stops_at__gt=now,
        schedule__department__in=WaitlistEntry.objects.waiting().values("department"),
    )


def _was_sold() -> Q:
    return Q(Exists(Appointment.objects.filter(slot=OuterRef("pk"))))


@retry_on_conflict
@transaction.atomic(durable=True)
def _offer_free_place(slot_id: int, now: datetime) -> bool:
    for slot in lock_without_waiting([slot_id]):
        was_sold = Appointment.objects.filter(slot=slot).exists()
        joined_since = None if was_sold else slot.schedule.release_at
        return slot.state == SlotState.FREE and offer_place(slot, now, joined_since)
    return False
