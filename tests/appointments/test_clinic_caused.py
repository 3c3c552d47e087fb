"""Does nothing stay of a missed visit once the clinic calls its session off?"""

from datetime import time, timedelta

import pytest
import time_machine

from appointments.choices import AppointmentState, EndReason
from appointments.models import Appointment
from appointments.selectors.leave import impact_of
from appointments.services.leave import Absence, call_off_now
from appointments.services.missing import note_missed_visits
from appointments.services.visits import check_in, finish_visit, start_visit, undo_check_in
from billing.models import Refund
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.jobs.services import run_due_jobs
from medbook.outbox.services import dispatch_due_messages
from members.choices import PointReason
from members.models import Delivery, Member, Notification, PointEntry, Strike
from members.services.erasing import erase_member
from members.services.points import earn_points
from reports.selectors import broken_invariants
from scheduling.choices import LeaveState, SlotState
from tests.appointments.booking import book, call_off, pay
from tests.appointments.leaves import colleague_session, confirmed, drafted
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


def deliver():
    return dispatch_due_messages(now=clock.now())


def by_leave(visit):
    """Enter a leave for a time that has begun, as staff does who hears of it late."""
    session = visit.slot.schedule
    confirmed(session, until=session.ends_at + timedelta(hours=3))


def by_session(visit):
    call_off(visit.slot.schedule)


@pytest.fixture
def visit():
    """A visit that was paid, partly with points, to which nobody has come."""
    session = schedule_with_slots(2)
    member = member_with_patient()
    earn_points(member=member, points=500, reference="before", now=clock.now())
    visit = book(member, session, points=100)
    desk = {"appointment_uid": visit.uid, "by": UserFactory(is_staff=True)}
    check_in(**desk, now=session.starts_at)
    pay(visit, now=session.starts_at)
    undo_check_in(**desk, now=session.starts_at)
    with time_machine.travel(session.ends_at + timedelta(minutes=20), tick=False):
        note_missed_visits(now=clock.now())
        yield visit


@pytest.mark.parametrize("calls_off", [by_leave, by_session])
def test_everything_is_given_back_and_nothing_counts(visit, calls_off):
    deliver()
    assert Strike.objects.counting(visit.created_at).count() == 1
    colleague_session(visit.slot.schedule, 3, starts_at=clock.now() + timedelta(hours=20))

    calls_off(visit)
    deliver()

    visit.refresh_from_db()
    visit.slot.refresh_from_db()
    assert (visit.state, visit.end_reason) == (AppointmentState.CALLED_OFF, EndReason.CLINIC)
    assert visit.no_show_at is None
    assert visit.slot.state == SlotState.BLOCKED
    refund = Refund.objects.get()
    assert (refund.amount, refund.reason) == (visit.price, "called_off")
    assert PointEntry.objects.get(reason=PointReason.GIVEN_BACK).amount == 100
    assert not Strike.objects.counting(visit.created_at).exists()
    assert Notification.objects.filter(kind="appointment_called_off").count() == 1
    assert visit.offers.count() == 3
    later = clock.now() + timedelta(minutes=6)
    assert broken_invariants(now=later, workers_run=False) == {}


@pytest.mark.parametrize("calls_off", [by_leave, by_session])
def test_no_strike_and_no_reproach_where_the_news_leaves_after_the_call_off(visit, calls_off):
    calls_off(visit)
    deliver()

    assert not Strike.objects.exists()
    assert not Notification.objects.filter(kind="appointment_missed").exists()


def test_the_reproach_that_waits_for_the_morning_is_held_back(visit):
    Member.objects.update(quiet_from=time(0), quiet_until=time(23, 59))
    deliver()
    assert Delivery.objects.get(kind="appointment_missed").state == "waiting"

    by_session(visit)
    deliver()

    assert Delivery.objects.get(kind="appointment_missed").state == "skipped"


def test_the_pause_that_the_visit_alone_caused_ends(visit):
    patient = visit.patient
    for days in (10, 20):
        patient.strikes.create(
            reference=f"appointment:{days}", occurred_at=clock.now() - timedelta(days=days)
        )
    deliver()
    assert patient.suspensions.running(clock.now()).exists()

    by_leave(visit)
    deliver()

    assert not patient.suspensions.running(clock.now()).exists()


def test_of_an_account_that_has_ended_the_money_goes_back_and_no_place_is_kept(visit):
    deliver()
    colleague_session(visit.slot.schedule, 3, starts_at=clock.now() + timedelta(hours=20))
    erase_member(member_uid=visit.member.uid, by=visit.member.user, now=clock.now())

    by_session(visit)
    deliver()

    assert Refund.objects.get().amount == visit.price
    assert not visit.offers.exists()
    assert not Delivery.objects.filter(kind="appointment_called_off").exists()


def test_staff_sees_before_confirming_what_goes_back(visit):
    session = visit.slot.schedule
    leave = drafted(session, until=session.ends_at + timedelta(hours=3))

    impact = impact_of(leave, clock.now())

    assert [(hit.visit, hit.paid, hit.is_soon) for hit in impact.hits] == [
        (visit, visit.price, False)
    ]


def test_a_visit_that_took_place_stays_as_it_is():
    session = schedule_with_slots(1)
    visit = book(member_with_patient(), session)
    doctor = UserFactory(is_staff=True, is_superuser=True)
    act = {"appointment_uid": visit.uid, "by": doctor, "now": session.starts_at}
    check_in(**act)
    start_visit(**act)
    finish_visit(**act)

    with time_machine.travel(session.ends_at + timedelta(minutes=20), tick=False):
        leave = confirmed(session, until=session.ends_at + timedelta(hours=3))
        deliver()

    visit.refresh_from_db()
    assert leave.state == LeaveState.DONE
    assert visit.state == AppointmentState.COMPLETED
    assert not OperationLog.objects.filter(action="appointment.called_off").exists()


def test_of_a_session_only_what_the_leave_overlaps_is_called_off():
    session = schedule_with_slots(2)
    first, second = (book(member_with_patient(), session) for _ in range(2))

    with time_machine.travel(session.ends_at + timedelta(minutes=20), tick=False):
        note_missed_visits(now=clock.now())
        away = Absence(
            session.doctor, second.starts_at, clock.now() + timedelta(hours=1), "illness"
        )
        call_off_now(absence=away, reason="Fell ill.", by=UserFactory(), now=clock.now())
        run_due_jobs(now=clock.now())

    states = [Appointment.objects.get(pk=each.pk).state for each in (first, second)]
    assert states == [AppointmentState.NO_SHOW, AppointmentState.CALLED_OFF]
