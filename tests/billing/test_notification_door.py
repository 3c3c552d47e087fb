"""Does the door for notifications take in what a gateway has signed, and nothing else?"""

import pytest

from billing.models import GatewayNotice, Payment
from billing.sandbox.models import SandboxNotification
from medbook.audit.models import OperationLog
from tests.appointments.paying import agree, at_the_bank, begin, signed_notification
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bank")]

DOOR = "/webhooks/sandbox/"


@pytest.fixture
def told():
    """Return a notification of a payment that the bank has signed, and not sent yet."""
    at_the_bank(begin(agree(member_with_patient(), schedule_with_slots())))
    return signed_notification(SandboxNotification.objects.get())


def knock(client, told, body=None, door=DOOR):
    return client.generic(
        "POST", door, body or told.body, "application/json", headers=dict(told.headers)
    )


def test_what_is_signed_is_taken_in_once_however_often_it_comes(client, told):
    answers = [knock(client, told).status_code for _ in range(3)]

    assert answers == [200] * 3
    assert GatewayNotice.objects.count() == 1
    assert Payment.objects.get().state == "captured"


def test_what_nobody_has_signed_is_refused_and_noted_once_a_minute(client, told):
    changed = told.body.replace(b"180", b"181")

    answers = [knock(client, told, body).status_code for body in (changed, b"{}", b"\x00", b"[]")]

    assert answers == [400] * 4
    assert OperationLog.objects.filter(action="notification.forged").count() == 1
    assert Payment.objects.get().state == "pending"
    assert not GatewayNotice.objects.exists()


def test_a_gateway_that_is_off_has_no_door(client, told):
    assert knock(client, told, door="/webhooks/alipay/").status_code == 404
    assert client.get(DOOR).status_code == 405
