"""Which sessions of a week cannot be, or ask for a second thought? Pure policy."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from scheduling.choices import ConflictKind

# What somebody may decide against, with a reason; two at once or a leave can never be.
OVERRIDABLE = frozenset({ConflictKind.HOLIDAY, ConflictKind.WEEKLY_HOURS})

Period = tuple[datetime, datetime]


@dataclass(frozen=True)
class Planned:
    """A session, as far as it can conflict; `name` tells it from the others."""

    name: int
    doctor: Hashable
    room: Hashable
    starts_at: datetime
    ends_at: datetime
    is_draft: bool
    is_on_holiday: bool = False
    is_doctor_inactive: bool = False
    is_room_closed: bool = False

    @property
    def length(self) -> timedelta:
        """How long it sits."""
        return self.ends_at - self.starts_at


@dataclass(frozen=True)
class Conflict:
    """Why a session cannot stay as planned, and which other one is in its way, if one is."""

    kind: ConflictKind
    session: int
    other: int | None = None

    @property
    def is_overridable(self) -> bool:
        """Tell whether a reason is enough to publish it all the same."""
        return self.kind in OVERRIDABLE


def conflicts(
    sessions: Collection[Planned],
    *,
    leaves: Mapping[Hashable, Collection[Period]],
    most_hours: Mapping[Hashable, timedelta],
) -> list[Conflict]:
    """List the conflicts of a week in order of time; `sessions` are drafts and published ones.

    `leaves` are the periods in which a doctor is away, `most_hours` what a doctor may sit a week.
    Source: docs/flows/rosters.md.
    """
    found = [
        *doubled(sessions, ConflictKind.DOCTOR_TWICE),
        *doubled(sessions, ConflictKind.ROOM_TWICE),
        *during_leaves(sessions, leaves),
        *of_inactive_doctors(sessions),
        *in_closed_rooms(sessions),
        *on_holidays(sessions),
        *above_hours(sessions, most_hours),
    ]
    starts = {session.name: (session.starts_at, session.name) for session in sessions}
    return sorted(found, key=lambda conflict: starts[conflict.session])


def doubled(sessions: Iterable[Planned], kind: ConflictKind) -> Iterator[Conflict]:
    """Find who sits twice, or which room is used twice, at once.

    Of a draft and a published session the draft is to change, of two drafts the later written.
    One doctor twice in one room is told as the doctor's only. Two published ones cannot be.
    """
    shared = "doctor" if kind == ConflictKind.DOCTOR_TWICE else "room"
    rivals: dict[Hashable, list[Planned]] = defaultdict(list)
    for session in sorted(sessions, key=lambda session: session.starts_at):
        group = rivals[getattr(session, shared)]
        group[:] = [other for other in group if other.ends_at > session.starts_at]
        for other in group:
            kept, moved = sorted((session, other), key=lambda one: (one.is_draft, one.name))
            if moved.is_draft and (shared == "doctor" or kept.doctor != moved.doctor):
                yield Conflict(kind, moved.name, kept.name)
        group.append(session)


def during_leaves(
    sessions: Iterable[Planned], leaves: Mapping[Hashable, Collection[Period]]
) -> Iterator[Conflict]:
    """Find the sessions of which a part lies in a leave of their doctor."""
    for session in sessions:
        if any(
            starts_at < session.ends_at and session.starts_at < ends_at
            for starts_at, ends_at in leaves.get(session.doctor, ())
        ):
            yield Conflict(ConflictKind.LEAVE, session.name)


def of_inactive_doctors(sessions: Iterable[Planned]) -> Iterator[Conflict]:
    """Find the sessions, published ones too, whose doctor no longer works here."""
    for session in sessions:
        if session.is_doctor_inactive:
            yield Conflict(ConflictKind.DOCTOR_INACTIVE, session.name)


def in_closed_rooms(sessions: Iterable[Planned]) -> Iterator[Conflict]:
    """Find the sessions, published ones too, whose room is no longer in use."""
    for session in sessions:
        if session.is_room_closed:
            yield Conflict(ConflictKind.ROOM_CLOSED, session.name)


def on_holidays(sessions: Iterable[Planned]) -> Iterator[Conflict]:
    """Find the drafts on public holidays; what is published there was decided."""
    for session in sessions:
        if session.is_draft and session.is_on_holiday:
            yield Conflict(ConflictKind.HOLIDAY, session.name)


def above_hours(
    sessions: Iterable[Planned], most_hours: Mapping[Hashable, timedelta]
) -> Iterator[Conflict]:
    """Find the drafts with which a doctor's week gets too long.

    What is published counts first, then drafts in order of time; one that is too much is left
    out of the sum, so that what fits without it is no conflict.
    """
    sat: dict[Hashable, timedelta] = defaultdict(timedelta)
    for session in sorted(sessions, key=lambda one: (one.is_draft, one.starts_at, one.name)):
        limit = most_hours.get(session.doctor)
        with_it = sat[session.doctor] + session.length
        if session.is_draft and limit is not None and with_it > limit:
            yield Conflict(ConflictKind.WEEKLY_HOURS, session.name)
        else:
            sat[session.doctor] = with_it
