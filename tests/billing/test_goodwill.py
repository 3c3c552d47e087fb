"""Does staff give back a part of a payment, once, and never more than came in?"""

import uuid

import pytest
from django.urls import reverse

from billing.models import Payment, Refund
from tests.appointments.booking import book, pay
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def give_back(client):
    """Press the button for one paid visit, with the form as it was rendered."""
    payment = pay(book(member_with_patient(), schedule_with_slots()))
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    key = str(uuid.uuid4())

    def press(amount, key=key):
        form = {"action": "give_back", "_selected_action": [payment.pk], "confirmed": "yes"}
        address = reverse("admin:billing_payment_changelist")
        return client.post(address, {**form, "amount": amount, "key": key}, follow=True)

    return press


def test_a_part_goes_back_once_however_often_it_is_pressed(give_back):
    assert "asked back" in give_back("50").text
    give_back("50")

    assert list(Refund.objects.values_list("amount", "reason")) == [(50, "goodwill")]


def test_no_more_goes_back_than_is_left(give_back):
    give_back("150")
    refused = give_back("30.01", key=str(uuid.uuid4()))

    assert "At most ¥30" in refused.text
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1e400", "NaN", "Infinity", "1,5", "", "x"])
def test_what_is_no_amount_gives_nothing_back(give_back, amount):
    assert give_back(amount).status_code == 422
    assert not Refund.objects.exists()
    assert Payment.objects.count() == 1
