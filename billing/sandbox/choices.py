"""Which words does the bank use?"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class PaymentState(TextChoices):
    """States of a payment."""

    PENDING = "pending", _("Not paid yet")
    PAID = "paid", _("Paid")
    FAILED = "failed", _("Card declined")
    CLOSED = "closed", _("Closed")


class RefundState(TextChoices):
    """States of a refund."""

    PROCESSING = "processing", _("Under way")
    SUCCEEDED = "succeeded", _("Given back")
    FAILED = "failed", _("Failed")


class Behaviour(TextChoices):
    """How the bank behaves once somebody pays."""

    NORMAL = "normal", _("Normal: it tells the clinic at once")
    LATE = "late", _("Late: it tells the clinic after some seconds")
    DOUBLE = "double", _("Double: it tells the clinic twice")
    REORDERED = "reordered", _("Reordered: an older failure arrives after the success")
    WRONG_AMOUNT = "wrong_amount", _("Wrong amount: it takes 1.00 more")
    FORGED = "forged", _("Forged: a badly signed message arrives first")
    SILENT = "silent", _("Silent: it never tells the clinic")
    DECLINED = "declined", _("Declined: the card is refused")


class RefundBehaviour(TextChoices):
    """How the bank behaves when it is asked to give money back."""

    NORMAL = "normal", _("Normal: it gives the money back at once")
    LATE = "late", _("Late: it gives the money back after some seconds")
    FAIL = "fail", _("Fail: the card takes no refund")
    SILENT = "silent", _("Silent: it never tells the clinic")


class ClaimState(TextChoices):
    """States of a claim at the insurer."""

    PROCESSING = "processing", _("Under way")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    REVERSED = "reversed", _("Reversed")


class ClaimBehaviour(TextChoices):
    """How the insurer behaves when it is asked to bear a part of a fee."""

    ACCEPT = "accept", _("Accept: it bears all that is asked")
    PART = "part", _("Part: it bears half of it")
    REJECT = "reject", _("Reject: it bears nothing")
    LATE = "late", _("Late: it accepts after some seconds")
    SILENT = "silent", _("Silent: it accepts, and its answer is lost")


class GatewayState(TextChoices):
    """How the bank answers programs."""

    UP = "up", _("Up")
    DOWN = "down", _("Down: every request fails")
    SLOW = "slow", _("Slow: every answer takes 10 seconds")


class NotificationEvent(TextChoices):
    """What the bank tells the clinic."""

    PAYMENT_SUCCEEDED = "payment.succeeded", _("Payment succeeded")
    PAYMENT_FAILED = "payment.failed", _("Payment failed")
    REFUND_SUCCEEDED = "refund.succeeded", _("Refund succeeded")
    REFUND_FAILED = "refund.failed", _("Refund failed")
