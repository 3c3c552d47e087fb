"""To whom does a freed place go, and what becomes of an offer?"""

from datetime import datetime, timedelta

import pytest
from django.utils.translation import override

from appointments.choices import AppointmentState, EntryState, OfferState, Source
from appointments.errors import OfferExpired, PatientBusy
from appointments.models import Appointment, Offer
from appointments.services.booking import confirm_appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from appointments.services.offer_answers import (
    accept_offer,
    expire_lapsed_offers,
    wait_on_after_lapse,
)
from appointments.services.offers import make_offers
from appointments.services.sweeping import end_past_wishes, offer_free_places
from appointments.services.waitlist import leave_waitlist
from medbook import clock
from medbook.errors import Missing
from medbook.outbox.models import OutboxMessage
from medbook.outbox.services import dispatch_due_messages
from members.models import Notification, Suspension
from members.selectors.wording import said_facts
from scheduling.choices import SlotState
from scheduling.errors import SoldOut
from tests.appointments.booking import book, call_off
from tests.appointments.paying import agree, states
from tests.appointments.waiting import accept, after, cancel, decline, open_offer, wait_for
from tests.factories import (
    SlotFactory,
    TierFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = [pytest.mark.django_db, pytest.mark.invariants]

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
NIGHT = datetime.fromisoformat("2026-12-01T23:00:00+08:00")


@pytest.fixture(autouse=True)
def _noon(time_machine):
    time_machine.move_to(NOON, tick=False)


CALLED_OFF_BY_HAND = pytest.mark.breaks(
    "every_change_is_in_the_operation_log", "nobody_owes_for_what_did_not_come_about"
)


def full_schedule(**fields):
    """Make a schedule of one place, and the appointment that takes it."""
    schedule = schedule_with_slots(1, **fields)
    return schedule, book(member_with_patient(), schedule)


def place_of(schedule):
    return schedule.slots.get()


def test_a_freed_place_is_offered_to_who_waits_and_to_nobody_else():
    schedule, appointment = full_schedule()
    alice = member_with_patient()
    wish = wait_for(schedule, alice)

    cancel(appointment)

    offer = open_offer(alice)
    wish.refresh_from_db()
    assert place_of(schedule).state == SlotState.OFFERED
    assert (wish.state, offer.expires_at) == (EntryState.OFFERED, NOON + timedelta(minutes=15))
    with pytest.raises(SoldOut):
        book(member_with_patient(), schedule)


def test_weight_goes_before_time_of_joining():
    schedule, appointment = full_schedule()
    early, late, heavy = (member_with_patient() for _ in range(3))
    wait_for(schedule, late, joined_at=NOON - timedelta(hours=1))
    wait_for(schedule, early, joined_at=NOON - timedelta(hours=2))
    wait_for(schedule, heavy, weight=2)

    cancel(appointment)
    decline(open_offer(heavy))
    decline(open_offer(early))

    assert open_offer(late)


def test_an_offer_ends_with_the_start_of_the_visit():
    schedule, appointment = full_schedule(sale_stops_at=NOON + timedelta(days=9))
    wait_for(schedule, alice := member_with_patient())

    cancel_at = schedule.starts_at - timedelta(minutes=4)
    cancel_by_desk(appointment, cancel_at)

    assert open_offer(alice).expires_at == schedule.starts_at


def cancel_by_desk(appointment, now):
    cancel_appointment(appointment_uid=appointment.uid, by=UserFactory(is_staff=True), now=now)


def test_accepting_holds_the_place_as_any_hold():
    schedule, appointment = full_schedule()
    wish = wait_for(schedule, alice := member_with_patient())
    cancel(appointment)

    held = accept(open_offer(alice))

    wish.refresh_from_db()
    assert (held.state, held.source) == (AppointmentState.HELD, Source.OFFER)
    assert held.hold_expires_at == NOON + timedelta(minutes=15)
    assert (wish.state, place_of(schedule).state) == (EntryState.FULFILLED, SlotState.TAKEN)
    confirm_appointment(appointment_uid=held.uid, way_to_pay="desk", by=alice.user, now=NOON)


@pytest.mark.usefixtures("bank")
def test_a_hold_that_nobody_paid_in_time_gives_way_to_an_offer():
    unpaid = agree(alice := member_with_patient(), schedule_with_slots())
    schedule, appointment = full_schedule()
    wait_for(schedule, alice)
    cancel(appointment, now=unpaid.hold_expires_at)

    accept(open_offer(alice), now=unpaid.hold_expires_at)

    assert states(unpaid) == (AppointmentState.EXPIRED, ["void"], [])


def test_accepting_twice_is_once():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)
    offer = open_offer(alice)

    assert accept(offer) == accept(offer)


def test_an_offer_holds_although_the_sale_has_stopped_meanwhile():
    schedule, appointment = full_schedule(sale_stops_at=NOON + timedelta(minutes=5))
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)

    assert accept(open_offer(alice), now=NOON + timedelta(minutes=10))


def test_the_clock_ends_an_offer_before_any_sweep_does():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)
    offer = open_offer(alice)

    with pytest.raises(OfferExpired) as refusal:
        accept(offer, now=offer.expires_at)

    assert refusal.value.facts["expired_at"] == offer.expires_at
    assert place_of(schedule).state == SlotState.OFFERED


def test_strangers_find_no_offer():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)

    with pytest.raises(Missing):
        accept_offer(offer_uid=open_offer(alice).uid, by=member_with_patient().user, now=NOON)


def test_a_clash_refuses_and_leaves_the_offer_open():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)
    book(alice, schedule_with_slots(1))

    with pytest.raises(PatientBusy):
        accept(open_offer(alice))

    assert open_offer(alice)


def test_declining_ends_the_wish_and_passes_the_place_on():
    schedule, appointment = full_schedule()
    wish = wait_for(schedule, alice := member_with_patient())
    wait_for(schedule, bo := member_with_patient())
    cancel(appointment)

    decline(open_offer(alice))

    wish.refresh_from_db()
    assert (wish.state, wish.ended_at) == (EntryState.LEFT, NOON)
    assert open_offer(bo)


def test_declining_may_keep_the_wish_which_is_not_asked_about_that_place_again():
    schedule, appointment = full_schedule()
    wish = wait_for(schedule, alice := member_with_patient())
    cancel(appointment)

    decline(open_offer(alice), keep=True)

    wish.refresh_from_db()
    assert (wish.state, wish.lapses) == (EntryState.WAITING, 0)
    assert place_of(schedule).state == SlotState.FREE
    offer_free_places(now=NOON)
    assert not open_offer(alice)


def test_offers_cascade_and_the_second_silence_ends_a_wish():
    schedule = schedule_with_slots(2)
    first, second = (book(member_with_patient(), schedule, key=key) for key in "12")
    wish = wait_for(schedule, alice := member_with_patient())
    wait_for(schedule, bo := member_with_patient(), joined_at=NOON + timedelta(minutes=1))
    cancel(first)

    lapsed = open_offer(alice)
    assert expire_lapsed_offers(now=after(lapsed)) == 1

    wish.refresh_from_db()
    lapsed.refresh_from_db()
    assert (lapsed.state, lapsed.ended_at) == (OfferState.LAPSED, lapsed.expires_at)
    assert (wish.state, wish.lapses) == (EntryState.WAITING, 1)
    assert open_offer(bo).slot == lapsed.slot

    cancel(second)
    expire_lapsed_offers(now=after(open_offer(alice)))

    wish.refresh_from_db()
    assert (wish.state, wish.lapses) == (EntryState.LAPSED, 2)


def test_a_hold_from_an_offer_that_runs_out_counts_as_a_silence():
    schedule, appointment = full_schedule()
    wish = wait_for(schedule, alice := member_with_patient())
    wait_for(schedule, bo := member_with_patient(), joined_at=NOON + timedelta(minutes=1))
    cancel(appointment)
    held = accept(open_offer(alice))

    expire_lapsed_holds(now=held.hold_expires_at)
    wait_on_after_lapse(appointment_uid=str(held.uid))
    wait_on_after_lapse(appointment_uid=str(held.uid))

    wish.refresh_from_db()
    assert (wish.state, wish.lapses) == (EntryState.WAITING, 1)
    assert open_offer(bo)
    dispatch_due_messages(now=clock.now())
    told = Notification.objects.get(kind="waitlist_lapsed", member=alice)
    with override("en"):
        said = said_facts(told.facts.reveal())
    assert said["until"] == clock.text(held.hold_expires_at, schedule.time_zone)
    assert said["next"] == "You keep your place on the waitlist."


def test_at_night_nobody_is_asked_and_nobody_can_take_the_place_before_who_waits():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())

    cancel(appointment, now=NIGHT)

    morning = datetime.fromisoformat("2026-12-02T07:00:00+08:00")
    assert not open_offer(alice)
    assert place_of(schedule).returns_at == morning + timedelta(minutes=5)
    assert offer_free_places(now=NIGHT + timedelta(hours=1)) == 0
    with pytest.raises(SoldOut):
        book(member_with_patient(), schedule, now=morning + timedelta(minutes=4))
    assert offer_free_places(now=morning) == 1
    assert open_offer(alice)


def test_at_night_a_visit_within_twelve_hours_is_offered_at_once():
    schedule, appointment = full_schedule(
        service_date=NOON.date() + timedelta(days=1), sale_stops_at=NOON + timedelta(days=1)
    )
    wait_for(schedule, alice := member_with_patient())

    cancel_by_desk(appointment, NIGHT)

    assert open_offer(alice)


def test_after_the_sale_has_stopped_nobody_is_asked():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())

    cancel_by_desk(appointment, schedule.sale_stops_at)

    assert not open_offer(alice)
    assert offer_free_places(now=schedule.sale_stops_at) == 0


def suspended(alice):
    Suspension.objects.create(
        member=alice, starts_at=NOON, ends_at=NOON + timedelta(days=1), reason="Missed visits"
    )


def on_the_phone_elsewhere(alice):
    book(alice, schedule_with_slots(1))


def without_consent(alice):
    alice.consents.all().delete()


@pytest.mark.parametrize("hindered", [suspended, on_the_phone_elsewhere, without_consent])
def test_who_cannot_come_is_passed_over_and_waits_on(hindered):
    schedule, appointment = full_schedule()
    wish = wait_for(schedule, alice := member_with_patient())
    wait_for(schedule, bo := member_with_patient(), joined_at=NOON + timedelta(minutes=1))
    hindered(alice)

    cancel(appointment)

    wish.refresh_from_db()
    assert open_offer(bo)
    assert wish.state == EntryState.WAITING


def test_who_has_cancelled_this_place_is_not_asked_about_it():
    schedule, appointment = full_schedule()
    wait_for(schedule, appointment.member)

    cancel(appointment)

    assert not Offer.objects.exists()


def test_a_place_kept_for_a_tier_is_offered_to_that_tier_only():
    schedule, appointment = full_schedule()
    schedule.slots.update(reserved_rank=2, reserved_until=NOON + timedelta(days=1))
    wait_for(schedule, alice := member_with_patient())
    gold = member_with_patient(tier=TierFactory(code="gold"))
    wait_for(schedule, gold, joined_at=NOON + timedelta(minutes=1))

    cancel(appointment)

    assert open_offer(gold)
    assert not open_offer(alice)


def test_a_place_added_later_goes_to_who_joined_since_the_sale_opened():
    schedule, _ = full_schedule()
    wait_for(
        schedule, before := member_with_patient(), joined_at=schedule.release_at - timedelta(1)
    )
    wait_for(schedule, since := member_with_patient())
    schedule.max_appointments = 2
    schedule.save()
    SlotFactory(schedule=schedule, number=2)

    assert offer_free_places(now=NOON) == 1

    assert open_offer(since)
    assert not open_offer(before)


def test_wishes_end_with_their_days():
    schedule, _ = full_schedule()
    wish = wait_for(schedule, member_with_patient(), schedule=None)
    last_moment = datetime.fromisoformat(f"{wish.last_day}T23:59:00+08:00")

    assert end_past_wishes(now=last_moment) == 0
    assert end_past_wishes(now=last_moment + timedelta(minutes=1)) == 1

    wish.refresh_from_db()
    assert wish.state == EntryState.LEFT


def test_who_has_waited_in_vain_is_told_for_when_and_once():
    session, _ = full_schedule()
    for_session = wait_for(session, member_with_patient())
    one_day = wait_for(session, member_with_patient(), schedule=None)
    days = wait_for(
        session,
        member_with_patient(),
        schedule=None,
        first_day=session.service_date - timedelta(days=1),
    )

    end_past_wishes(now=session.ends_at + timedelta(days=1))
    dispatch_due_messages(now=clock.now())
    end_past_wishes(now=session.ends_at + timedelta(days=1))
    dispatch_due_messages(now=clock.now())

    notes = Notification.objects.filter(kind="waitlist_over")
    with override("en"):
        told = {note.member: said_facts(note.facts.reveal())["wanted"] for note in notes}
    assert told == {
        for_session.member: clock.text(session.starts_at, session.time_zone),
        one_day.member: clock.day_text(one_day.last_day),
        days.member: f"{clock.day_text(days.first_day)} – {clock.day_text(days.last_day)}",
    }
    assert [note.path for note in notes] == ["doctors/"] * 3


def test_who_leaves_on_their_own_is_told_nothing():
    session, _ = full_schedule()
    wish = wait_for(session, member_with_patient())

    leave_waitlist(entry_uid=wish.uid, by=wish.member.user, now=clock.now())
    dispatch_due_messages(now=clock.now())

    assert not Notification.objects.filter(kind="waitlist_over").exists()


def test_of_a_session_that_was_called_off_that_is_told_also_where_the_sweep_comes_first():
    session, _ = full_schedule()
    wait_for(session, member_with_patient())
    call_off(session)

    end_past_wishes(now=session.sale_stops_at)
    dispatch_due_messages(now=clock.now())

    kinds = Notification.objects.filter(kind__startswith="waitlist").values_list("kind", flat=True)
    assert list(kinds) == ["waitlist_called_off"]


def called_off_with_choices():
    """Call a visit off and keep three places for it, as a leave does."""
    appointment = book(member_with_patient(), schedule_with_slots(1))
    Appointment.objects.filter(pk=appointment.pk).update(
        state=AppointmentState.CALLED_OFF, ended_at=NOON
    )
    appointment.slot.state = SlotState.BLOCKED
    appointment.slot.save()
    slots = list(schedule_with_slots(3).slots.order_by("id"))
    offers = make_offers(
        slots=slots, until=NOON + timedelta(hours=2), now=NOON, called_off=appointment
    )
    return appointment, offers


@CALLED_OFF_BY_HAND
def test_taking_one_place_of_a_called_off_visit_gives_the_others_back():
    appointment, offers = called_off_with_choices()

    held = accept(offers[1])

    assert held.patient == appointment.patient
    assert [offer.state for offer in Offer.objects.order_by("id")] == [
        OfferState.WITHDRAWN,
        OfferState.ACCEPTED,
        OfferState.WITHDRAWN,
    ]
    assert [slot.state for slot in held.slot.schedule.slots.order_by("id")] == [
        SlotState.FREE,
        SlotState.TAKEN,
        SlotState.FREE,
    ]


@CALLED_OFF_BY_HAND
def test_places_of_a_called_off_visit_return_after_two_hours():
    called_off_with_choices()

    assert expire_lapsed_offers(now=NOON + timedelta(hours=2)) == 3

    assert {offer.slot.state for offer in Offer.objects.select_related("slot")} == {SlotState.FREE}


def test_a_member_is_told_of_an_offer_and_of_its_end():
    schedule, appointment = full_schedule()
    wait_for(schedule, alice := member_with_patient())
    cancel(appointment)
    offer = open_offer(alice)
    expire_lapsed_offers(now=after(offer))

    topics = OutboxMessage.objects.filter(dedupe_key=str(offer.uid)).values_list("topic", flat=True)

    assert sorted(topics) == ["offer.lapsed", "offer.made"]
