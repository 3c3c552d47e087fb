"""How does an API refusal say what helps?"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from appointments.api.waiting import AlternativesSerializer
from appointments.selectors.alternatives import Alternatives, alternatives_to
from appointments.selectors.catalogue import seen_schedule
from appointments.selectors.terms import terms_of
from appointments.selectors.visits import of_member
from medbook import clock
from medbook.errors import DomainError
from members.models import Member


@contextmanager
def with_alternatives(
    member: Member,
    schedule_uid: uuid.UUID | None,
    starts_at: datetime | None = None,
    *,
    appointment_uid: uuid.UUID | None = None,
) -> Iterator[None]:
    """Let a refusal tell, as its member `alternatives`, what else the caller could have.

    What was wanted is named by its session and start, or by the caller's appointment. Nothing is
    asked unless there is a refusal.
    """
    try:
        yield
    except DomainError as refusal:
        held = of_member(member).filter(uid=appointment_uid).first() if appointment_uid else None
        if held is not None:
            schedule_uid, starts_at = held.slot.schedule.uid, held.starts_at
        schedule = seen_schedule(schedule_uid) if schedule_uid else None
        if schedule is not None:
            now = clock.now()
            found = alternatives_to(
                refusal,
                schedule=schedule,
                starts_at=starts_at,
                member=member,
                terms=terms_of(member, now),
                now=now,
            )
            if found:
                refusal.facts = {**refusal.facts, "alternatives": _told(found)}
        raise


def _told(found: Alternatives) -> Any:
    opening = found.opening
    zone = ZoneInfo(opening.schedule.time_zone) if opening else None
    return AlternativesSerializer(
        {
            "times": [*found.times, *found.colleagues],
            "waitlist": found.waitlist is not None,
            "opens_at": opening and opening.opens_at.astimezone(zone),
        }
    ).data
