"""How does a member move a visit on the pages, and see what comes back on cancelling?"""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from billing.models import Refund
from billing.services.refunds import hand_back_refund
from medbook import clock
from tests.appointments.booking import book, fill, hold, pay
from tests.factories import (
    DoctorFactory,
    PrivilegeFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


@pytest.fixture
def visit(alice):
    return book(alice, schedule_with_slots(3))


@pytest.fixture
def target(visit):
    """Return a session of a colleague on the next day, which costs more."""
    return schedule_with_slots(
        3,
        doctor=DoctorFactory(department=visit.department, slug="shen-yun", name_en="Shen Yun"),
        service_date=visit.service_date + timedelta(days=1),
        fee=Decimal("200.00"),
    )


def address(visit, page="reschedule"):
    return f"/en/appointments/{visit.reference}/{page}/"


def chosen(schedule, number=1):
    start = schedule.slots.get(number=number).starts_at
    return {"schedule_uid": str(schedule.uid), "starts_at": start.isoformat()}


def confirm(client, visit, schedule, number=1, **more):
    said = {**chosen(schedule, number), "idempotency_key": str(uuid.uuid4()), **more}
    return client.post(address(visit), said)


def unchanged(visit):
    now = Appointment.objects.get(pk=visit.pk)
    return (now.slot_id, now.sequence, now.state) == (visit.slot_id, 0, "booked")


class TestChoosing:
    def test_shows_the_time_now_and_the_doctors_times_without_holding_any(self, client, visit):
        page = client.get(address(visit))

        assert "Your time now" in page.text
        assert clock.text(visit.starts_at, "Asia/Shanghai") in page.text
        assert f'<form method="get" action="{address(visit)}">' in page.text
        assert "/en/book/" not in page.text

    def test_colleagues_of_the_department_are_within_reach(self, client, visit, target):
        page = client.get(address(visit), {"doctor": "shen-yun"})

        assert page.context["doctor"] == target.doctor
        assert "?doctor=shen-yun&amp;day=" in page.text
        assert target.doctor in client.get(address(visit)).context["others"]

    def test_doctors_of_other_departments_are_not(self, client, visit):
        other = DoctorFactory(slug="elsewhere")

        assert client.get(address(visit), {"doctor": other.slug}).status_code == 404

    def test_what_is_already_booked_does_not_overlap_itself(self, client, visit):
        visit.slot.schedule.slots.filter(number=2).update(
            starts_at=visit.starts_at, ends_at=visit.ends_at
        )

        [session] = client.get(address(visit)).context["sessions"]

        assert "overlap" not in [chip.state for chip in session.chips]

    def test_its_own_time_is_no_choice(self, client, visit, target):
        schedule = visit.slot.schedule
        schedule.slots.filter(number=2).update(starts_at=visit.starts_at, ends_at=visit.ends_at)
        schedule.slots.filter(number=3).update(ends_at=visit.starts_at + timedelta(hours=2))
        of_colleague = {"doctor": "shen-yun", "day": f"{visit.service_date}"}

        page = client.get(address(visit))
        colleague = client.get(address(visit), of_colleague)

        [session] = page.context["sessions"]
        assert [chip.state for chip in session.chips] == ["mine", "free"]
        for context in (page.context, colleague.context):
            shown = [*context["tail"], *context["colleagues"]]
            assert visit.starts_at not in [chip.starts_at for chip in shown]


class TestChecking:
    def test_says_old_and_new_and_what_is_left_to_pay(self, client, visit, target):
        pay(visit)

        page = client.get(address(visit), chosen(target, 2))

        assert page.status_code == 200
        assert clock.text(target.slots.get(number=2).starts_at, "Asia/Shanghai") in page.text
        assert (page.context["rest"], page.context["back"]) == (20, 0)
        assert "Please pay it at the front desk before you check in." in page.text
        assert unchanged(visit)

    def test_says_what_comes_back(self, client, visit, target):
        pay(visit)
        target.fee = Decimal("100.00")
        target.save()

        page = client.get(address(visit), chosen(target))

        assert (page.context["rest"], page.context["back"]) == (0, 80)

    def test_a_time_that_has_gone_keeps_the_old_and_offers_others(self, client, visit, target):
        fill(target, 1)

        page = client.get(address(visit), chosen(target))

        assert page.status_code == 409
        assert "Your old time is kept." in page.text
        assert page.context["alternatives"]


class TestConfirming:
    def test_moves_the_visit_and_says_so(self, client, visit, target):
        answer = confirm(client, visit, target)

        moved = Appointment.objects.get()
        assert answer["Location"] == f"{address(visit, '')[:-1]}?moved".replace("//", "/")
        assert moved.slot.schedule == target
        assert "Your visit is moved" in client.get(answer["Location"]).text

    def test_a_full_target_keeps_the_old_place(self, client, visit, target):
        fill(target)

        answer = confirm(client, visit, target)

        assert answer.status_code == 409
        assert "Your old time is kept." in answer.text
        assert unchanged(visit)

    def test_pressed_twice_moves_once(self, client, visit, target):
        key = str(uuid.uuid4())
        for _ in range(2):
            confirm(client, visit, target, idempotency_key=key)

        assert Appointment.objects.get().sequence == 1

    @pytest.mark.parametrize(
        "said",
        [
            {"schedule_uid": "x"},
            {"starts_at": "2026-02-30T09:00:00+08:00"},
            {"starts_at": "soon"},
            {"idempotency_key": ""},
        ],
    )
    def test_what_cannot_be_read_changes_nothing(self, client, visit, target, said):
        assert confirm(client, visit, target, **said).status_code == 422
        assert unchanged(visit)

    @pytest.mark.parametrize(
        "starts_at", ["2020-01-01T09:00:00+08:00", "2099-01-01T09:00:00+08:00"]
    )
    def test_times_that_are_no_times_of_it_change_nothing(self, client, visit, target, starts_at):
        assert confirm(client, visit, target, starts_at=starts_at).status_code == 409
        page = client.get(address(visit), {**chosen(target), "starts_at": starts_at})
        assert page.status_code == 409
        assert unchanged(visit)

    def test_a_session_that_is_not_there_is_not_found(self, client, visit, target):
        nowhere = {"schedule_uid": str(uuid.uuid4())}

        assert confirm(client, visit, target, **nowhere).status_code == 404
        assert unchanged(visit)


class TestNotMoving:
    def test_too_late_says_rule_tiers_and_phone(self, client, visit, target):
        visit.department.clinic.phone = "021-5555 0100"
        visit.department.clinic.save()

        with time_machine.travel(visit.cancel_until, tick=False):
            page = client.get(address(visit))
            answer = confirm(client, visit, target)

        assert "Free cancellation ended" in page.text
        assert "Gold" in page.text
        assert "021-5555 0100" in page.text
        assert answer.status_code == 409
        assert unchanged(visit)

    def test_used_up_says_so(self, client, alice, visit, target):
        PrivilegeFactory(tier=alice.tier, key="free_reschedules", value="0")

        assert "0 times online" in client.get(address(visit)).text
        assert confirm(client, visit, target).status_code == 409

    def test_a_strangers_visit_is_not_found(self, client, alice):
        visit = book(member_with_patient(), schedule_with_slots(1))

        assert client.get(address(visit)).status_code == 404
        assert client.post(address(visit)).status_code == 404

    def test_a_hold_and_a_cancelled_visit_lead_elsewhere(self, client, alice, visit):
        cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())
        assert client.get(address(visit))["Location"] == address(visit, "")[:-1]

        held = hold(alice, schedule_with_slots(1), key="held")

        assert client.get(address(held))["Location"] == address(held, "confirm")


def test_asks_few_questions(client, visit, target, django_assert_max_num_queries):
    with django_assert_max_num_queries(18):
        client.get(address(visit))
    with django_assert_max_num_queries(13):
        client.get(address(visit), chosen(target))


class TestCancelling:
    def test_says_what_comes_back_before_the_button_then_asks_for_it(self, client, visit):
        pay(visit)

        page = client.get(address(visit, "cancel"))
        answer = client.post(address(visit, "cancel"), {"reason": "no_time"})

        assert "Cancel this visit and get ¥180 back" in page.text
        assert Appointment.objects.get().cancel_cause == "no_time"
        assert Refund.objects.get().amount == 180
        assert "Ready for you at the front desk" in client.get(answer["Location"]).text

    def test_late_by_privilege_gives_back_the_departments_share(self, client, alice, visit):
        PrivilegeFactory(tier=alice.tier, key="can_cancel_late", value="true")
        pay(visit)

        with time_machine.travel(visit.cancel_until + timedelta(hours=1), tick=False):
            page = client.get(address(visit, "cancel"))
            client.post(address(visit, "cancel"))

        assert (page.context["refund"], page.context["kept"]) == (90, 90)
        assert Refund.objects.get().amount == 90

    def test_the_desk_gives_everything_back_late(self, client, visit):
        pay(visit)

        cancel_appointment(
            appointment_uid=visit.uid, by=UserFactory(is_staff=True), now=visit.cancel_until
        )

        assert Refund.objects.get().amount == 180

    def test_a_reason_that_is_no_reason_is_named_and_nothing_happens(self, client, visit):
        answer = client.post(address(visit, "cancel"), {"reason": "x"})

        assert answer.status_code == 422
        assert unchanged(visit)

    def test_the_member_sees_that_the_money_was_given_back(self, client, alice, visit):
        pay(visit)
        cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())

        hand_back_refund(
            refund_uid=Refund.objects.get().uid, by=UserFactory(is_staff=True), now=clock.now()
        )

        assert "Given back" in client.get(address(visit, "")[:-1]).text
