"""How many points does a member have, how did they come, and when do they expire?"""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import ExtractYear

from members.models import Member, PointEntry
from members.rules.points import Entry, Ledger


def balance(member: Member) -> int:
    """Tell a member's points as the last entry says. One query."""
    last = PointEntry.objects.filter(member=member).order_by("-seq")
    return last.values_list("balance_after", flat=True).first() or 0


def ledger_of(member: Member) -> Ledger:
    """Replay a member's entries. One query."""
    rows = PointEntry.objects.filter(member=member).order_by("seq")
    return Ledger(
        Entry(str(uid), amount, reason, reference, expires_at)
        for uid, amount, reason, reference, expires_at in rows.values_list(
            "uid", "amount", "reason", "reference", "expires_at"
        )
    )


def spendable(member: Member, now: datetime) -> int:
    """Tell how many points a member can spend now; none while more was taken back than was there.

    One query.
    """
    return ledger_of(member).spendable(now)


def point_entries(
    member: Member, *, year: int | None = None, reasons: Collection[str] = ()
) -> QuerySet[PointEntry]:
    """List a member's entries, the last first; perhaps of one year, perhaps of some kinds."""
    rows = PointEntry.objects.filter(member=member)
    if year is not None:
        rows = rows.filter(at__year=year)
    if reasons:
        rows = rows.filter(reason__in=reasons)
    return rows.order_by("-seq")


def years_of_points(member: Member) -> list[int]:
    """Tell in which years a member has entries, the last first. One query."""
    years = PointEntry.objects.filter(member=member).annotate(year=ExtractYear("at"))
    return list(years.order_by("-year").values_list("year", flat=True).distinct())


def entry_of(reason: str, reference: str) -> PointEntry | None:
    """Find the entry of a cause."""
    return PointEntry.objects.filter(reason=reason, reference=reference).first()


def members_with_expiring_points(now: datetime, until: datetime) -> list[int]:
    """Tell who has points left, and has had some that expire within a time. One query."""
    last_balance = PointEntry.objects.filter(member=OuterRef("member")).order_by("-seq")
    due = PointEntry.objects.filter(expires_at__gt=now, expires_at__lte=until)
    due = due.annotate(balance=Subquery(last_balance.values("balance_after")[:1]))
    due = due.filter(balance__gt=0).order_by("member_id")
    return list(due.values_list("member_id", flat=True).distinct())


def members_with_expired_points(now: datetime) -> list[int]:
    """Tell whose points are to be looked at: some have expired, and nothing was written since.

    Every entry is preceded by the expiry of what has expired by then. One query.
    """
    theirs = PointEntry.objects.filter(member=OuterRef("member"))
    last_balance = theirs.order_by("-seq").values("balance_after")[:1]
    due = PointEntry.objects.filter(expires_at__lte=now).exclude(
        Exists(theirs.filter(at__gte=OuterRef("expires_at")))
    )
    due = due.annotate(balance=Subquery(last_balance)).filter(balance__gt=0)
    return list(due.order_by("member_id").values_list("member_id", flat=True).distinct())
