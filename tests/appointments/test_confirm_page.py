"""What does a member check before booking, and what if the hold runs out?"""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction

from appointments.choices import AppointmentState, EndReason
from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from billing.models import Invoice
from medbook import clock
from members.choices import Relation
from members.services.points import earn_points
from tests.appointments.booking import book, fill, hold
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


def address(appointment, page="confirm", language="en"):
    return f"/{language}/appointments/{appointment.reference}/{page}/"


@pytest.mark.parametrize(("language", "name"), [("en", "Chen Wei"), ("zh-hans", "陈伟")])
def test_shows_what_will_be_booked(client, alice, language, name):
    held = hold(alice, schedule_with_slots(1))

    page = client.get(address(held, language=language))

    assert page.status_code == 200
    assert name in page.text
    assert "¥180" in page.text
    assert page.context["hold_expires_at"] == held.hold_expires_at
    assert "no-store" in page["Cache-Control"]


def test_shows_what_the_tier_takes_off(client):
    gold = TierFactory(code="gold")
    PrivilegeFactory(tier=gold, key="discount_rate", value="0.9")
    member = member_with_patient(tier=gold)
    client.force_login(member.user)

    page = client.get(address(hold(member, schedule_with_slots(1))))

    assert "−¥18.00" in page.text
    assert "¥162.00" in page.text


def test_the_phone_number_stands_masked(client):
    member = member_with_patient(phone="+8613812345678")
    client.force_login(member.user)

    page = client.get(address(hold(member, schedule_with_slots(1))))

    assert "138****5678" in page.text
    assert "13812345678" not in page.text


def test_confirming_books_and_raises_the_invoice(client, alice):
    held = hold(alice, schedule_with_slots(1))

    answer = client.post(address(held), {"reason": "Chest pain"})

    booked = Appointment.objects.get()
    assert answer["Location"] == address(held, "booked")
    assert booked.state == AppointmentState.BOOKED
    assert booked.reason.reveal() == "Chest pain"
    assert Invoice.objects.get().total == booked.price


def test_confirming_twice_books_once(client, alice):
    held = hold(alice, schedule_with_slots(1))

    answers = [client.post(address(held), {}) for _ in range(2)]

    assert {answer["Location"] for answer in answers} == {address(held, "booked")}
    assert Invoice.objects.count() == 1


def test_the_patient_can_be_chosen(client, alice):
    mei = PatientFactory(name="Mei Chen")
    FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=mei)
    held = hold(alice, schedule_with_slots(1))

    page = client.get(address(held))
    client.post(address(held), {"patient": str(mei.uid)})

    assert "Mei Chen" in page.text
    assert Appointment.objects.get().patient == mei


def test_no_patient_chosen_is_said_and_the_answers_are_kept(client, alice):
    FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=PatientFactory())
    held = hold(alice, schedule_with_slots(1))

    answer = client.post(address(held), {"reason": "Chest pain"})

    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert "Chest pain" in answer.text
    assert Appointment.objects.get().state == AppointmentState.HELD


def test_nobody_books_for_a_strangers_patient(client, alice):
    FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=PatientFactory())
    stranger = PatientFactory()
    held = hold(alice, schedule_with_slots(1))

    assert client.post(address(held), {"patient": str(stranger.uid)}).status_code == 422
    assert Appointment.objects.get().patient != stranger


def test_a_patient_who_is_busy_is_named_on_the_page(client, alice):
    mei = PatientFactory(name="Mei Chen")
    FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=mei)
    visit = book(alice, schedule_with_slots(1), patient=mei, key="1")
    schedule = schedule_with_slots(1, service_date=visit.service_date)
    held = hold(alice, schedule, key="2")

    answer = client.post(address(held), {"patient": str(mei.uid)})

    assert answer.status_code == 409
    assert "already has an appointment at this time" in answer.text


def test_a_hold_that_ran_out_offers_the_time_again(client, alice):
    held = hold(alice, schedule_with_slots(2))
    ran_out = held.hold_expires_at + timedelta(seconds=1)

    with time_machine.travel(ran_out, tick=False):
        unswept = client.get(address(held))
        expire_lapsed_holds(now=clock.now())
        swept = client.post(address(held), {})

    for answer in (unswept, swept):
        assert answer.status_code == 410
        assert [chip.starts_at for chip in answer.context["again"]] == [held.starts_at]
    assert Appointment.objects.get().state == AppointmentState.EXPIRED


def test_a_hold_that_ran_out_and_went_to_another_offers_the_nearest(client, alice):
    schedule = schedule_with_slots(5)
    held = hold(alice, schedule)

    with time_machine.travel(held.hold_expires_at + timedelta(seconds=1), tick=False):
        expire_lapsed_holds(now=clock.now())
        fill(schedule, 1)
        page = client.get(address(held))

    assert page.status_code == 410
    assert not page.context["again"]
    assert [chip.starts_at for chip in page.context["helps"].times] == [
        slot.starts_at for slot in schedule.slots.filter(number__in=[2, 3, 4]).order_by("number")
    ]


def test_a_replaced_hold_is_over(client, alice):
    schedule = schedule_with_slots(2)
    first = hold(alice, schedule, key="1")
    hold(alice, schedule, key="2")

    assert client.get(address(first)).status_code == 410
    first.refresh_from_db()
    assert first.end_reason == EndReason.REPLACED


def test_five_more_minutes_are_given_once(client, alice):
    held = hold(alice, schedule_with_slots(1))

    before = client.get(address(held))
    client.post(address(held, "extend"))
    answer = client.post(address(held, "extend"))

    extended = Appointment.objects.get()
    assert extended.hold_expires_at == held.hold_expires_at + timedelta(minutes=5)
    assert answer["Location"] == address(held)
    assert "/extend/" in before.text
    assert "/extend/" not in client.get(address(held)).text


def test_more_time_for_a_hold_that_ran_out_is_answered_410(client, alice):
    held = hold(alice, schedule_with_slots(1))

    with time_machine.travel(held.hold_expires_at, tick=False):
        assert client.post(address(held, "extend")).status_code == 410


def test_asking_for_more_time_by_address_leads_back(client, alice):
    held = hold(alice, schedule_with_slots(1))

    assert client.get(address(held, "extend"))["Location"] == address(held)


def test_what_is_booked_or_cancelled_leads_to_its_page(client, alice):
    visit = book(alice, schedule_with_slots(1))

    assert client.get(address(visit))["Location"] == address(visit, "booked")
    cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())
    assert client.get(address(visit))["Location"] == f"/en/appointments/{visit.reference}/"


@pytest.mark.parametrize("page", ["confirm", "extend"])
def test_a_strangers_hold_is_not_found(client, alice, page):
    held = hold(member_with_patient(), schedule_with_slots(1))

    assert client.get(address(held, page)).status_code == 404
    assert client.post(address(held, page)).status_code == 404
    assert Appointment.objects.get().state == AppointmentState.HELD


def test_signed_out_leads_to_sign_in_and_back(client):
    held = hold(member_with_patient(), schedule_with_slots(1))

    answer = client.get(address(held))

    assert answer["Location"] == f"/en/sign-in/?next={address(held)}"


def test_asks_few_questions(client, alice, django_assert_max_num_queries):
    for number in range(3):
        FamilyLinkFactory(
            member=alice, relation=Relation.CHILD, patient=PatientFactory(name=f"Child {number}")
        )
    held = hold(alice, schedule_with_slots(1))

    with django_assert_max_num_queries(12):
        client.get(address(held))


def with_points(member, points=5000):
    with transaction.atomic():
        earn_points(member=member, points=points, reference="visit", now=clock.now())


def test_without_points_there_is_nothing_to_choose(client, alice):
    page = client.get(address(hold(alice, schedule_with_slots(1))))

    assert 'name="points"' not in page.text
    assert 'name="preview"' not in page.text


@pytest.mark.parametrize(
    ("said", "points", "total"),
    [
        ({"preview": "typed", "points": "1000"}, 1000, "¥170.00"),
        ({"preview": "typed", "points": "3601"}, 3600, "¥144.00"),
        ({"preview": "typed", "points": "9" * 40}, 0, "¥180.00"),
        ({"preview": "typed", "points": "-5"}, 0, "¥180.00"),
        ({"preview": "typed", "points": "٣"}, 0, "¥180.00"),
        ({"preview": "typed", "points": "\0"}, 0, "¥180.00"),
        ({"preview": "all", "points": "7"}, 3600, "¥144.00"),
    ],
)
def test_shows_the_price_with_points_before_anything_is_booked(client, alice, said, points, total):
    with_points(alice)
    held = hold(alice, schedule_with_slots(1))

    page = client.post(address(held), {"reason": "Chest pain", **said})

    assert page.status_code == 200
    assert (page.context["points"], page.context["quote"].points) == (points, points)
    assert total in page.text
    assert "Chest pain" in page.text
    held.refresh_from_db()
    assert held.state == AppointmentState.HELD


def test_books_with_the_points_whose_price_was_shown(client, alice):
    with_points(alice)
    held = hold(alice, schedule_with_slots(1))

    answer = client.post(address(held), {"points": "1000", "shown_points": "1000"})

    assert answer.status_code == 302
    assert Invoice.objects.get().total == 170
    page = client.get(address(held, "booked"))
    assert "you earn 170 points" in " ".join(page.text.split())


@pytest.mark.parametrize("shown", ["0", "", "999"])
def test_asks_again_where_another_price_was_shown(client, alice, shown):
    with_points(alice)
    held = hold(alice, schedule_with_slots(1))

    answer = client.post(address(held), {"points": "1000", "shown_points": shown})

    assert answer.status_code == 409
    assert "With these points the price is another one." in answer.text
    assert "¥170.00" in answer.text
    assert 'name="shown_points" value="1000"' in answer.text
    held.refresh_from_db()
    assert held.state == AppointmentState.HELD


@pytest.mark.parametrize("points", ["-1", "3601", "1.5", "x", "1e3", "9" * 40])
def test_a_number_of_points_that_cannot_be_is_named(client, alice, points):
    with_points(alice)
    held = hold(alice, schedule_with_slots(1))

    answer = client.post(address(held), {"points": points, "shown_points": points})

    assert answer.status_code == 422
    assert 'href="#id_points"' in answer.text
    held.refresh_from_db()
    assert held.state == AppointmentState.HELD


def test_points_that_were_used_meanwhile_are_refused(client, alice, monkeypatch):
    with_points(alice, 1000)
    held = hold(alice, schedule_with_slots(1))
    monkeypatch.setattr("appointments.views.booking.spendable", lambda member, now: 2000)

    answer = client.post(address(held), {"points": "2000", "shown_points": "2000"})

    assert answer.status_code == 409
    assert "There are not enough points: 1000 can be used." in answer.text
