"""Short ways to book in tests."""

from appointments.services.booking import book_slot, hold_slot
from appointments.services.calling_off import call_off_schedules
from appointments.services.payment import take_desk_payment
from appointments.services.rescheduling import reschedule_appointment
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


def reschedule(visit, schedule, *, by=None, key="move", now=None, **chosen):
    """Move a visit, as its member unless somebody else is named."""
    return reschedule_appointment(
        appointment_uid=visit.uid,
        schedule_uid=schedule.uid,
        idempotency_key=key,
        by=by or visit.member.user,
        now=now or clock.now(),
        **chosen,
    ).appointment


def pay(visit, *, gateway="desk_cash", now=None):
    """Take money at the desk for what is open of a visit."""
    return take_desk_payment(
        appointment_uid=visit.uid,
        gateway=gateway,
        by=UserFactory(is_staff=True),
        now=now or clock.now(),
    )


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
