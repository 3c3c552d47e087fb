"""What does the bank say of its payments, refunds and days?"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from billing.sandbox.choices import PaymentState, RefundState
from billing.sandbox.models import SandboxConsole, SandboxPayment, SandboxRefund
from medbook import money

COLUMNS = ("kind", "number", "transaction", "amount", "currency", "at", "fee")
FEE_RATE = Decimal("0.006")
PLANTED = Decimal("0.50")


def console() -> SandboxConsole:
    """Return the one row, made when it is asked for first."""
    return SandboxConsole.objects.get_or_create(pk=1)[0]


def told_payment(payment: SandboxPayment, *, now: datetime) -> dict[str, Any]:
    """Say what programs hear of a payment."""
    is_told = payment.told_from is None or payment.told_from <= now
    is_paid = is_told and payment.state == PaymentState.PAID
    amount = payment.taken if is_paid else payment.amount
    return {
        "number": payment.number,
        "state": str(payment.state) if is_told else PaymentState.PENDING.value,
        "transaction": payment.transaction if is_paid else "",
        "amount": f"{amount:.2f}",
        "currency": payment.currency,
        "paid_at": payment.paid_at.isoformat() if is_paid and payment.paid_at else None,
        "message": payment.message if is_told else "",
    }


def told_refund(refund: SandboxRefund, *, now: datetime) -> dict[str, Any]:
    """Say what programs hear of a refund."""
    is_told = refund.told_from <= now
    is_done = is_told and refund.state == RefundState.SUCCEEDED
    return {
        "number": refund.number,
        "payment_number": refund.payment.number,
        "state": str(refund.state) if is_told else RefundState.PROCESSING.value,
        "transaction": refund.uid.hex,
        "amount": f"{refund.amount:.2f}",
        "currency": refund.currency,
        "refunded_at": refund.told_from.isoformat() if is_done else None,
        "message": refund.message if is_told else "",
    }


def statement(day: date, *, now: datetime) -> list[dict[str, str]]:
    """List what moved on a day of the site's zone, with the differences that were asked for."""
    begin, end = bounds(day, now)
    payments = SandboxPayment.objects.filter(
        state=PaymentState.PAID, paid_at__gte=begin, paid_at__lt=end
    )
    refunds = SandboxRefund.objects.filter(
        state=RefundState.SUCCEEDED, told_from__gte=begin, told_from__lt=end
    ).select_related("payment")
    lines = [_payment_line(payment) for payment in payments]
    lines += [_refund_line(refund) for refund in refunds]
    noon = begin + timedelta(hours=12)
    return _with_differences(sorted(lines, key=lambda line: line["at"]), f"{day:%Y%m%d}", noon)


def bounds(day: date, now: datetime) -> tuple[datetime, datetime]:
    """Tell when a day of the site's zone begins, and when it ends, as far as it is over."""
    begin = datetime.combine(day, time(), ZoneInfo(settings.TIME_ZONE)).astimezone(UTC)
    return begin, min(begin + timedelta(days=1), now + timedelta(microseconds=1))


def _payment_line(payment: SandboxPayment) -> dict[str, str]:
    taken, at = payment.taken or Decimal(0), payment.paid_at or payment.created_at
    facts = {"number": payment.number, "transaction": payment.transaction}
    return _line("payment", facts, taken, payment.currency, at)


def _refund_line(refund: SandboxRefund) -> dict[str, str]:
    facts = {"number": refund.number, "transaction": refund.uid.hex}
    return _line("refund", facts, refund.amount, refund.currency, refund.told_from)


def _line(
    kind: str, facts: Mapping[str, str], amount: Decimal, currency: str, at: datetime
) -> dict[str, str]:
    fee = money.rounded(amount * FEE_RATE) if kind == "payment" else Decimal(0)
    said = {"kind": kind, **facts, "amount": f"{amount:.2f}", "currency": currency}
    return {**said, "at": at.isoformat(), "fee": f"{fee:.2f}"}


def _with_differences(
    lines: list[dict[str, str]], day: str, noon: datetime
) -> list[dict[str, str]]:
    wanted = console()
    if wanted.leaves_out_latest:
        lines = lines[:-1]
    if wanted.changes_amount and lines:
        lines[0]["amount"] = f"{Decimal(lines[0]['amount']) + PLANTED:.2f}"
    if wanted.doubles_refund:
        lines += [dict(line) for line in lines if line["kind"] == "refund"][:1]
    if wanted.adds_unknown:
        facts = {"number": f"UNKNOWN{day}", "transaction": day.zfill(32)}
        lines.append(_line("payment", facts, Decimal(100), settings.CURRENCY, noon))
    return lines
