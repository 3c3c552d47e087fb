"""Is somebody who does not come noted, told, counted – and is a mistake put right?"""

from datetime import timedelta

import pytest
import time_machine

from appointments.choices import AppointmentState
from appointments.errors import (
    AlreadyBookedDoctorDay,
    CalledOff,
    NobodyAwaited,
    RepairOver,
    StillExpected,
    WrongState,
)
from appointments.models import Appointment
from appointments.services.missing import mark_no_show, note_missed_visits, undo_no_show
from appointments.services.payment import take_desk_payment
from appointments.services.visits import (
    check_in,
    finish_visit,
    start_visit,
    undo_check_in,
    undo_start,
)
from appointments.tasks import sweep_missed_visits
from billing.choices import InvoiceState
from billing.models import Invoice
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import NotAllowed
from medbook.outbox.services import dispatch_due_messages
from members.models import Notification, Strike
from scheduling.choices import LeaveReason, LeaveState, ScheduleState, SlotState
from scheduling.models import Leave, Schedule
from scheduling.services.finishing import finish_schedules
from tests.appointments.booking import book, call_off
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def visit():
    return book(member_with_patient(), schedule_with_slots(1))


@pytest.fixture
def desk():
    return UserFactory(is_staff=True)


def session_end(visit):
    return visit.slot.schedule.ends_at


def sweep(visit, after=15 * MINUTE):
    return note_missed_visits(now=session_end(visit) + after)


def note_by_hand(visit, desk):
    mark_no_show(appointment_uid=visit.uid, by=desk, now=visit.starts_at + 15 * MINUTE)


def undo(visit, desk, *, has_come=True, now=None):
    when = now or session_end(visit) + 20 * MINUTE
    return undo_no_show(appointment_uid=visit.uid, has_come=has_come, by=desk, now=when)


def deliver():
    return dispatch_due_messages(now=clock.now())


def invoice_states(visit):
    rows = Invoice.objects.filter(subject=f"appointment:{visit.uid}").order_by("id")
    return list(rows.values_list("state", flat=True))


def test_who_has_not_come_is_noted_15_minutes_after_the_session(visit):
    assert sweep(visit, 15 * MINUTE - timedelta(seconds=1)) == 0
    assert sweep(visit) == 1
    assert sweep(visit) == 0

    visit.refresh_from_db()
    visit.slot.refresh_from_db()
    assert visit.state == AppointmentState.NO_SHOW
    assert visit.no_show_at == session_end(visit) + 15 * MINUTE
    assert visit.slot.state == SlotState.BLOCKED
    assert invoice_states(visit) == [InvoiceState.VOID]


def test_who_has_come_is_not_noted(visit, desk):
    check_in(appointment_uid=visit.uid, by=desk, now=visit.starts_at)

    assert sweep(visit) == 0


def test_what_was_paid_stays(visit, desk):
    check_in(appointment_uid=visit.uid, by=desk, now=visit.starts_at)
    take_desk_payment(appointment_uid=visit.uid, gateway="desk_cash", by=desk, now=visit.starts_at)
    undo_check_in(appointment_uid=visit.uid, by=desk, now=visit.starts_at)

    assert sweep(visit) == 1
    assert invoice_states(visit) == [InvoiceState.PAID]


def test_a_session_that_was_called_off_is_nobodys_fault(visit):
    schedule = visit.slot.schedule
    call_off(schedule)
    Appointment.objects.filter(pk=visit.pk).update(state="booked")  # as if it had slipped through

    assert sweep(visit) == 0
    Appointment.objects.filter(pk=visit.pk).update(state="called_off")


def test_a_leave_of_the_doctor_is_nobodys_fault(visit, desk):
    Leave.objects.create(
        doctor=visit.doctor,
        starts_at=visit.starts_at,
        ends_at=visit.ends_at,
        reason=LeaveReason.ILLNESS,
        state=LeaveState.CONFIRMED,
        created_at=clock.now(),
        created_by=desk,
    )

    assert sweep(visit) == 0
    with pytest.raises(CalledOff):
        mark_no_show(appointment_uid=visit.uid, by=desk, now=session_end(visit))


def test_the_desk_notes_it_by_hand_15_minutes_after_the_start(visit, desk):
    with pytest.raises(StillExpected):
        mark_no_show(appointment_uid=visit.uid, by=desk, now=visit.starts_at + 14 * MINUTE)

    mark_no_show(appointment_uid=visit.uid, by=desk, now=visit.starts_at + 15 * MINUTE)

    with pytest.raises(WrongState):
        mark_no_show(appointment_uid=visit.uid, by=desk, now=visit.starts_at + 16 * MINUTE)
    assert OperationLog.objects.filter(action="appointment.missed", actor_uid=desk.uid).exists()


def test_the_member_is_told_and_a_strike_is_noted(visit):
    sweep(visit)
    deliver()

    strike = Strike.objects.get()
    assert (strike.reference, strike.occurred_at) == (f"appointment:{visit.uid}", visit.starts_at)
    assert strike.booked_by == visit.member
    told = Notification.objects.get(kind="appointment_missed")
    assert told.member == visit.member
    assert told.path == f"appointments/{visit.reference}/"


def test_nothing_counts_that_was_undone_before_the_news_left(visit, desk):
    sweep(visit)
    undo(visit, desk)
    deliver()

    assert not Strike.objects.exists()
    assert not Notification.objects.filter(kind="appointment_missed").exists()


@pytest.mark.parametrize("has_come", [True, False])
def test_a_mistake_is_undone_on_the_same_day(visit, desk, has_come):
    note_by_hand(visit, desk)
    deliver()

    undone = undo(visit, desk, has_come=has_come, now=visit.starts_at + 20 * MINUTE)
    deliver()

    assert undone.state == ("arrived" if has_come else "booked")
    assert undone.no_show_at is None
    visit.slot.refresh_from_db()
    assert visit.slot.state == SlotState.TAKEN
    assert invoice_states(visit) == [InvoiceState.VOID, InvoiceState.OPEN]
    strike = Strike.objects.get()
    assert strike.excused_at is not None


def test_after_the_session_nobody_is_awaited_again(visit, desk):
    sweep(visit)

    with pytest.raises(NobodyAwaited):
        undo(visit, desk, has_come=False, now=session_end(visit) + 15 * MINUTE)
    assert undo(visit, desk).state == AppointmentState.ARRIVED


def test_missed_again_it_counts_again(visit, desk):
    note_by_hand(visit, desk)
    deliver()
    undo(visit, desk, has_come=False, now=session_end(visit) + 14 * MINUTE)
    deliver()

    sweep(visit)
    deliver()

    assert Strike.objects.get().excused_at is None


def test_the_third_missed_visit_pauses_booking_and_its_undoing_resumes_it(desk):
    member = member_with_patient()
    patient = member.links.get().patient
    now = clock.now()
    for days in (10, 20):
        patient.strikes.create(
            reference=f"appointment:{days}", occurred_at=now - timedelta(days=days)
        )
    visit = book(member, schedule_with_slots(1))
    sweep(visit)
    deliver()
    assert patient.suspensions.running(clock.now()).exists()

    undo(visit, desk)
    deliver()

    assert not patient.suspensions.running(clock.now()).exists()


def test_nothing_is_undone_on_another_day(visit, desk):
    sweep(visit)

    with pytest.raises(RepairOver):
        undo(visit, desk, now=session_end(visit) + timedelta(days=1))
    with pytest.raises(WrongState):
        undo(book(member_with_patient(), schedule_with_slots(1)), desk)


def test_the_desk_still_puts_right_what_happened_in_a_finished_session(visit):
    doctor = visit.doctor.user = UserFactory(is_staff=True)
    visit.doctor.save()
    now = session_end(visit) + 20 * MINUTE
    sweep(visit)
    assert finish_schedules(grace=15 * MINUTE, now=now) == 1

    undo(visit, doctor, now=now)
    for step in (undo_check_in, check_in, start_visit, undo_start, start_visit, finish_visit):
        step(appointment_uid=visit.uid, by=doctor, now=now)

    visit.refresh_from_db()
    assert visit.state == AppointmentState.COMPLETED
    assert visit.slot.schedule.state == ScheduleState.FINISHED


def test_a_finished_session_that_never_sat_is_still_called_off():
    session = schedule_with_slots(2)
    visit = book(member_with_patient(), session)
    sweep(visit)
    finish_schedules(grace=15 * MINUTE, now=session_end(visit) + 20 * MINUTE)

    call_off(session)

    visit.refresh_from_db()
    session.refresh_from_db()
    assert (visit.state, session.state) == (AppointmentState.CALLED_OFF, ScheduleState.CALLED_OFF)
    assert set(session.slots.values_list("state", flat=True)) == {SlotState.BLOCKED}


def test_a_session_is_finished_once_nobody_is_expected_or_still_there(visit):
    """The sweep notes first who has not come; who is being seen keeps the session open."""
    late = schedule_with_slots(1)
    late.doctor.user = UserFactory(is_staff=True)
    late.doctor.save()
    seen = book(member_with_patient(), late)
    act = {"appointment_uid": seen.uid, "by": late.doctor.user}
    check_in(**act, now=seen.starts_at)
    start_visit(**act, now=seen.starts_at)

    with time_machine.travel(late.ends_at + 15 * MINUTE, tick=False):
        sweep_missed_visits()
        assert states_of(visit, seen) == ["finished", "published"]
        finish_visit(**act, now=clock.now())
        sweep_missed_visits()
        assert states_of(visit, seen) == ["finished", "finished"]


def states_of(*visits):
    return [Schedule.objects.get(slots=visit.slot).state for visit in visits]


def test_nothing_is_undone_once_the_clinic_has_called_off(visit, desk):
    sweep(visit)
    visit.slot.schedule.state = ScheduleState.CALLED_OFF
    visit.slot.schedule.save(update_fields=["state"])

    with pytest.raises(CalledOff):
        undo(visit, desk)


def test_nothing_is_undone_into_a_second_visit_of_the_day(visit, desk):
    sweep(visit)
    second = schedule_with_slots(
        1,
        doctor=visit.doctor,
        starts_at=session_end(visit) + 60 * MINUTE,
        service_date=visit.service_date,
    )
    book(visit.member, second, key="second")

    with pytest.raises(AlreadyBookedDoctorDay):
        undo(visit, desk)


def test_a_check_in_and_a_start_by_mistake_are_undone(visit):
    doctor = visit.doctor.user = UserFactory(is_staff=True)
    visit.doctor.save()
    act = {"appointment_uid": visit.uid, "by": doctor, "now": visit.starts_at}
    check_in(**act)
    start_visit(**act)

    with pytest.raises(NotAllowed):
        undo_start(**{**act, "by": UserFactory(is_staff=True)})
    assert undo_start(**act).started_at is None
    with pytest.raises(RepairOver):
        undo_check_in(**{**act, "now": visit.starts_at + timedelta(days=1)})
    back = undo_check_in(**act)

    assert (back.state, back.arrived_at) == (AppointmentState.BOOKED, None)
    assert OperationLog.objects.filter(action="appointment.repaired").count() == 2
    with pytest.raises(WrongState):
        undo_check_in(**act)
    with pytest.raises(WrongState):
        undo_start(**act)
