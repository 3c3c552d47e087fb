"""What happens at the bank: payments are opened, paid and closed, and money goes back."""

import json
import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum

from billing.sandbox.choices import (
    Behaviour,
    NotificationEvent,
    PaymentState,
    RefundBehaviour,
    RefundState,
)
from billing.sandbox.errors import ExceedsPayment, NotPaid, NumberReused, Unknown
from billing.sandbox.models import SandboxNotification, SandboxPayment, SandboxRefund
from billing.sandbox.selectors import console, told_payment, told_refund

CARD_DECLINED = "Card declined"
REFUND_REFUSED = "The card takes no refund"
TAKEN_TOO_MUCH = Decimal("1.00")
A_MOMENT = timedelta(seconds=1)
AFTER_THE_FORGED = timedelta(seconds=5)
KEEPS_TRYING = timedelta(hours=24)


def open_payment(
    *, number: str, amount: Decimal, now: datetime, **said: Any
) -> tuple[SandboxPayment, bool]:
    """Open a payment, or find it by its number. Raises: NumberReused."""
    payment, is_new = SandboxPayment.objects.get_or_create(
        number=number, defaults={"amount": amount, "created_at": now, **said}
    )
    if payment.amount != amount:
        raise NumberReused
    return payment, is_new


@transaction.atomic
def close_payment(*, number: str) -> SandboxPayment:
    """Take no more money; what was paid stays paid. Raises: Unknown."""
    payment = SandboxPayment.objects.select_for_update().filter(number=number).first()
    if payment is None:
        raise Unknown
    if payment.state == PaymentState.PENDING:
        payment.state = PaymentState.CLOSED
        payment.save()
    return payment


@transaction.atomic
def settle_payment(
    *, payment_uid: uuid.UUID, behaviour: Behaviour, late_seconds: int, now: datetime
) -> bool:
    """Take the money, or decline; tell the merchant. Returns whether it was not too late."""
    payment = SandboxPayment.objects.select_for_update().get(uid=payment_uid)
    if payment.state != PaymentState.PENDING or payment.expires_at <= now:
        return False
    payment.behaviour = behaviour
    if behaviour == Behaviour.DECLINED:
        payment.state, payment.message = PaymentState.FAILED, CARD_DECLINED
    else:
        payment.state, payment.paid_at = PaymentState.PAID, now
        payment.transaction = secrets.token_hex(16)
        extra = TAKEN_TOO_MUCH if behaviour == Behaviour.WRONG_AMOUNT else Decimal(0)
        payment.taken = payment.amount + extra
    if behaviour == Behaviour.LATE:
        payment.told_from = now + timedelta(seconds=late_seconds)
    payment.save()
    _tell_of_payment(payment, now)
    return True


def _tell_of_payment(payment: SandboxPayment, now: datetime) -> None:
    due = payment.told_from or now
    facts = told_payment(payment, now=due)
    succeeded, failed = NotificationEvent.PAYMENT_SUCCEEDED, NotificationEvent.PAYMENT_FAILED
    match payment.behaviour:
        case Behaviour.SILENT:
            return
        case Behaviour.DECLINED:
            _tell(payment.notify_url, failed, facts, at=now, due=due)
            return
        case Behaviour.FORGED:
            _tell(payment.notify_url, succeeded, facts, at=now, due=due, is_forged=True)
            due += AFTER_THE_FORGED
        case Behaviour.DOUBLE:
            _tell(payment.notify_url, succeeded, facts, at=now, due=due)
    _tell(payment.notify_url, succeeded, facts, at=now, due=due)
    if payment.behaviour == Behaviour.REORDERED:
        before = {**facts, "state": PaymentState.FAILED, "transaction": "", "paid_at": None}
        before |= {"message": CARD_DECLINED}
        earlier = now - timedelta(minutes=1)
        _tell(payment.notify_url, failed, before, at=earlier, due=due + A_MOMENT)


@transaction.atomic
def open_refund(
    *, number: str, payment_number: str, amount: Decimal, notify_url: str, now: datetime
) -> tuple[SandboxRefund, bool]:
    """Give money back, or find the refund by its number.

    Raises: NotPaid, NumberReused, ExceedsPayment.
    """
    rows = SandboxPayment.objects.select_for_update().filter(number=payment_number)
    payment = rows.first()
    if payment is None or payment.taken is None:
        raise NotPaid
    known = SandboxRefund.objects.filter(number=number).first()
    if known is not None:
        if (known.payment_id, known.amount) != (payment.pk, amount):
            raise NumberReused
        return known, False
    if amount > payment.taken - _given_back(payment):
        raise ExceedsPayment
    behaviour, told_from = console().refund_behaviour, now
    if behaviour == RefundBehaviour.LATE:
        told_from = now + timedelta(seconds=console().late_seconds)
    elif behaviour == RefundBehaviour.SILENT:
        told_from = now + A_MOMENT  # else the answer itself would tell
    refund = SandboxRefund.objects.create(
        payment=payment,
        number=number,
        amount=amount,
        notify_url=notify_url,
        state=RefundState.SUCCEEDED,
        created_at=now,
        told_from=told_from,
    )
    event = NotificationEvent.REFUND_SUCCEEDED
    if behaviour == RefundBehaviour.FAIL:
        refund.state, refund.message = RefundState.FAILED, REFUND_REFUSED
        refund.save()
        event = NotificationEvent.REFUND_FAILED
    if behaviour != RefundBehaviour.SILENT:
        _tell(notify_url, event, told_refund(refund, now=told_from), at=told_from, due=told_from)
    return refund, True


def _given_back(payment: SandboxPayment) -> Decimal:
    live = payment.refunds.exclude(state=RefundState.FAILED)
    return live.aggregate(sum=Sum("amount"))["sum"] or Decimal(0)


def _tell(
    url: str,
    event: NotificationEvent,
    facts: Mapping[str, Any],
    *,
    at: datetime,
    due: datetime,
    is_forged: bool = False,
) -> None:
    uid = uuid.uuid4()
    said = {"id": uid.hex, "event": event, "at": at.isoformat(), **facts}
    SandboxNotification.objects.create(
        uid=uid,
        event=event,
        number=facts["number"],
        url=url,
        body=json.dumps(said, ensure_ascii=False),
        is_forged=is_forged,
        created_at=due,
        due_at=due,
        gives_up_at=due + KEEPS_TRYING,
    )


def send_again(*, notification_uid: uuid.UUID, now: datetime) -> None:
    """Send a notification once more, and until it is acknowledged."""
    SandboxNotification.objects.filter(uid=notification_uid).update(
        due_at=now, gives_up_at=now + KEEPS_TRYING, attempts=0, delivered_at=None, answer=""
    )
