"""Short ways to book in tests."""

from appointments.services.booking import book_slot, hold_slot
from appointments.services.calling_off import call_off_schedules
from medbook import clock
from tests.factories import UserFactory, member_with_patient


def hold(member, schedule, *, key="key", patient=None, now=None, **chosen):
    """Hold a place for the member's first patient."""
    return hold_slot(
        member=member,
        patient=patient or member.links.order_by("id").first().patient,
        schedule_uid=schedule.uid,
        idempotency_key=key,
        by=member.user,
        now=now or clock.now(),
        **chosen,
    ).appointment


def book(member, schedule, *, key="key", patient=None, now=None, **chosen):
    """Book a place for the member's first patient, to be paid at the clinic."""
    return book_slot(
        member=member,
        patient=patient or member.links.order_by("id").first().patient,
        schedule_uid=schedule.uid,
        way_to_pay="desk",
        idempotency_key=key,
        by=member.user,
        now=now or clock.now(),
        **chosen,
    ).appointment


def fill(schedule, *numbers):
    """Book the places with these numbers, else all, each for somebody else."""
    places = schedule.slots.filter(number__in=numbers) if numbers else schedule.slots.all()
    for place in places.order_by("number"):
        book(member_with_patient(), schedule, slot_uid=place.uid)


def call_off(schedule):
    """Call a schedule off as staff do."""
    call_off_schedules(
        schedule_uids=[schedule.uid],
        reason="The doctor is ill.",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )
