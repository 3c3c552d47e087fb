"""How does a member come into another tier?"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import lazy

from medbook import locks
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import TierChangeKind
from members.errors import GrantPeriodWrong, GrantTooLow, ReasonMissing
from members.models import Member, Tier, TierChange, User
from members.rules import tiers as rules
from members.rules.tiers import Standing, Verdict
from members.selectors.tiers import base_tier_id, ladder, points_by_member, points_of_year
from members.selectors.wording import Fact
from members.services.messages import notify_member

BATCH = 500
PAGE = "membership/"
MESSAGES: Mapping[TierChangeKind, str] = {
    TierChangeKind.PROMOTED: "tier_promoted",
    TierChangeKind.DEMOTED: "tier_demoted",
    TierChangeKind.GRANTED: "tier_granted",
    TierChangeKind.GRANT_ENDED: "tier_grant_ended",
}

MOMENT = timedelta(seconds=1)  # what ends at midnight is good until the day before

log = structlog.get_logger(__name__)
Progress = Callable[[int, int], None]


def note_joining(*, member: Member, now: datetime) -> TierChange:
    """Write down in which tier somebody starts, in the transaction of joining."""
    return TierChange.objects.create(
        member=member, to_tier=member.tier, kind=TierChangeKind.JOINED, at=now
    )


@retry_on_conflict
@transaction.atomic(durable=True)
def grant_tier(
    *, member_uid: uuid.UUID, tier: Tier, until: datetime, reason: str, by: User, now: datetime
) -> Member:
    """Give a member a tier until an instant; what is booked already keeps its price and rules.

    Granted again, the new end counts. Raises: ReasonMissing, GrantPeriodWrong, GrantTooLow.
    """
    if not reason.strip():
        raise ReasonMissing()
    if not now < until <= now + rules.LONGEST_GRANT:
        raise GrantPeriodWrong()
    member = _locked(Member.objects.filter(uid=member_uid))
    steps, standing = ladder(), _standing(member)
    earned = rules.deserved(steps, points_of_year(member, now)).tier_id
    if not rules.is_above(steps, tier.pk, standing.base_id, earned):
        raise GrantTooLow(tier=tier.name)
    is_yearly = standing.base_id != steps[0].tier_id
    after = Standing(
        tier_id=tier.pk,
        base_id=standing.base_id,
        tier_until=standing.tier_until or (now + rules.YEAR if is_yearly else None),
        granted_until=until,
    )
    _change(member, Verdict(after, TierChangeKind.GRANTED), now, by=by, reason=reason.strip())
    return member


def review_tiers(*, now: datetime, progress: Progress | None = None) -> Counter[str]:
    """Put every member where the points of the last 365 days belong; count what was done.

    Each member is a transaction of its own, under the member's lock. Any number of reviews, late,
    doubled or at once, come to the same end. Who fails is counted, logged and tried again by the
    next one. `progress` hears how many of how many are looked at.
    Raises: DatabaseError when the database is away.
    """
    members = Member.objects.filter(erased_at=None)
    done, total, outcomes = 0, members.count(), Counter[str]()
    steps = ladder()
    for batch in _batches(members):
        points = points_by_member([member.pk for member in batch], now)
        for member in batch:
            standing = _standing(member)
            verdict = rules.review(steps, standing, points.get(member.pk, 0), now)
            if verdict.standing != standing:
                outcomes[_try_review(member, now)] += 1
        done += len(batch)
        if progress:
            progress(done, max(done, total))
    return outcomes


def _try_review(member: Member, now: datetime) -> str:
    try:
        return review_member(member_id=member.pk, now=now)
    except Exception as error:
        if isinstance(error, DatabaseError) and locks.is_away(error):
            raise
        log.warning("tier_review.failed", member=str(member.uid), error=type(error).__name__)
        return "failed"


@retry_on_conflict
@transaction.atomic(durable=True)
def review_member(*, member_id: int, now: datetime) -> str:
    """Put one member where the points belong; tell what was done: a kind, "notice" or "kept"."""
    member = _locked(Member.objects.filter(pk=member_id))
    points = points_of_year(member, now)
    verdict = rules.review(ladder(), _standing(member), points, now)
    _change(member, verdict, now, points=points)
    if verdict.is_notice:
        _announce_demotion(member, points, now)
    return verdict.kind or ("notice" if verdict.is_notice else "kept")


def _change(
    member: Member,
    verdict: Verdict,
    now: datetime,
    *,
    by: User | None = None,
    reason: str = "",
    points: int | None = None,
) -> None:
    """Write a verdict to the member, and where the tier changes to history, log and inbox."""
    before, standing = member.tier, verdict.standing
    member.tier = Tier.objects.get(pk=standing.tier_id)
    member.tier_until = standing.tier_until
    member.demotion_at = standing.demotion_at
    member.granted_until = standing.granted_until
    member.save(update_fields=["tier", "tier_until", "demotion_at", "granted_until"])
    if verdict.kind is None:
        return
    change = TierChange.objects.create(
        member=member,
        from_tier=before,
        to_tier=member.tier,
        kind=verdict.kind,
        reason=reason,
        points=points,
        by=by,
        until=standing.granted_until or standing.tier_until,
        at=now,
    )
    facts = {"from": before.code, "to": member.tier.code, "kind": verdict.kind.value}
    record_event(Action.MEMBER_TIER_CHANGED, subject=member, by=by, reason=reason, facts=facts)
    _tell(member, MESSAGES[verdict.kind], str(change.uid), now, before=before, until=change.until)


def _announce_demotion(member: Member, points: int, now: datetime) -> None:
    ends_at = member.demotion_at or now
    earned = rules.deserved(ladder(), points)
    record_event(
        Action.MEMBER_DEMOTION_ANNOUNCED,
        subject=member,
        facts={"tier": member.tier.code, "at": ends_at.isoformat(), "points": points},
    )
    _tell(
        member,
        "tier_demotion_notice",
        f"{member.uid}:{ends_at.isoformat()}",
        now,
        next_tier=Tier.objects.get(pk=earned.tier_id),
        ends_at=ends_at,
        points=points,
        needed=member.tier.points_from,
    )


def _tell(
    member: Member, kind: str, key: str, now: datetime, **facts: Tier | datetime | int | None
) -> None:
    """Tell a member; tiers and days are named in the language in which it is read."""
    said = {name: _fact(fact) for name, fact in {"tier": member.tier, **facts}.items()}
    notify_member(member=member, kind=kind, key=f"{kind}:{key}", facts=said, path=PAGE, now=now)


def _fact(fact: Tier | datetime | int | None) -> Fact:
    if isinstance(fact, Tier):
        return _said_later(getattr, fact, "name")
    if isinstance(fact, datetime):
        last_day = timezone.localtime(fact - MOMENT).date()
        return _said_later(date_format, last_day)
    return fact or 0


def _say(say: Callable[..., str], *about: object) -> str:
    return say(*about)


_said_later = lazy(_say, str)


def _standing(member: Member) -> Standing:
    is_granted = member.granted_until is not None
    return Standing(
        tier_id=member.tier_id,
        base_id=base_tier_id(member) if is_granted else member.tier_id,
        tier_until=member.tier_until,
        demotion_at=member.demotion_at,
        granted_until=member.granted_until,
    )


def _locked(members: QuerySet[Member]) -> Member:
    # Without the tier: a join would find nobody where the tier changes while we wait.
    return lock(members.select_related("user"), Rung.MEMBER).get()


def _batches(members: QuerySet[Member]) -> Iterator[list[Member]]:
    last = 0
    while batch := list(members.filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk
