"""Which money is to go back, and what keeps it?"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet, Sum
from django.db.models.aggregates import Count
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy

from billing.choices import DESK_GATEWAYS, RefundState
from billing.models import Quarantine, Refund
from billing.selectors import Staff

AT_DESK = Q(payment__gateway__in=DESK_GATEWAYS)
IS_ALLOWED = Q(amount__lte=settings.REFUND_LIMIT) | Q(approved_at__isnull=False)
REQUESTED = Q(state=RefundState.REQUESTED)
QUEUES: dict[str, Q] = {
    "waiting": REQUESTED & ~IS_ALLOWED,
    "failed": Q(state=RefundState.FAILED),
    "under_way": Q(state__in=(RefundState.APPROVED, RefundState.SENT)),
    "desk": REQUESTED & AT_DESK & IS_ALLOWED,
    "done": Q(state=RefundState.SUCCEEDED),
}
TITLES: dict[str, str | Promise] = {
    "waiting": _("To be approved"),
    "failed": pgettext_lazy("refunds", "Failed"),
    "under_way": _("On the way"),
    "desk": _("To be handed over at the desk"),
    "done": pgettext_lazy("refunds", "Given back"),
}


@dataclass(frozen=True)
class Queue:
    """One of the queues: how many refunds stand there, over how much."""

    name: str
    title: str | Promise
    count: int
    totals: list[tuple[str, Decimal]]


def refund_queues() -> list[Queue]:
    """Count the refunds of each queue, with their sums by currency. One query for each."""
    return [_queue(name) for name in QUEUES]


def refunds_in(name: str) -> QuerySet[Refund]:
    """List the refunds of a queue, the oldest first; what is done, the latest first."""
    rows = _rows().filter(QUEUES[name])
    return rows.order_by("-settled_at") if name == "done" else rows.order_by("requested_at", "id")


def chosen_refunds(uids: Collection[UUID]) -> QuerySet[Refund]:
    """Find refunds by their ids, the oldest first."""
    return _rows().filter(uid__in=uids).order_by("requested_at", "id")


def refunds_to_decide(*, by: Staff, now: Any) -> str | None:
    """Say how many refunds wait for this person's approval, or have failed. One query."""
    if not by.has_perm("billing.approve_refund"):
        return None
    count = Refund.objects.filter(QUEUES["waiting"] | QUEUES["failed"]).count()
    if not count:
        return None
    return ngettext(
        "%(count)d refund waits for a decision.", "%(count)d refunds wait for a decision.", count
    ) % {"count": count}


def open_quarantines() -> QuerySet[Quarantine]:
    """List the money that does not fit and of which nobody has decided yet."""
    rows = Quarantine.objects.filter(ended_at__isnull=True)
    return rows.select_related("payment__invoice").order_by("noticed_at", "id")


def money_to_decide(*, by: Staff, now: Any) -> str | None:
    """Say how much money stands apart and waits for this person. One query."""
    if not by.has_perm("billing.resolve_quarantine"):
        return None
    count = open_quarantines().count()
    if not count:
        return None
    return ngettext(
        "%(count)d payment does not fit and waits for a decision.",
        "%(count)d payments do not fit and wait for a decision.",
        count,
    ) % {"count": count}


def _queue(name: str) -> Queue:
    sums = Refund.objects.filter(QUEUES[name]).values("currency").order_by("currency")
    found = list(sums.annotate(count=Count("id"), total=Sum("amount")))
    return Queue(
        name,
        TITLES[name],
        sum(row["count"] for row in found),
        [(row["currency"], row["total"]) for row in found],
    )


def _rows() -> QuerySet[Refund]:
    return Refund.objects.select_related(
        "payment__invoice__member__user", "requested_by", "approved_by"
    )
