"""Sandbox Bank without a network: its door and the merchant's are Django's test client."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from django.test import Client
from django.utils.datastructures import CaseInsensitiveMapping

from billing.gateways.base import PaymentOrder, RefundOrder
from billing.gateways.sandbox import SandboxGateway
from billing.sandbox.choices import Behaviour
from billing.sandbox.models import SandboxNotification, SandboxPayment
from billing.sandbox.services import settle_payment
from medbook import clock
from medbook.outgoing import Answer

NOTIFY_URL = "http://testserver/notified/"


def through_client(method, url, body, headers, _timeout):
    """Send as `medbook.outgoing.send` does, to this process."""
    answer = Client().generic(method, urlsplit(url).path, body, headers=headers)
    said = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(answer.status_code, said, answer.content)


class Merchant:
    """Somebody who is told what the bank has to tell, and answers as wished."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.heard = []

    def __call__(self, method, url, body, headers, _timeout):
        assert (method, url) == ("POST", NOTIFY_URL)
        self.heard.append((CaseInsensitiveMapping(headers), body))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return Answer(answer, {}, b"")


def order(number="P1", amount="162.00", **said):
    """Describe a payment of a visit."""
    return PaymentOrder(
        **{
            "number": number,
            "amount": Decimal(amount),
            "currency": "CNY",
            "title": "City Clinic",
            "return_url": "http://testserver/back/",
            "notify_url": NOTIFY_URL,
            "expires_at": clock.now() + timedelta(minutes=15),
            **said,
        }
    )


def refund_order(number="R1", amount="162.00", **said):
    """Describe a refund of that payment."""
    return RefundOrder(
        **{
            "number": number,
            "payment_number": "P1",
            "transaction": "",
            "amount": Decimal(amount),
            "paid": Decimal(162),
            "currency": "CNY",
            "notify_url": NOTIFY_URL,
            **said,
        }
    )


def payment_and_notification():
    """Open one payment that waits for money, and tell of another."""
    gateway = SandboxGateway(through_client)
    for number in ("P0", "P1"):
        gateway.create(order(number))
    paid, open_one = SandboxPayment.objects.order_by("number")
    settle_payment(
        payment_uid=paid.uid, behaviour=Behaviour.NORMAL, late_seconds=60, now=clock.now()
    )
    return open_one, SandboxNotification.objects.get()
