"""Is a doctor's leave carried out wholly, once, and with something in place of each visit?"""

from datetime import timedelta
from decimal import Decimal

import pytest

from appointments.choices import AppointmentState, EndReason, EntryState, OfferState
from appointments.models import Appointment, Offer, WaitlistEntry
from appointments.services import leave as services
from appointments.services import leave_work
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.leave import Absence
from appointments.services.payment import take_desk_payment
from appointments.services.visits import check_in, start_visit
from billing.models import Refund
from medbook import clock
from medbook.jobs.models import Job
from medbook.jobs.services import run_due_jobs
from medbook.outbox.services import dispatch_due_messages
from members.models import Notification, Strike
from scheduling.choices import LeaveState, ScheduleState, SlotState
from scheduling.errors import (
    DoctorOnLeave,
    LeaveChanged,
    LeaveImpossible,
    LeaveOverlaps,
    LeaveStands,
)
from scheduling.models import Leave
from scheduling.services.rosters import publish_schedule
from tests.appointments.booking import book, hold
from tests.appointments.leaves import absence_over, colleague_session, confirm, confirmed, drafted
from tests.factories import (
    DoctorFactory,
    ScheduleFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def states(schedule):
    return [slot.state for slot in schedule.slots.order_by("number")]


def test_a_draft_changes_nothing():
    session = schedule_with_slots(2)
    drafted(session)

    assert book(member_with_patient(), session).state == AppointmentState.BOOKED
    assert not Job.objects.exists()


def test_confirming_closes_the_sale_at_once_and_the_job_does_the_rest():
    session = schedule_with_slots(3)
    booked, held = book(member_with_patient(), session), hold(member_with_patient(), session)

    leave = confirmed(session, run=False)

    session.refresh_from_db()
    assert session.state == ScheduleState.CALLED_OFF
    assert states(session) == [SlotState.TAKEN, SlotState.BLOCKED, SlotState.BLOCKED]
    booked.refresh_from_db()
    held.refresh_from_db()
    assert (booked.state, held.state) == (AppointmentState.BOOKED, AppointmentState.CALLED_OFF)

    run_due_jobs(now=clock.now())

    booked.refresh_from_db()
    leave.refresh_from_db()
    assert (booked.state, booked.end_reason) == (AppointmentState.CALLED_OFF, EndReason.CLINIC)
    assert states(session) == [SlotState.BLOCKED] * 3
    assert leave.state == LeaveState.DONE
    assert not Strike.objects.exists()


def test_part_of_a_day_hits_only_the_visits_that_overlap():
    session = schedule_with_slots(9)
    slots = list(session.slots.order_by("number"))
    first, second, last = (
        book(member_with_patient(), session, slot_uid=slots[number].uid) for number in (0, 1, 8)
    )

    confirmed(session, until=slots[1].starts_at)

    session.refresh_from_db()
    assert session.state == ScheduleState.PUBLISHED
    for visit in (first, second, last):
        visit.refresh_from_db()
    assert first.state == AppointmentState.CALLED_OFF
    assert (second.state, last.state) == (AppointmentState.BOOKED, AppointmentState.BOOKED)
    assert states(session)[:2] == [SlotState.BLOCKED, SlotState.TAKEN]


def test_gives_money_back_at_once_and_offers_three_comparable_places():
    session = schedule_with_slots(1)
    visit = book(member_with_patient(), session)
    desk = UserFactory(is_staff=True, is_superuser=True)
    check_in(appointment_uid=visit.uid, by=desk, now=session.starts_at)
    take_desk_payment(
        appointment_uid=visit.uid, gateway="desk_cash", by=desk, now=session.starts_at
    )
    other = colleague_session(session, 4)

    confirmed(session)

    refund = Refund.objects.get()
    assert (refund.amount, refund.reason) == (visit.price, "called_off")
    offers = Offer.objects.filter(called_off=visit, state=OfferState.OPEN)
    assert {offer.slot.schedule for offer in offers} == {other}
    assert [offer.slot.number for offer in offers.order_by("slot__starts_at")] == [1, 2, 3]
    assert all(timedelta(hours=2) >= offer.expires_at - offer.created_at for offer in offers)
    assert states(other)[:4] == [SlotState.OFFERED] * 3 + [SlotState.FREE]


def test_tells_each_member_once_whoever_comes_first():
    session = schedule_with_slots(2)
    visits = [book(member_with_patient(), session) for _ in range(2)]
    colleague_session(session, 9)

    confirmed(session, run=False)
    run_due_jobs(now=clock.now())
    dispatch_due_messages(now=clock.now())

    told = Notification.objects.filter(kind="appointment_called_off")
    assert sorted(told.values_list("key", flat=True)) == sorted(str(v.uid) for v in visits)
    assert Offer.objects.count() == 6


def test_the_outbox_alone_keeps_places_for_one_session_called_off():
    session = schedule_with_slots(1)
    visit = book(member_with_patient(), session)
    colleague_session(session, 3)

    call_off_schedules(
        schedule_uids=[session.uid], reason="Flood", by=UserFactory(), now=clock.now()
    )
    dispatch_due_messages(now=clock.now())

    assert visit.offers.count() == 3
    assert Notification.objects.filter(kind="appointment_called_off").count() == 1


def test_offers_nothing_dearer_lower_elsewhere_or_colliding():
    session = schedule_with_slots(2)
    member = member_with_patient()
    visit = book(member, session, slot_uid=session.slots.get(number=2).uid)
    colleague_session(session, 2, fee=Decimal("200.00"))
    colleague_session(session, 2, doctor__title="attending")
    schedule_with_slots(2)  # another department
    fitting = colleague_session(session, 2)
    book(member, schedule_with_slots(1), key="at the time of the first place")

    confirmed(session)

    assert [offer.slot.number for offer in visit.offers.all()] == [2]
    assert visit.offers.get().slot.schedule == fitting


def test_where_places_are_short_everybody_gets_one_and_the_earlier_visit_chooses_first():
    session = schedule_with_slots(3)
    slots = list(session.slots.order_by("number"))
    third, second, first = (
        book(member_with_patient(), session, slot_uid=slots[number].uid) for number in (2, 1, 0)
    )
    colleague_session(session, 2)

    confirmed(session)

    assert [visit.offers.count() for visit in (first, second, third)] == [1, 1, 0]
    assert first.offers.get().slot.starts_at == first.starts_at


def test_a_consultation_under_way_goes_on_and_who_has_arrived_is_called_off():
    session = schedule_with_slots(2)
    begun, waiting = (book(member_with_patient(), session) for _ in range(2))
    desk = UserFactory(is_staff=True, is_superuser=True)
    for visit in (begun, waiting):
        check_in(appointment_uid=visit.uid, by=desk, now=session.starts_at)
    start_visit(appointment_uid=begun.uid, by=desk, now=session.starts_at)

    leave = confirmed(session)

    begun.refresh_from_db()
    waiting.refresh_from_db()
    assert begun.state == AppointmentState.IN_CONSULTATION
    assert waiting.state == AppointmentState.CALLED_OFF
    assert leave.state == LeaveState.DONE


def test_a_place_given_back_meanwhile_is_blocked_too():
    session = schedule_with_slots(9)
    member = member_with_patient()
    visit = book(member, session)
    confirmed(session, run=False, until=session.starts_at + timedelta(minutes=20))
    cancel_appointment(appointment_uid=visit.uid, by=member.user, now=clock.now())

    run_due_jobs(now=clock.now())

    assert states(session)[0] == SlotState.BLOCKED


@pytest.mark.parametrize("broken", ["call_off_next", "replace_visit", "finish_leave"])
def test_a_job_that_dies_between_two_steps_is_carried_on_to_the_same_end(monkeypatch, broken):
    session = schedule_with_slots(9)
    for _ in range(5):
        book(member_with_patient(), session)
    colleague_session(session, 9)
    monkeypatch.setattr("appointments.services.calling_off.BATCH", 2)
    confirmed(session, run=False)
    real, calls = getattr(leave_work, broken), []

    def dies(**arguments):
        calls.append(1)
        if len(calls) == (1 if broken == "finish_leave" else 3):
            raise RuntimeError("killed")
        return real(**arguments)

    with monkeypatch.context() as patch:
        patch.setattr(leave_work, broken, dies)
        run_due_jobs(now=clock.now())
    leave = Leave.objects.get()
    assert (leave.state, Job.objects.get().state) == (LeaveState.CONFIRMED, "failed")

    services.carry_on(leave_uid=leave.uid, by=UserFactory(), now=clock.now())
    run_due_jobs(now=clock.now())

    leave.refresh_from_db()
    assert leave.state == LeaveState.DONE
    assert not Appointment.objects.live().exists()
    assert Notification.objects.filter(kind="appointment_called_off").count() == 5
    assert Offer.objects.count() == 9


def test_wishes_for_a_session_that_is_called_off_end_and_are_told():
    session = schedule_with_slots(1)
    member = member_with_patient()
    entry = WaitlistEntry.objects.create(
        member=member,
        patient=member.links.get().patient,
        department=session.department,
        doctor=session.doctor,
        schedule=session,
        first_day=session.service_date,
        last_day=session.service_date,
        joined_at=clock.now(),
    )

    confirmed(session)
    dispatch_due_messages(now=clock.now())

    entry.refresh_from_db()
    assert entry.state == EntryState.LEFT
    assert Notification.objects.filter(kind="waitlist_called_off").count() == 1


def test_an_offer_inside_a_leave_is_withdrawn_for_good():
    first = schedule_with_slots(1)
    visit = book(member_with_patient(), first)
    other = colleague_session(first, 3)
    confirmed(first)

    confirmed(other)

    assert set(visit.offers.values_list("state", flat=True)) == {OfferState.WITHDRAWN}
    assert states(other) == [SlotState.BLOCKED] * 3


def test_nothing_is_published_into_a_leave():
    draft = ScheduleFactory(state=ScheduleState.DRAFT)
    confirmed(draft)

    with pytest.raises(DoctorOnLeave):
        publish_schedule(schedule_uid=draft.uid, by=UserFactory(), now=clock.now())


def test_confirming_twice_is_confirming_once():
    session = schedule_with_slots(1)
    leave = drafted(session)

    assert confirm(leave) == confirm(leave)
    assert Job.objects.count() == 1


def test_refuses_what_is_stale_done_or_overlapping():
    session = schedule_with_slots(1)
    leave, rival = drafted(session), drafted(session)

    with pytest.raises(LeaveChanged):
        confirm(leave, version=leave.version + 1)
    confirm(leave)
    with pytest.raises(LeaveOverlaps):
        confirm(rival)
    with pytest.raises(LeaveStands):
        services.withdraw_leave(
            leave_uid=leave.uid, version=leave.version, by=UserFactory(), now=clock.now()
        )
    with pytest.raises(LeaveOverlaps):
        drafted(session)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        (timedelta(days=1), timedelta(days=1)),
        (timedelta(days=2), timedelta(days=1)),
        (timedelta(days=-3), timedelta(days=-1)),
        (timedelta(days=1), timedelta(days=400)),
    ],
)
def test_refuses_periods_that_cannot_be(starts, ends):
    now = clock.now()
    absence = Absence(DoctorFactory(), now + starts, now + ends, "illness")

    with pytest.raises(LeaveImpossible):
        services.draft_leave(absence=absence, by=UserFactory(), now=now)
    assert not Leave.objects.exists()


def test_a_draft_can_be_changed_and_withdrawn():
    session = schedule_with_slots(1)
    leave = drafted(session)
    absence = absence_over(session, note="Fever")

    changed = services.change_leave(
        leave_uid=leave.uid, version=1, absence=absence, by=UserFactory(), now=clock.now()
    )
    assert (changed.note, changed.version) == ("Fever", 2)
    services.withdraw_leave(leave_uid=leave.uid, version=2, by=UserFactory(), now=clock.now())
    assert Leave.objects.get().state == LeaveState.WITHDRAWN
