from decimal import Decimal

import pytest
from django.test import Client

from appointments.services.receipts import issue_receipts
from billing.models import Receipt, Refund
from billing.services.refunds import hand_back_refund, refund_payment
from medbook import clock
from tests.appointments.booking import book, pay
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def visit():
    """Alice's visit: 180 are paid, and 50 given back."""
    visit = book(member_with_patient(), schedule_with_slots())
    payment = pay(visit)
    refund_payment(
        payment_uid=payment.uid, amount=Decimal(50), key="k", by=UserFactory(), now=clock.now()
    )
    hand_back_refund(refund_uid=Refund.objects.get().uid, by=UserFactory(), now=clock.now())
    issue_receipts(subject=visit.subject)
    return visit


@pytest.fixture
def alice(client, visit):
    client.force_login(visit.member.user)
    return client


@pytest.fixture
def receipts(visit):
    return list(Receipt.objects.order_by("id"))


def test_a_receipt_says_it_all_and_appends_what_went_back(alice, visit, receipts):
    first, second = receipts

    answer = alice.get(f"/en/receipts/{first.number}/")

    number = str(visit.patient.identity_number)
    assert "*" in number
    for said in (first.number, "East Clinic", "Chen Wei", "A.", number, "Cash at the desk"):
        assert said in answer.text
    for said in ("¥180.00", "−¥50.00", second.number, first.shown_code, "Not a tax invoice."):
        assert said in answer.text
    assert "UTC+8" in answer.text
    assert visit.patient.identity_number.reveal() not in answer.text
    assert "<svg" in answer.text
    assert "元" not in answer.text
    assert "no-store" in answer["Cache-Control"]


def test_a_refund_has_its_own_page_that_leads_to_the_payments(alice, receipts):
    first, second = receipts

    answer = alice.get(f"/en/receipts/{second.number}/")

    assert f"/en/receipts/{first.number}/" in answer.text
    assert "Goodwill of the clinic" in answer.text


def test_chinese_pages_spell_the_total_out(alice, receipts):
    first, second = receipts

    assert "壹佰捌拾元整" in alice.get(f"/zh-hans/receipts/{first.number}/").text
    assert "伍拾元整" in alice.get(f"/zh-hans/receipts/{second.number}/").text


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_file_is_a_pdf_of_half_a_page_that_nobody_keeps(alice, receipts, language):
    for receipt in receipts:
        answer = alice.get(f"/{language}/receipts/{receipt.number}/receipt.pdf")

        assert answer.content.startswith(b"%PDF-")
        assert b"/MediaBox [ 0 0 419.5276 595.2756 ]" in answer.content
        assert b"/Count 1" in answer.content
        name = f'attachment; filename="{receipt.number}.pdf"'
        assert answer["Content-Disposition"] == name
        assert "no-store" in answer["Cache-Control"]


def test_lists_receipts_and_visits_lead_to_them(alice, visit, receipts):
    first, second = receipts

    listed = alice.get("/en/receipts/").text
    assert listed.index(second.number) < listed.index(first.number)
    for page in ("", "booked/"):
        answer = alice.get(f"/en/appointments/{visit.reference}/{page}")
        assert f"/en/receipts/{first.number}/" in answer.text


def test_others_find_nothing(client, receipts):
    client.force_login(member_with_patient().user)

    for page in ("", "receipt.pdf"):
        assert client.get(f"/en/receipts/{receipts[0].number}/{page}").status_code == 404
    assert "No receipts yet." in client.get("/en/receipts/").text


def test_anybody_with_the_code_learns_that_it_is_genuine_and_no_names(visit, receipts):
    first, second = receipts

    answer = Client().get(f"/en/receipts/verify/{first.verify_code.lower()}/")

    assert answer.status_code == 200
    for said in ("is genuine", first.number, "East Clinic", "¥180.00", "¥50.00"):
        assert said in answer.text
    for personal in ("A.", "Chen Wei", str(visit.patient.identity_number), visit.member.number):
        assert personal not in answer.text
    assert first.number in Client().get(f"/en/receipts/verify/{second.verify_code}/").text


def test_number_and_code_can_be_typed(receipts):
    first, second = receipts
    typed = {"number": first.number.lower(), "code": first.shown_code.lower()}

    assert Client().get("/en/receipts/verify/").status_code == 200
    found = Client().get("/en/receipts/verify/", typed)
    assert found["Location"] == f"/en/receipts/verify/{first.verify_code}/"
    wrong = Client().get("/en/receipts/verify/", {**typed, "number": second.number})
    assert (wrong.status_code, "no receipt with this number" in wrong.text) == (422, True)


def test_another_code_is_not_genuine(receipts):
    answer = Client().get(f"/en/receipts/verify/{'0' * 20}/")

    assert answer.status_code == 404
    assert "not genuine" in answer.text
