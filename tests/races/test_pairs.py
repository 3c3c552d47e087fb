"""Of two who do different things to one place at the same instant, does each pair end well?"""

from functools import partial
from itertools import combinations

import pytest

from appointments.choices import AppointmentState as A
from appointments.models import Appointment
from appointments.services.calling_off import call_off_schedules
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from appointments.services.rescheduling import reschedule_appointment
from medbook import clock
from scheduling.choices import SlotState
from scheduling.services.rosters import change_schedule
from tests.appointments.booking import book, hold
from tests.factories import UserFactory, member_with_patient, schedule_with_slots
from tests.invariants import check_invariants
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 2
DONE, REFUSED = {"done"}, {"sold_out", "slot_taken", "try_later", "called_off"}
# What each may answer, whoever it meets: the refusals that its rival can bring about.
ANSWERS = {
    "book": DONE | REFUSED,
    "cancel": DONE | {"wrong_state", "already_cancelled"},
    "expire": DONE,
    "call_off": DONE,
    "shrink": DONE | {"capacity_below_booked", "wrong_state", "version_conflict"},
}
PAIRS = list(combinations(ANSWERS, 2))


class Place:
    """The second of two places, held by a member whose hold runs out at `then`."""

    def __init__(self):
        self.schedule = schedule_with_slots(2)
        self.staff = UserFactory(is_staff=True, is_superuser=True)
        second = self.schedule.slots.get(number=2)
        self.mine = hold(member_with_patient(), self.schedule, slot_uid=second.uid)
        self.then = self.mine.hold_expires_at
        self.rivals = [member_with_patient(), member_with_patient()]

    def book(self):
        """Book the place, free or lapsed, for somebody else."""
        place = self.mine.slot.uid
        return book(self.rivals.pop(), self.schedule, slot_uid=place, now=self.then)

    def cancel(self):
        """Give the held place back."""
        return cancel_appointment(
            appointment_uid=self.mine.uid, by=self.mine.member.user, now=self.then
        )

    def expire(self):
        """Sweep the lapsed hold away."""
        return expire_lapsed_holds(now=self.then)

    def call_off(self):
        """Call the whole session off."""
        return call_off_schedules(
            schedule_uids=[self.schedule.uid], reason="Ill", by=self.staff, now=self.then
        )

    def shrink(self):
        """Take the second place away."""
        return change_schedule(
            schedule_uid=self.schedule.uid,
            version=self.schedule.version,
            max_appointments=1,
            by=self.staff,
            now=self.then,
        )


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_pair(one, other):
    for _round in range(ROUNDS):
        place = Place()

        outcomes = together(getattr(place, one), getattr(place, other))

        first, second = (set(counted([outcome])) for outcome in outcomes)
        assert first <= ANSWERS[one], (one, first)
        assert second <= ANSWERS[other], (other, second)
        _ends_as_somebody_said(place, dict(zip((one, other), (first, second), strict=True)))
        check_invariants()


def _ends_as_somebody_said(place, answers):
    """Compare what the two were told with what is stored."""
    place.mine.refresh_from_db()
    place.schedule.refresh_from_db()
    slot = place.schedule.slots.get(number=2)
    live = Appointment.objects.live().filter(slot=slot).count()
    did = {name for name, answer in answers.items() if answer == DONE}
    assert live <= 1
    if "call_off" in did:
        assert (slot.state, live) == (SlotState.BLOCKED, 0)
    if "shrink" in did:
        assert live == 0
        assert slot.state == SlotState.BLOCKED
    if did == {"cancel"} or did == {"cancel", "expire"}:
        assert slot.state == SlotState.FREE
    if did == {"book"}:
        assert slot.state == SlotState.TAKEN
    assert place.mine.state in (A.HELD, A.CANCELLED, A.EXPIRED, A.CALLED_OFF)
    assert (place.mine.state == A.CANCELLED) == ("cancel" in did)


def test_visits_that_swap_their_sessions_do_not_deadlock():
    """Each locks its old place first, so two that want to change places meet in the middle."""
    for _round in range(ROUNDS):
        doctor_of = schedule_with_slots(2)
        schedules = [doctor_of, schedule_with_slots(2, doctor__department=doctor_of.department)]
        visits = [book(member_with_patient(), schedule) for schedule in schedules for _ in "ab"]
        targets = [schedules[1], schedules[1], schedules[0], schedules[0]]

        outcomes = together(
            *(
                partial(
                    reschedule_appointment,
                    appointment_uid=visit.uid,
                    schedule_uid=target.uid,
                    idempotency_key="move",
                    by=visit.member.user,
                    now=clock.now(),
                )
                for visit, target in zip(visits, targets, strict=True)
            )
        )

        assert set(counted(outcomes)) <= {"done", "sold_out", "try_later"}, counted(outcomes)
        assert Appointment.objects.live().filter(slot__schedule__in=schedules).count() == 4
        check_invariants()
