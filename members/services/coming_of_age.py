"""Who is told that a child will soon have to agree in person?"""

from collections.abc import Iterator
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.functional import lazy
from django.utils.translation import pgettext

from medbook import clock
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import ConsentState, Relation
from members.models import FamilyLink, Member
from members.rules import family
from members.services.messages import notify_member

BATCH = 500
PAGE = "patients/"


def announce_coming_of_age(*, now: datetime) -> int:
    """Tell members 30 days ahead whose own consent they will need, once each; tell how many."""
    return sum(
        _announce_one(link.pk, link.member_id, now)
        for batch in _batches()
        for link in batch
        if _day_to_tell(link, now)
    )


@retry_on_conflict
@transaction.atomic(durable=True)
def _announce_one(link_id: int, member_id: int, now: datetime) -> int:
    """Look again under the member's lock: a link may be gone by now."""
    member = lock(Member.objects.filter(pk=member_id), Rung.MEMBER).get()
    link = _links_of_minors().filter(pk=link_id).first()
    day = _day_to_tell(link, now) if link else None
    if link is None or day is None:
        return 0
    notify_member(
        member=member,
        kind="consent_at_18",
        key=str(link.patient.uid),
        facts={"name": link.called, "day": _birthday(day)},
        path=PAGE,
        now=now,
    )
    return 1


def _day_to_tell(link: FamilyLink, now: datetime) -> date | None:
    day = link.asks_own_consent_on()
    return day if family.is_told(day, clock.site_date(now)) else None


def _links_of_minors() -> QuerySet[FamilyLink]:
    """Find the links that may be a guardian's; birth dates are sealed, so each is opened."""
    return (
        FamilyLink.objects.standing()
        .filter(
            relation__in=[Relation.CHILD, Relation.OTHER],
            member__user__is_active=True,
        )
        .exclude(consent=ConsentState.WITHDRAWN)
        .select_related("patient")
    )


def _batches() -> Iterator[list[FamilyLink]]:
    last = 0
    while batch := list(_links_of_minors().filter(pk__gt=last).order_by("pk")[:BATCH]):
        yield batch
        last = batch[-1].pk


def _said_day(day: date) -> str:
    return date_format(day, pgettext("day and year", "j M Y"))


_birthday = lazy(_said_day, str)  # said in the language of whoever reads
