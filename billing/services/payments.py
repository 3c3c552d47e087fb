"""How is an invoice paid through a gateway?

A payment is written down before its gateway hears of it, and no network is asked inside a
transaction. What the gateway answers, notifies and tells when it is asked all go the same way.
Order of the steps, and what each crash leaves behind: docs/flows/payments.md.
"""

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from django.db import transaction
from django.utils.translation import gettext as _

from billing.choices import InvoiceState, NoticeResult, PaymentState, QuarantineReason
from billing.errors import (
    AlreadyPaid,
    GatewayAway,
    NothingToPay,
    PaymentDeclined,
    TooLateToPay,
    UnknownGateway,
)
from billing.gateways import base
from billing.gateways.base import Outcome, PaymentNews, PaymentOrder, Way
from billing.gateways.registry import enabled, gateway_of, notify_url
from billing.models import GatewayNotice, Invoice, Payment, Quarantine
from billing.rules import waiting as rules
from billing.services.invoices import capture, void
from billing.services.refunds import apply_refund_news
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.idempotency.services import once
from medbook.locks import Rung, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Member, User

log = structlog.get_logger(__name__)

ENDPOINT = "pay"
UNDECIDED = (PaymentState.PENDING, PaymentState.FAILED)  # a failure may still be put right


@dataclass(frozen=True)
class Started:
    """A payment under way, where the payer goes, and whether the request was made before."""

    payment: Payment
    way: Way
    is_replay: bool


def start_payment(
    *,
    invoice_uid: uuid.UUID,
    member: Member,
    gateway: str,
    return_url: str,
    idempotency_key: str,
    by: User,
    now: datetime,
) -> Started:
    """Begin to pay an open invoice; the same key begins once, and leads to the same place.

    Raises: UnknownGateway, AlreadyPaid, NothingToPay, TooLateToPay, PaymentDeclined, GatewayAway,
    InProgress, IdempotencyKeyReused, Missing.
    """
    payment, is_replay = _open(invoice_uid, member, gateway, idempotency_key, by, now)
    if payment.state == PaymentState.FAILED:
        raise PaymentDeclined(why=payment.message or payment.get_state_display())
    if payment.state != PaymentState.PENDING:
        raise AlreadyPaid()
    order = PaymentOrder(
        number=payment.number,
        amount=payment.amount,
        currency=payment.currency,
        title=_("Registration fee %(number)s") % {"number": payment.invoice.reference},
        return_url=return_url,
        notify_url=notify_url(gateway),
        expires_at=rules.expires_at(payment.expires_at, now),
    )
    try:
        way = gateway_of(gateway).create(order)
    except base.GatewayAway as silence:
        raise GatewayAway(retry_after=5) from silence
    except base.GatewayRefused as refusal:
        news = PaymentNews(payment.number, Outcome.FAILED, message=refusal.why)
        note_payment_news(gateway=gateway, news=news, now=now)
        raise PaymentDeclined(why=refusal.why) from refusal
    return Started(payment, way, is_replay)


def take_in_notification(*, gateway: str, notification: base.Notification, now: datetime) -> None:
    """Take in what a gateway has signed; the same event a second time changes nothing.

    Raises: Forged where it was not signed by the gateway, or not lately; LookupError for a gateway
    that is switched off.
    """
    event = gateway_of(gateway).verify(notification)
    digest = hashlib.sha256(notification.body).hexdigest()
    _note_event(gateway, event, digest, now)


@retry_on_conflict
@transaction.atomic(durable=True)
def note_payment_news(*, gateway: str, news: PaymentNews, now: datetime) -> None:
    """Take in what a gateway says of a payment; news that is old changes nothing."""
    _apply(gateway, news, now)


def check_payment(*, payment_uid: uuid.UUID, now: datetime) -> Payment:
    """Ask the gateway what became of a payment that is under way, and take that in.

    A gateway that does not answer leaves it as it is. Raises: Missing.
    """
    payment = Payment.objects.filter(uid=payment_uid).first()
    if payment is None:
        raise Missing()
    if payment.state == PaymentState.PENDING and payment.gateway in enabled():
        _ask(payment, now)
        payment.refresh_from_db()
    return payment


def settle_undecided_payments(*, now: datetime) -> int:
    """Ask the gateways about payments from which nothing was heard; tell how many were asked."""
    due = Payment.objects.undecided(now).order_by("next_query_at")
    asked = 0
    for payment in due.filter(gateway__in=enabled())[:200]:
        pause = rules.next_query_at(payment.queries, now)
        mine = Payment.objects.undecided(now).filter(pk=payment.pk)
        if mine.update(next_query_at=pause, queries=payment.queries + 1):
            _ask(payment, now)
            asked += 1
    return asked


def _ask(payment: Payment, now: datetime) -> None:
    gateway = gateway_of(payment.gateway)
    try:
        if rules.is_to_close(payment.expires_at, now):
            gateway.close(payment.number)
        news = gateway.query(payment.number)
    except (base.GatewayAway, base.GatewayRefused) as silence:
        log.warning("payment.unanswered", gateway=payment.gateway, error=type(silence).__name__)
        return
    if news.outcome == Outcome.UNKNOWN and payment.expires_at and payment.expires_at <= now:
        news = replace(news, outcome=Outcome.FAILED)  # before that, the payer may still get there
    note_payment_news(gateway=payment.gateway, news=news, now=now)


@retry_on_conflict
@transaction.atomic(durable=True)
def _open(
    invoice_uid: uuid.UUID, member: Member, gateway: str, key: str, by: User, now: datetime
) -> tuple[Payment, bool]:
    """Write down that an invoice is about to be paid; tell whether it had been written before."""
    if gateway not in enabled():
        raise UnknownGateway()
    with once(by, ENDPOINT, key, {"invoice": invoice_uid, "gateway": gateway}) as attempt:
        if attempt.earlier_uid:
            earlier = Payment.objects.select_related("invoice").get(uid=attempt.earlier_uid)
            return earlier, True
        rows = Invoice.objects.filter(uid=invoice_uid, member=member)
        invoice = lock(rows, Rung.INVOICE).first()
        if invoice is None:
            raise Missing()
        if invoice.state == InvoiceState.VOID:
            raise NothingToPay()
        if not invoice.is_due:
            raise AlreadyPaid()
        if invoice.payable_until and invoice.payable_until <= now:
            raise TooLateToPay()
        payment = Payment.objects.create(
            invoice=invoice,
            gateway=gateway,
            amount=invoice.total,
            currency=invoice.currency,
            requested_at=now,
            expires_at=rules.expires_at(invoice.payable_until, now),
            next_query_at=rules.next_query_at(0, now),
        )
        facts = {"invoice": invoice.reference, "gateway": gateway, "amount": str(payment.amount)}
        record_event(Action.PAYMENT_STARTED, subject=payment, by=by, facts=facts)
        attempt.remember(payment)
        return payment, False


@retry_on_conflict
@transaction.atomic(durable=True)
def _note_event(gateway: str, event: base.Event, digest: str, now: datetime) -> None:
    notice, is_new = GatewayNotice.objects.get_or_create(
        gateway=gateway,
        event_id=event.id,
        defaults={
            "number": event.news.number[:64] if event.news else "",
            "received_at": now,
            "digest": digest,
            "result": NoticeResult.NO_NEWS,
        },
    )
    if not is_new:
        return
    if isinstance(event.news, PaymentNews):
        result = _apply(gateway, event.news, now)
    elif event.news is not None:
        refund = apply_refund_news(event.news, now)
        result = NoticeResult.APPLIED if refund else NoticeResult.NO_NEWS
    else:
        return
    notice.result = result
    notice.save(update_fields=["result"])


def _apply(gateway: str, news: PaymentNews, now: datetime) -> NoticeResult:
    """Move a payment on by what its gateway says of it, under the locks of invoice and payment."""
    known = _payment_of(gateway, news.number)
    if known is None:
        if news.outcome == Outcome.SUCCEEDED:
            return _quarantine(gateway, news, QuarantineReason.UNKNOWN, None, now)
        return NoticeResult.NO_NEWS
    invoice = lock(Invoice.objects.filter(pk=known.invoice_id), Rung.INVOICE).get()
    payment = lock(Payment.objects.filter(pk=known.pk), Rung.PAYMENT).get()
    payment.invoice = invoice
    if news.outcome in (Outcome.PENDING, Outcome.UNKNOWN):
        return NoticeResult.NO_NEWS
    if news.outcome == Outcome.FAILED:
        return _fail(payment, invoice, news, now)
    if misfit := _misfit(payment, news):
        return _quarantine(gateway, news, misfit, payment, now)
    if payment.state not in UNDECIDED:
        return NoticeResult.NO_NEWS
    payment.transaction = news.transaction
    payment.captured_at = news.at
    capture(payment, invoice, None, now)
    return NoticeResult.APPLIED


def _misfit(payment: Payment, news: PaymentNews) -> QuarantineReason | None:
    """Tell what of some good news does not fit the payment that it is about."""
    if news.currency != payment.currency:
        return QuarantineReason.CURRENCY
    if news.amount != payment.amount:
        return QuarantineReason.AMOUNT
    if payment.transaction and payment.transaction != news.transaction:
        return QuarantineReason.TRANSACTION
    others = Payment.objects.filter(gateway=payment.gateway, transaction=news.transaction)
    if news.transaction and others.exclude(pk=payment.pk).exists():
        return QuarantineReason.TRANSACTION
    return None


def _fail(payment: Payment, invoice: Invoice, news: PaymentNews, now: datetime) -> NoticeResult:
    if payment.state != PaymentState.PENDING:
        return NoticeResult.NO_NEWS  # an older word than the one that was taken in
    payment.state = PaymentState.FAILED
    payment.next_query_at = None
    payment.message = news.message[:200]
    payment.save()
    facts = {"invoice": invoice.reference, "gateway": payment.gateway}
    record_event(Action.PAYMENT_FAILED, subject=payment, facts=facts)
    outbox.add("payment.failed", key=payment.uid, subject=invoice.subject)
    return NoticeResult.APPLIED


def _quarantine(
    gateway: str,
    news: PaymentNews,
    why: QuarantineReason,
    payment: Payment | None,
    now: datetime,
) -> NoticeResult:
    """Set money apart that does not fit; the same is set apart once."""
    said = {"gateway": gateway, "number": news.number[:64], "transaction": news.transaction}
    if Quarantine.objects.filter(**said, why=why).exists():
        return NoticeResult.NO_NEWS
    apart = Quarantine.objects.create(
        **said,
        payment=payment,
        amount=news.amount,
        currency=news.currency,
        at=news.at,
        why=why,
        noticed_at=now,
    )
    if payment and payment.state in UNDECIDED:
        payment.state = PaymentState.QUARANTINED
        payment.next_query_at = None
        payment.save()
    facts = {"gateway": gateway, "why": why, "told": str(news.amount)}
    record_event(Action.MONEY_QUARANTINED, subject=payment or apart, facts=facts)
    log.error("money.quarantined", gateway=gateway, why=str(why))
    return NoticeResult.QUARANTINED


def _payment_of(gateway: str, number: str) -> Payment | None:
    try:
        return Payment.objects.filter(gateway=gateway, uid=uuid.UUID(hex=number)).first()
    except ValueError:
        return None


@retry_on_conflict
@transaction.atomic(durable=True)
def give_up_overdue_invoices(*, now: datetime) -> int:
    """Void what nobody paid in time and for which no payment is under way; tell how many."""
    overdue = Invoice.objects.filter(state=InvoiceState.OPEN, payable_until__lte=now)
    undecided = (PaymentState.PENDING, PaymentState.QUARANTINED)
    rows = overdue.exclude(payments__state__in=undecided).order_by("id")
    invoices = list(lock(rows, Rung.INVOICE, skip_locked=True))
    for invoice in invoices:
        void(invoice, None, now)
        outbox.add("invoice.given_up", key=invoice.uid, subject=invoice.subject)
    return len(invoices)
