from datetime import timedelta
from decimal import Decimal

import pytest

from appointments.choices import AppointmentState
from appointments.errors import (
    AlreadyBookedDepartmentDay,
    AlreadyBookedDoctorDay,
    CalledOff,
    InThePast,
    NotOpenYet,
    OtherDepartment,
    PatientBusy,
    PaymentDue,
    RescheduleLimit,
    SaleOver,
    TooLateToCancel,
    TooManyOpen,
    TooManyPoints,
    WrongState,
)
from appointments.models import Appointment
from appointments.services.booking import invoice_subject
from appointments.services.cancelling import cancel_appointment
from appointments.services.visits import check_in
from billing.choices import InvoiceState, RefundReason
from billing.models import Invoice, Refund
from billing.selectors import account_of
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from medbook.idempotency.services import IdempotencyKeyReused
from medbook.outbox.models import OutboxMessage
from members.services.points import earn_points
from scheduling.choices import SlotState
from scheduling.errors import SlotTaken, SoldOut
from scheduling.rules.sessions import DESK_RANK
from tests.appointments.booking import book, call_off, fill, hold, pay, reschedule
from tests.factories import (
    DoctorFactory,
    PrivilegeFactory,
    TierFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def visit(alice):
    return book(alice, schedule_with_slots(3))


def another(visit, days=1, count=3, **fields):
    """Make a session of the same department on a later day, of a colleague."""
    fields.setdefault("doctor", DoctorFactory(department=visit.department))
    day = visit.service_date + timedelta(days=days)
    return schedule_with_slots(count, service_date=day, **fields)


def as_it_was(visit):
    now = Appointment.objects.get(pk=visit.pk)
    return (now.slot_id, now.starts_at, now.price, now.sequence, now.reschedules) == (
        visit.slot_id,
        visit.starts_at,
        visit.price,
        visit.sequence,
        visit.reschedules,
    )


def account(visit):
    return account_of(invoice_subject(visit))


class TestMoving:
    def test_the_same_appointment_takes_the_new_place_and_leaves_the_old(self, visit):
        target, old_slot = another(visit), visit.slot

        moved = reschedule(visit, target, starts_at=target.slots.get(number=2).starts_at)

        new_slot = target.slots.get(number=2)
        assert (moved.pk, moved.reference, moved.state) == (visit.pk, visit.reference, "booked")
        assert (moved.slot, moved.doctor, moved.starts_at, moved.service_date) == (
            new_slot,
            target.doctor,
            new_slot.starts_at,
            target.service_date,
        )
        assert moved.cancel_until == new_slot.starts_at - timedelta(hours=24)
        old_slot.refresh_from_db()
        assert (old_slot.state, new_slot.state) == (SlotState.FREE, SlotState.TAKEN)
        assert (moved.sequence, moved.reschedules) == (1, 1)

    def test_to_another_time_of_the_same_session(self, visit):
        schedule = visit.slot.schedule
        later = schedule.slots.get(number=3)

        assert reschedule(visit, schedule, starts_at=later.starts_at).slot == later

    def test_to_one_place_or_to_the_first_that_is_free(self, visit):
        target = another(visit)
        second = target.slots.get(number=2)

        assert reschedule(visit, target, slot_uid=second.uid).slot == second
        assert reschedule(visit, target, key="2").slot.number == 1

    def test_is_logged_and_told_once(self, visit):
        target = another(visit)

        reschedule(visit, target)
        reschedule(visit, target)

        event = OperationLog.objects.get(action="appointment.rescheduled")
        assert event.facts == {
            "from": visit.starts_at.isoformat(),
            "to": target.slots.get(number=1).starts_at.isoformat(),
        }
        told = OutboxMessage.objects.filter(topic="appointment.rescheduled")
        assert told.count() == 1
        assert Appointment.objects.get().reschedules == 1

    def test_a_key_is_good_for_one_wish(self, visit):
        reschedule(visit, another(visit))

        with pytest.raises(IdempotencyKeyReused):
            reschedule(visit, another(visit, days=2))

    def test_the_rules_of_the_department_are_copied_as_they_are_now(self, visit):
        visit.department.late_refund_percent = 30
        visit.department.cancel_hours_before = 48
        visit.department.save()

        moved = reschedule(visit, another(visit))

        assert moved.late_refund_percent == 30
        assert moved.cancel_until == moved.starts_at - timedelta(hours=48)


class TestRefusing:
    def refused(self, visit, why, target, **asked):
        with pytest.raises(why) as refusal:
            reschedule(visit, target, **asked)
        assert as_it_was(visit)
        assert visit.slot.schedule.slots.get(pk=visit.slot_id).state == SlotState.TAKEN
        return refusal.value

    def test_a_full_target_keeps_the_old_place(self, visit):
        target = another(visit, count=1)
        fill(target)

        self.refused(visit, SoldOut, target)

    def test_a_taken_time_keeps_the_old_place(self, visit):
        target = another(visit)
        fill(target, 1)

        self.refused(visit, SlotTaken, target, starts_at=target.starts_at)

    def test_a_place_of_another_session_is_no_place_of_this_one(self, visit):
        target, elsewhere = another(visit), another(visit, days=2)

        self.refused(visit, SlotTaken, target, slot_uid=elsewhere.slots.first().uid)

    def test_another_department(self, visit):
        self.refused(visit, OtherDepartment, schedule_with_slots(1))

    def test_its_own_time(self, visit):
        schedule = visit.slot.schedule
        schedule.slots.filter(number=2).update(starts_at=visit.starts_at, ends_at=visit.ends_at)

        self.refused(visit, PatientBusy, schedule, starts_at=visit.starts_at)

    def test_a_time_at_which_the_patient_is_elsewhere(self, alice, visit):
        other = another(visit)
        book(alice, other, key="other")
        clashing = another(visit)

        self.refused(visit, PatientBusy, clashing)

    def test_a_day_on_which_the_patient_sees_that_doctor(self, alice, visit):
        target = another(visit)
        book(alice, target, key="other")

        self.refused(visit, AlreadyBookedDoctorDay, target)

    def test_a_day_on_which_the_department_sees_the_patient(self, alice, visit):
        visit.department.one_visit_a_day = True
        visit.department.save()
        first, second = another(visit), another(visit)
        second.slots.update(
            starts_at=second.ends_at - timedelta(minutes=20), ends_at=second.ends_at
        )
        book(alice, first, key="other")

        self.refused(visit, AlreadyBookedDepartmentDay, second)

    def test_a_day_that_is_full_for_the_patient(self, alice, visit):
        day = visit.service_date + timedelta(days=1)
        for number in (1, 2):
            other = schedule_with_slots(9, service_date=day)
            start = other.slots.get(number=number).starts_at
            book(alice, other, key=f"o{number}", starts_at=start)
        target = another(visit)

        self.refused(visit, TooManyOpen, target, starts_at=target.slots.get(number=3).starts_at)

    def test_what_is_not_on_sale(self, visit):
        now = clock.now()
        soon = another(visit, release_at=now + timedelta(minutes=5))
        over = another(visit, days=2, sale_stops_at=now)
        off = another(visit, days=4)
        call_off(off)

        refusal = self.refused(visit, NotOpenYet, soon)
        assert refusal.facts["opens_at"] == soon.release_at
        self.refused(visit, SaleOver, over)
        self.refused(visit, CalledOff, off)
        past = another(visit, days=3)
        self.refused(visit, InThePast, past, starts_at=now - timedelta(days=400))

    def test_places_that_are_kept_for_others(self, visit):
        target = another(visit, count=1)
        target.slots.update(reserved_rank=2, reserved_until=target.starts_at)

        self.refused(visit, SoldOut, target)
        target.slots.update(reserved_rank=DESK_RANK)
        self.refused(visit, SoldOut, target)
        assert reschedule(visit, target, by=UserFactory(is_staff=True))

    def test_a_hold_chooses_again_instead(self, alice):
        held = hold(alice, schedule_with_slots(3))

        self.refused(held, WrongState, another(held))

    def test_what_has_been_cancelled(self, alice, visit):
        cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())

        with pytest.raises(WrongState):
            reschedule(visit, another(visit))

    def test_a_strangers_visit_is_not_there(self, visit):
        with pytest.raises(Missing):
            reschedule(visit, another(visit), by=member_with_patient().user)
        assert as_it_was(visit)

    def test_a_draft_is_not_there(self, visit):
        with pytest.raises(Missing):
            reschedule(visit, another(visit, state="draft"))


class TestDeadlines:
    @pytest.mark.parametrize(("seconds", "may"), [(-1, True), (0, False)])
    def test_a_member_moves_it_until_the_deadline(self, visit, seconds, may):
        now = visit.cancel_until + timedelta(seconds=seconds)
        target = another(visit, days=2)

        if may:
            assert reschedule(visit, target, now=now)
        else:
            with pytest.raises(TooLateToCancel) as refusal:
                reschedule(visit, target, now=now)
            assert refusal.value.facts["deadline"] == visit.cancel_until
            assert as_it_was(visit)

    def test_a_tier_that_may_cancel_late_moves_it_late_but_not_after_the_start(self):
        gold = TierFactory(code="gold")
        PrivilegeFactory(tier=gold, key="can_cancel_late", value="true")
        visit = book(member_with_patient(tier=gold), schedule_with_slots(3))
        target = another(visit, days=2)

        with pytest.raises(TooLateToCancel):
            reschedule(visit, target, now=visit.starts_at)
        assert reschedule(visit, target, now=visit.starts_at - timedelta(seconds=1))

    def test_what_is_moved_late_stays_late(self):
        gold = TierFactory(code="gold")
        PrivilegeFactory(tier=gold, key="can_cancel_late", value="true")
        visit = book(member_with_patient(tier=gold), schedule_with_slots(3))
        deadline = visit.cancel_until

        once = reschedule(visit, another(visit, days=2), now=deadline, key="once")
        twice = reschedule(once, another(once, days=1), now=deadline, key="twice")

        assert [once.cancel_until, twice.cancel_until] == [deadline, deadline]

    def test_twice_unless_the_tier_allows_more(self, alice, visit):
        for number in (1, 2):
            visit = reschedule(visit, another(visit), key=str(number))

        with pytest.raises(RescheduleLimit) as refusal:
            reschedule(visit, another(visit))
        assert refusal.value.facts["limit"] == 2
        PrivilegeFactory(tier=alice.tier, key="free_reschedules", value="3")
        assert reschedule(visit, another(visit))

    def test_the_desk_is_bound_neither_to_deadline_nor_limit_nor_sale(self, alice, visit):
        PrivilegeFactory(tier=alice.tier, key="free_reschedules", value="0")
        target = another(visit, days=2, sale_stops_at=clock.now())

        moved = reschedule(
            visit, target, by=UserFactory(is_staff=True), now=visit.cancel_until + timedelta(1) / 2
        )

        assert (moved.sequence, moved.reschedules) == (1, 0)


class TestMoney:
    def test_what_nobody_has_paid_is_asked_for_anew(self, visit):
        moved = reschedule(visit, another(visit, fee=Decimal("200.00")))

        assert (moved.fee, moved.price) == (200, 200)
        assert [each.total for each in account(visit).invoices] == [200]
        assert Invoice.objects.filter(state=InvoiceState.VOID).count() == 1

    def test_at_the_same_price_the_invoice_stays(self, visit):
        invoice = account(visit).invoice

        reschedule(visit, another(visit))

        assert account(visit).invoices == [invoice]

    def test_dearer_asks_for_the_rest_which_is_due_before_check_in(self, visit):
        pay(visit)

        moved = reschedule(visit, another(visit, fee=Decimal("200.00")))

        assert moved.price == 200
        assert (account(visit).extra.total, account(visit).due) == (20, 20)
        here = {"appointment_uid": visit.uid, "by": UserFactory(is_staff=True)}
        with pytest.raises(PaymentDue):
            check_in(**here, now=moved.starts_at)
        pay(visit)
        assert account(visit).paid == 200
        assert check_in(**here, now=moved.starts_at).state == AppointmentState.ARRIVED

    def test_cheaper_asks_the_difference_back(self, visit):
        pay(visit)

        reschedule(visit, another(visit, fee=Decimal("120.00")))

        refund = Refund.objects.get()
        assert (refund.amount, refund.reason) == (60, RefundReason.CHEAPER)
        assert account(visit).paid == 120

    def test_a_rest_that_nobody_has_paid_gives_way_to_the_next_change(self, visit):
        pay(visit)
        visit = reschedule(visit, another(visit, fee=Decimal("200.00")), key="1")

        reschedule(visit, another(visit, fee=Decimal("190.00")), key="2")

        assert [each.total for each in account(visit).invoices] == [180, 10]

    def test_up_and_down_and_cancelled_gives_back_exactly_what_came_in(self, alice, visit):
        pay(visit)
        visit = reschedule(visit, another(visit, fee=Decimal("200.00")), key="1")
        pay(visit)
        visit = reschedule(visit, another(visit, fee=Decimal("50.00")), key="2")

        cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())

        assert sum(refund.amount for refund in Refund.objects.all()) == 200
        assert account(visit).paid == 0

    def test_to_a_place_that_costs_nothing_and_on(self, visit):
        pay(visit)
        visit = reschedule(visit, another(visit, fee=Decimal(0)), key="1")
        assert (visit.price, account(visit).paid) == (0, 0)

        visit = reschedule(visit, another(visit, fee=Decimal("30.00")), key="2")

        assert (account(visit).due, visit.price) == (30, 30)

    def test_at_the_price_of_the_tier_as_it_is_today(self, alice, visit):
        pay(visit)
        PrivilegeFactory(tier=alice.tier, key="discount_rate", value="0.9")

        moved = reschedule(visit, another(visit))

        assert (moved.fee, moved.discount, moved.price) == (180, 18, 162)
        assert Refund.objects.get().amount == 18

    def test_points_stay_used(self, alice):
        earn_points(member=alice, points=3000, reference="r", now=clock.now())
        visit = book(alice, schedule_with_slots(1), points=1000)

        moved = reschedule(visit, another(visit, fee=Decimal("200.00")))

        assert (moved.points, moved.price) == (1000, 190)
        assert account(visit).invoice.total == 190

    def test_points_are_never_worth_more_than_the_visit(self, alice):
        earn_points(member=alice, points=3600, reference="r", now=clock.now())
        visit = book(alice, schedule_with_slots(1), points=3600)

        with pytest.raises(TooManyPoints):
            reschedule(visit, another(visit, fee=Decimal("35.99")))
        assert as_it_was(visit)


def test_asks_no_more_questions_than_it_needs(visit, django_assert_max_num_queries):
    target = another(visit)

    with django_assert_max_num_queries(50):
        reschedule(visit, target)
    assert Appointment.objects.get().state == AppointmentState.BOOKED
