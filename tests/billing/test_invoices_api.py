"""Can a program pay for a member, once, and only what the member owes?"""

from decimal import Decimal

import pytest

from billing.models import Payment
from billing.services.refunds import refund_payment
from medbook import clock
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.appointments.paying import agree, at_the_bank, deliver, pay_online
from tests.billing.test_refunds_admin import staff_with
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]

LIST = f"{ROOT}invoices/"
VISITS = f"{ROOT}appointments/"
KEY = {"Idempotency-Key": "pay"}


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def visit(alice):
    """Book over the API a visit that is paid online."""
    schedule = schedule_with_slots(1)
    said = {
        "schedule": str(schedule.uid),
        "starts_at": schedule.starts_at.isoformat(),
        "patient": str(alice.links.get().patient.uid),
        "pay": "online",
    }
    answer = caller(alice).post(VISITS, said, headers={"Idempotency-Key": "book"})
    assert answer.status_code == 201
    return answer.json()


def pay(client, visit, headers=KEY, **said):
    address = f"{LIST}{visit['invoice']['id']}/payments/"
    return client.post(address, {"gateway": "sandbox", **said}, headers=headers)


def test_what_is_booked_names_its_invoice_which_is_paid_once(alice, visit):
    client = caller(alice)
    assert (visit["state"], visit["invoice"]["state"]) == ("held", "open")

    begun = pay(client, visit)
    again = pay(client, visit)

    assert begun.status_code == again.status_code == 201
    assert begun.json() == again.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert "/sandbox/pay/" in begun.json()["redirect_url"]
    at_the_bank(Payment.objects.get())
    deliver()
    assert client.get(f"{VISITS}{visit['id']}/").json()["state"] == "booked"
    paid = client.get(f"{LIST}{visit['invoice']['id']}/").json()
    assert (paid["state"], paid["total"]) == ("paid", "180.00")
    assert sum(Decimal(line["amount"]) for line in paid["lines"]) == Decimal(paid["total"])
    assert [each["state"] for each in paid["payments"]] == ["captured"]
    assert client.get(LIST, {"state": "open"}).json()["results"] == []
    assert refusal(pay(client, visit, {"Idempotency-Key": "more"})) == (409, "already_paid")


def test_only_whose_invoice_it_is_pays_it(visit):
    stranger = caller(member_with_patient())

    assert stranger.get(f"{LIST}{visit['invoice']['id']}/").status_code == 404
    assert pay(stranger, visit).status_code == 404
    assert stranger.get(LIST).json()["results"] == []


@pytest.mark.parametrize("amount", [-1, 0, "0.001", "1e9", 0.1, "180.00 USD"])
def test_nobody_says_how_much_it_costs(alice, visit, amount):
    assert wrong_fields(pay(caller(alice), visit, amount=amount)) == {"amount": "unknown_field"}
    assert not Payment.objects.exists()


def test_a_payment_needs_a_key_and_a_gateway_that_is_on(alice, visit):
    client = caller(alice)

    assert refusal(pay(client, visit, {})) == (400, "idempotency_key_required")
    assert refusal(pay(client, visit, gateway="alipay")) == (409, "unknown_gateway")
    assert wrong_fields(pay(client, visit, gateway="bitcoin")) == {"gateway": "invalid_choice"}


def test_a_refund_above_the_limit_is_approved_by_another_person(settings):
    settings.REFUND_LIMIT = Decimal(10)
    rights = "view_refund", "approve_refund"
    asked_by, other = staff_with(*rights), staff_with(*rights)
    payment = pay_online(agree(member_with_patient(), schedule_with_slots(1)))
    refund = refund_payment(
        payment_uid=payment.uid, amount=Decimal(20), key="late", by=asked_by, now=clock.now()
    )
    waiting = f"{ROOT}admin/refunds/"

    [row] = caller(other).get(waiting, {"state": "requested"}).json()["results"]
    assert (row["id"], row["amount"]) == (str(refund.uid), "20.00")
    approve = f"{waiting}{refund.uid}/approve/"
    assert refusal(caller(asked_by).post(approve)) == (409, "second_person_required")
    assert refusal(caller(staff_with()).post(approve)) == (403, "permission_denied")
    assert caller(other).post(approve).json()["state"] == "approved"
    assert refusal(caller(other).post(approve)) == (409, "wrong_state")


def test_what_is_paid_at_the_desk_is_an_invoice_too(alice):
    visit = book(alice, schedule_with_slots(1))

    [invoice] = caller(alice).get(LIST).json()["results"]

    assert invoice["appointment"] == str(visit.uid)
    assert invoice["payable_until"] is None
