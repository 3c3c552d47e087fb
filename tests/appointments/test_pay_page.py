"""Does the page on which a member pays say how far it is, and lead on?"""

import uuid

import pytest
from django.urls import reverse

from billing.gateways.base import Way
from billing.gateways.sandbox import SandboxGateway
from billing.models import Payment, Refund
from billing.sandbox.choices import Behaviour
from tests.appointments.paying import agree, at_the_bank, deliver, pay_online
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]


@pytest.fixture
def visit(client):
    alice = member_with_patient()
    client.force_login(alice.user)
    return agree(alice, schedule_with_slots())


@pytest.fixture
def page(visit):
    return reverse("appointments:pay", args=[visit.reference])


def press(client, page, **said):
    return client.post(page, {"gateway": "sandbox", "idempotency_key": uuid.uuid4(), **said})


def ask(client, page):
    """Ask as the waiting page does each second."""
    return client.get(page, headers={"HX-Request": "true"})


def test_paying_leads_to_the_bank_and_back_to_the_visit(client, visit, page):
    assert "Pay ¥180" in client.get(page).text

    there = press(client, page)
    assert there.status_code == 302
    assert "/sandbox/pay/" in there["Location"]
    assert "We are waiting" in ask(client, page).text
    at_the_bank(Payment.objects.get())
    deliver()

    booked = reverse("appointments:booked", args=[visit.reference])
    assert ask(client, page)["HX-Redirect"] == booked
    assert client.get(page)["Location"] == booked


def test_who_asks_the_bank_is_booked_though_it_never_told(client, visit, page):
    press(client, page)
    at_the_bank(Payment.objects.get(), Behaviour.SILENT)

    client.post(page, {"check": "1"})
    deliver()

    assert client.get(page)["Location"].endswith("/booked/")


def test_a_declined_payment_is_told_in_the_words_of_the_bank(client, visit, page):
    pay_online(visit, Behaviour.DECLINED)

    assert ask(client, page)["HX-Redirect"] == page
    said = client.get(page).text
    assert "The payment service says: Card declined. Nothing was charged." in said
    assert "Pay ¥180" in said


def test_another_amount_pays_for_nothing_and_another_payment_can_be_made(client, visit, page):
    pay_online(visit, Behaviour.WRONG_AMOUNT)

    said = client.get(page).text
    assert "To keep this time, please pay again." in said
    assert "Pay ¥180" in said


def test_a_code_to_scan_is_drawn_on_the_page_which_waits(client, page, monkeypatch):
    monkeypatch.setattr(SandboxGateway, "create", lambda self, order: Way(qr="weixin://pay/1"))

    shown = press(client, page)

    assert shown.status_code == 200
    assert '<div class="qr" role="img" aria-label="Code for paying"><svg' in shown.text
    assert "We are waiting" in shown.text


def test_without_a_gateway_or_a_key_nothing_begins(client, page):
    for wrong in ({"gateway": "alipay"}, {"gateway": ""}, {"idempotency_key": "no"}):
        assert press(client, page, **wrong).status_code == 422
    assert not Payment.objects.exists()


def test_cancelling_says_how_the_money_goes_back(client, visit):
    pay_online(visit)
    cancel = reverse("appointments:cancel", args=[visit.reference])

    said = client.get(cancel).text
    assert "through Sandbox Bank" in said
    assert "at the front desk" not in said
    client.post(cancel)

    assert (
        "On its way back through Sandbox Bank"
        in client.get(reverse("appointments:appointment", args=[visit.reference])).text
    )
    assert Refund.objects.get().amount == 180
