"""How do points come and go? One entry for each cause, under the member's lock."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Abs
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import lazy
from django.utils.translation import pgettext

from medbook.approvals.choices import Kind
from medbook.approvals.models import Approval
from medbook.approvals.services import ask_approval
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, require_transaction, retry_on_conflict
from members.choices import PointReason
from members.errors import NotEnoughPoints, ReasonMissing
from members.models import Member, PointEntry, User
from members.rules import points as rules
from members.selectors.points import (
    entry_of,
    ledger_of,
    members_with_expired_points,
    members_with_expiring_points,
)
from members.services.messages import notify_member

ACTIONS = {
    PointReason.EARNED: Action.POINTS_EARNED,
    PointReason.SPENT: Action.POINTS_SPENT,
    PointReason.GIVEN_BACK: Action.POINTS_GIVEN_BACK,
    PointReason.TAKEN_BACK: Action.POINTS_TAKEN_BACK,
    PointReason.EXPIRED: Action.POINTS_EXPIRED,
    PointReason.ADJUSTED: Action.POINTS_ADJUSTED,
}
ADDED_UP_OVER = timedelta(days=1)  # so that many small adjustments are no way round the limit
ANNOUNCED_AHEAD = timedelta(days=30)
LAST_MOMENT = timedelta(microseconds=1)  # points end at a midnight: their last day is before it
PAGE = "membership/points/"


def lock_member(uid: uuid.UUID) -> Member:
    """Lock the member whose points are to move, in the caller's transaction.

    Raises: Member.DoesNotExist.
    """
    members = Member.objects.select_related("user").filter(uid=uid)
    return lock(members, Rung.MEMBER).get()


# Inside another act's transaction, whose caller has locked the member


def earn_points(*, member: Member, points: int, reference: str, now: datetime) -> PointEntry | None:
    """Credit points for a visit; once for a reference, and nothing for no points."""
    if points <= 0 or entry_of(PointReason.EARNED, reference):
        return None
    _write_off_expired(member, now)
    entry = _write(member, points, PointReason.EARNED, reference, now, expires_at=_end(now))
    _tell(entry, "points_earned", points)
    return entry


def spend_points(
    *, member: Member, points: int, reference: str, by: User, now: datetime
) -> PointEntry | None:
    """Use points, those that expire first; once for a reference, and nothing for no points.

    Raises: NotEnoughPoints.
    """
    if points <= 0 or entry_of(PointReason.SPENT, reference):
        return None
    spendable = _write_off_expired(member, now).spendable(now)
    if points > spendable:
        raise NotEnoughPoints(balance=spendable)
    return _write(member, -points, PointReason.SPENT, reference, now, by=by)


def give_back_points(*, member: Member, reference: str, now: datetime) -> int:
    """Give back what was spent under a reference, each part with its old expiry; tell how much.

    What has expired meanwhile comes back and expires at once. Doing it again adds nothing.
    """
    if entry_of(PointReason.GIVEN_BACK, f"{reference}:1"):
        return 0
    parts = ledger_of(member).taken_by(PointReason.SPENT, reference)
    entries = [
        _write(
            member,
            part.points,
            PointReason.GIVEN_BACK,
            f"{reference}:{number}",
            now,
            expires_at=part.expires_at,
        )
        for number, part in enumerate(parts, start=1)
    ]
    given = sum(entry.amount for entry in entries)
    if given:
        _write_off_expired(member, now)
        _tell(entries[-1], "points_given_back", given)
    return given


def take_back_points(
    *, member: Member, points: int, reference: str, now: datetime
) -> PointEntry | None:
    """Take back points for money that went back; once for a refund, and even below zero."""
    if points <= 0 or entry_of(PointReason.TAKEN_BACK, reference):
        return None
    _write_off_expired(member, now)
    entry = _write(member, -points, PointReason.TAKEN_BACK, reference, now)
    _tell(entry, "points_taken_back", points)
    return entry


def carry_out_adjustment(*, approval: Approval, by: User, now: datetime) -> None:
    """Adjust points as `by`, a second person, has approved. Raises: NotEnoughPoints."""
    member = lock_member(approval.subject_uid)
    asker = User.objects.get(uid=approval.asked_by_uid)
    _adjust(member, approval.facts["points"], approval.reason, approval.key, asker, now)


# Called by doors


@retry_on_conflict
@transaction.atomic(durable=True)
def adjust_points(
    *, member_uid: uuid.UUID, points: int, reason: str, key: str, by: User, now: datetime
) -> Approval | None:
    """Add or take points for a stated reason; above the limit, ask a second person instead.

    What one person alone gives or takes one member within a day is added up. The same key acts
    once.
    Raises: ReasonMissing, NotEnoughPoints.
    """
    if not reason.strip():
        raise ReasonMissing()
    member = lock_member(member_uid)
    reference = f"adjustment:{member.uid}:{key}"
    if entry_of(PointReason.ADJUSTED, reference):
        return None
    if abs(points) + _adjusted_lately(member, by, now) <= settings.POINTS_ADJUSTMENT_LIMIT:
        _adjust(member, points, reason.strip(), reference, by, now)
        return None
    return ask_approval(
        kind=Kind.POINTS_ADJUSTMENT,
        key=reference,
        subject=member,
        facts={"points": points},
        reason=reason.strip(),
        by=by,
        now=now,
    )


def expire_points(*, now: datetime) -> int:
    """Write off all points that have expired, each member's in a transaction; tell how many."""
    due = members_with_expired_points(now)
    return sum(_expire_points_of_one(member_id, now) for member_id in due)


def announce_expiring_points(*, now: datetime) -> int:
    """Tell members 30 days ahead how many points will expire, once for each day; tell how many."""
    due = members_with_expiring_points(now, now + ANNOUNCED_AHEAD)
    return sum(_announce_to_one(member_id, now) for member_id in due)


@retry_on_conflict
@transaction.atomic(durable=True)
def _announce_to_one(member_id: int, now: datetime) -> int:
    member = lock(Member.objects.filter(pk=member_id), Rung.MEMBER).get()
    soon = [
        (part.points, part.expires_at)
        for part in ledger_of(member).expiring(now)
        if part.expires_at and part.expires_at <= now + ANNOUNCED_AHEAD
    ]
    for points, expires_at in soon:
        notify_member(
            member=member,
            kind="points_expiring",
            key=f"{expires_at:%Y-%m-%d}",
            facts={"points": points, "day": _last_day(expires_at)},
            path=PAGE,
            now=now,
        )
    return len(soon)


@retry_on_conflict
@transaction.atomic(durable=True)
def _expire_points_of_one(member_id: int, now: datetime) -> int:
    member = lock(Member.objects.filter(pk=member_id), Rung.MEMBER).get()
    return sum(lot.left for lot in _write_off_expired(member, now).expired(now))


def _adjust(
    member: Member, points: int, reason: str, reference: str, by: User, now: datetime
) -> None:
    spendable = _write_off_expired(member, now).spendable(now)
    if spendable + points < 0:
        raise NotEnoughPoints(balance=spendable)
    entry = _write(
        member,
        points,
        PointReason.ADJUSTED,
        reference,
        now,
        expires_at=_end(now) if points > 0 else None,
        note=reason,
        by=by,
    )
    _tell(entry, "points_adjusted", f"{points:+d}")


def _write_off_expired(member: Member, now: datetime) -> rules.Ledger:
    """Write off what has expired, before anything else is written; return how it was before."""
    ledger = ledger_of(member)
    for lot in ledger.expired(now):
        _write(member, -lot.left, PointReason.EXPIRED, lot.uid, now)
    return ledger


def _adjusted_lately(member: Member, by: User, now: datetime) -> int:
    recent = PointEntry.objects.filter(
        member=member, by=by, reason=PointReason.ADJUSTED, at__gt=now - ADDED_UP_OVER
    )
    approved = Approval.objects.filter(subject_uid=member.uid).values("key")
    recent = recent.exclude(reference__in=approved)
    return recent.aggregate(sum=Sum(Abs("amount")))["sum"] or 0


def _write(
    member: Member,
    amount: int,
    reason: PointReason,
    reference: str,
    now: datetime,
    **more: Any,
) -> PointEntry:
    """Add the next entry of a member who is locked."""
    require_transaction()
    last = PointEntry.objects.filter(member=member).order_by("-seq").first()
    entry = PointEntry.objects.create(
        member=member,
        seq=last.seq + 1 if last else 1,
        at=now,
        amount=amount,
        balance_after=(last.balance_after if last else 0) + amount,
        reason=reason,
        reference=reference,
        **more,
    )
    record_event(
        ACTIONS[reason],
        subject=member,
        by=entry.by,
        reason=entry.note,
        facts={"points": amount, "balance": entry.balance_after, "reference": reference},
    )
    return entry


def _end(now: datetime) -> datetime:
    return rules.expires_at(now, settings.TIME_ZONE)


def _said_day(expires_at: datetime) -> str:
    day = timezone.localtime(expires_at - LAST_MOMENT).date()
    return date_format(day, pgettext("day and year", "j M Y"))


_last_day = lazy(_said_day, str)  # said in the language of whoever reads


def _tell(entry: PointEntry, kind: str, points: int | str) -> None:
    notify_member(
        member=entry.member,
        kind=kind,
        key=str(entry.uid),
        facts={"points": points, "balance": entry.balance_after},
        path=PAGE,
        now=entry.at,
    )
