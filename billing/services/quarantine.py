"""What does a person decide about money that does not fit?"""

import uuid
from datetime import datetime

from django.db import transaction

from billing.choices import PaymentState, QuarantineEnd, QuarantineReason
from billing.errors import WrongState
from billing.models import Invoice, Payment, Quarantine
from billing.services.invoices import take_extra
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import User


@retry_on_conflict
@transaction.atomic(durable=True)
def decide_quarantine(
    *, quarantine_uid: uuid.UUID, end: QuarantineEnd, reason: str, by: User, now: datetime
) -> Quarantine:
    """Give back all of the money that came with another amount, or note that nothing is to do.

    It pays nothing either way: what was asked for stays as it is.
    Raises: WrongState where it is decided already, or cannot be given back from here; Missing.
    """
    known = Quarantine.objects.select_related("payment").filter(uid=quarantine_uid).first()
    if known is None:
        raise Missing()
    payment = _locked(known.payment)
    apart = lock(Quarantine.objects.filter(pk=known.pk), Rung.QUARANTINE).get()
    if apart.ended_at is not None:
        raise WrongState(state=apart.get_end_display())
    if end == QuarantineEnd.GIVEN_BACK:
        _give_back(apart, payment, by, now)
    elif payment is not None and payment.state == PaymentState.QUARANTINED:
        payment.state = PaymentState.FAILED
        payment.save(update_fields=["state"])
    apart.end = end
    apart.ended_at = now
    apart.ended_by = by
    apart.save(update_fields=["end", "ended_at", "ended_by"])
    facts = {"why": apart.why, "told": str(apart.amount), "decision": str(end)}
    record_event(Action.MONEY_DECIDED, subject=payment or apart, by=by, reason=reason, facts=facts)
    return apart


def may_give_back(apart: Quarantine) -> bool:
    """Tell whether it is our own payment, in another amount: its gateway can send that back."""
    is_known = apart.payment is not None and apart.payment.state == PaymentState.QUARANTINED
    return is_known and apart.why == QuarantineReason.AMOUNT and bool(apart.amount)


def _give_back(apart: Quarantine, payment: Payment | None, by: User, now: datetime) -> None:
    if payment is None or apart.amount is None or not may_give_back(apart):
        raise WrongState(state=apart.get_why_display())
    payment.amount = apart.amount
    payment.transaction = apart.transaction
    payment.captured_at = apart.at
    take_extra(payment, by, now)


def _locked(known: Payment | None) -> Payment | None:
    if known is None:
        return None
    invoice = lock(Invoice.objects.filter(pk=known.invoice_id), Rung.INVOICE).get()
    payment = lock(Payment.objects.filter(pk=known.pk), Rung.PAYMENT).get()
    payment.invoice = invoice
    return payment
