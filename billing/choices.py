"""Which words do invoices and payments use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class InvoiceState(TextChoices):
    """States of an invoice."""

    OPEN = "open", _("To be paid")
    PAID = "paid", _("Paid")
    PART_REFUNDED = "part_refunded", _("Partly refunded")
    REFUNDED = "refunded", _("Refunded")
    VOID = "void", _("Void")


class LineKind(TextChoices):
    """What a line of an invoice stands for."""

    FEE = "fee", _("Registration fee")
    FREE_RETURN = "free_return", _("Free return visit")
    TIER_DISCOUNT = "tier_discount", _("Tier discount")
    POINTS = "points", _("Points")
    INSURANCE = "insurance", _("Insurance")


class Gateway(TextChoices):
    """Through which way money comes in."""

    DESK_CASH = "desk_cash", _("Cash at the desk")
    DESK_CARD = "desk_card", _("Card at the desk")
    SANDBOX = "sandbox", _("Sandbox Bank")
    ALIPAY = "alipay", _("Alipay")
    WECHATPAY = "wechatpay", _("WeChat Pay")

    @property
    def is_at_desk(self) -> bool:
        """Tell whether it is money that staff takes at the desk."""
        return self in DESK_GATEWAYS


DESK_GATEWAYS = (Gateway.DESK_CASH, Gateway.DESK_CARD)


class PaymentState(TextChoices):
    """States of a payment."""

    PENDING = "pending", pgettext_lazy("payment", "Under way")
    CAPTURED = "captured", _("Received")
    FAILED = "failed", pgettext_lazy("payment", "Failed")
    QUARANTINED = "quarantined", pgettext_lazy("payment", "Does not fit")


class NoticeResult(TextChoices):
    """What followed from a gateway's notification."""

    APPLIED = "applied", _("Taken in")
    NO_NEWS = "no_news", _("Nothing new")
    QUARANTINED = "quarantined", _("Set apart")


class QuarantineReason(TextChoices):
    """What does not fit."""

    UNKNOWN = "unknown", _("We know no such number")
    AMOUNT = "amount", _("Another amount than was asked for")
    CURRENCY = "currency", _("Another currency than was asked for")
    TRANSACTION = "transaction", _("Paid a second time under the same number")
    REFUND = "refund", _("Says another amount for a refund")


class QuarantineEnd(TextChoices):
    """What a person decided about it."""

    GIVEN_BACK = "given_back", pgettext_lazy("quarantine", "Given back")
    DISMISSED = "dismissed", _("Nothing to be done")


class RefundState(TextChoices):
    """States of a refund."""

    REQUESTED = "requested", _("Asked for")
    APPROVED = "approved", _("Approved")
    SENT = "sent", _("Sent")
    SUCCEEDED = "succeeded", _("Given back")
    FAILED = "failed", _("Failed")


class RefundReason(TextChoices):
    """Why money goes back."""

    CANCELLED = "cancelled", _("The visit was cancelled")
    CALLED_OFF = "called_off", _("The clinic called the visit off")
    CHEAPER = "cheaper", _("The new time costs less")
    EXTRA = "extra", _("Paid too much")
    LATE = "late", _("The place was gone when the payment came")
    GOODWILL = "goodwill", _("Goodwill of the clinic")


class ReceiptKind(TextChoices):
    """What a receipt confirms."""

    PAYMENT = "payment", _("Receipt")
    REFUND = "refund", _("Refund receipt")


class Insurer(TextChoices):
    """Who bears a part of fees."""

    SANDBOX = "sandbox", _("Sandbox Insurer")


class PolicyState(TextChoices):
    """Where a day lies to the period of a policy."""

    NOT_YET = "not_yet", _("not valid yet")
    VALID = "valid", _("valid")
    RUN_OUT = "run_out", _("has run out")


class ClaimState(TextChoices):
    """States of a claim."""

    QUOTED = "quoted", pgettext_lazy("claim", "Quoted")
    SUBMITTED = "submitted", pgettext_lazy("claim", "Submitted")
    ACCEPTED = "accepted", pgettext_lazy("claim", "Accepted")
    PART_ACCEPTED = "part_accepted", pgettext_lazy("claim", "Accepted in part")
    REJECTED = "rejected", pgettext_lazy("claim", "Rejected")
    REVERSED = "reversed", pgettext_lazy("claim", "Reversed")


class StatementDifference(TextChoices):
    """In which ways does an insurer's statement differ from our claims?"""

    MISSING_HERE = "missing_here", _("We know nothing of it")
    MISSING_THERE = "missing_there", _("Not on the statement")
    AMOUNT = "amount", _("Another amount")


class Account(TextChoices):
    """Where money can be: each way to pay keeps its own until it is settled."""

    DESK_CASH = "desk_cash", _("Cash at the desk")
    DESK_CARD = "desk_card", _("Card at the desk")
    SANDBOX = "sandbox", _("Sandbox Bank")
    ALIPAY = "alipay", _("Alipay")
    WECHATPAY = "wechatpay", _("WeChat Pay")
    BANK = "bank", _("Bank")
    MEMBERS = "members", _("Owed by members")
    INSURERS = "insurers", _("Owed by insurers")
    SURPLUS = "surplus", _("Paid too much, to be given back")
    REVENUE = "revenue", _("Registration fees")
    DISCOUNTS = "discounts", _("Discounts")
    POINTS = "points", _("Paid with points")
    REFUNDS = "refunds", _("Fees given back")
    GATEWAY_FEES = "gateway_fees", _("Fees of gateways")
    DIFFERENCES = "differences", _("Differences at the desk")
    WRITE_OFF = "write_off", _("Written off")


DESK_ACCOUNTS = (Account.DESK_CASH, Account.DESK_CARD)


class EntryKind(TextChoices):
    """Which movements of money the journal knows."""

    SALE = "sale", _("Fee charged")
    CAPTURE = "capture", _("Payment received")
    REFUND = "refund", _("Payment given back")
    POINTS_BACK = "points_back", _("Points given back")
    CLAIM = "claim", _("Insurer's share charged")
    CLAIM_CUT = "claim_cut", _("Not borne by the insurer")
    CLAIM_BACK = "claim_back", _("Insurer's share given back")
    CLAIM_PAID = "claim_paid", _("Insurer has paid")
    SETTLED = "settled", _("Settled by the gateway")
    CASH_COUNTED = "cash_counted", _("Counted at the desk")
    WRITE_OFF = "write_off", _("Written off")
    REVERSAL = "reversal", _("Reversal")


class MovementKind(TextChoices):
    """Which way money went at a gateway."""

    PAYMENT = "payment", _("Payment")
    REFUND = "refund", _("Refund")


class SettlementState(TextChoices):
    """States of a day at a gateway."""

    OPEN = "open", pgettext_lazy("settlement", "Open")
    CLOSED = "closed", pgettext_lazy("settlement", "Closed")


class StatementSource(TextChoices):
    """How a statement came to us."""

    API = "api", _("Fetched from the gateway")
    FILE = "file", pgettext_lazy("statement", "File")


class DifferenceKind(TextChoices):
    """In which ways a statement and our books differ."""

    MISSING_HERE = "missing_here", _("Missing here")
    MISSING_THERE = "missing_there", _("Missing at the gateway")
    AMOUNT_DIFFERS = "amount_differs", _("Another amount")
    STATE_DIFFERS = "state_differs", _("Another state")
    TWICE = "twice", _("Twice")


class Resolution(TextChoices):
    """What was done about a difference; nothing of it changes a row that is there."""

    TAKE_IN = "take_in", _("Take in")
    ASK = "ask", _("Ask the gateway")
    REVERSE = "reverse", _("Reverse")
    WRITE_OFF = "write_off", _("Write off")
    NEXT_DAY = "next_day", _("Next day")
