"""When do sessions sit, open and close, and how are their places spread? Pure policy."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import combinations
from typing import Literal
from zoneinfo import ZoneInfo

from pypinyin import lazy_pinyin

from scheduling.choices import HalfDay, SaleState, ScheduleState

MOST_PLACES = 5000
LONGEST_SESSION = timedelta(hours=12)
DESK_RANK = 32767  # places kept for the front desk: above every tier
NIGHTLY_RUN_AT = time(2)  # clinic time; from then on the next date belongs to the horizon
RUN_IS_LATE_AT = time(2, 15)

# From and until which hour of the clinic's clock a session starts in each half-day.
HOURS: dict[HalfDay, tuple[int, int]] = {
    HalfDay.MORNING: (0, 12),
    HalfDay.AFTERNOON: (12, 18),
    HalfDay.EVENING: (18, 24),
}

# Characters that are read otherwise in a family name than in most words.
FAMILY_NAMES = {
    "单": "shan",
    "曾": "zeng",
    "仇": "qiu",
    "解": "xie",
    "查": "zha",
    "区": "ou",
    "朴": "piao",
    "盖": "ge",
    "缪": "miao",
    "任": "ren",
}


@dataclass(frozen=True)
class Booker:
    """Who asks for a place, as far as reserved places go: the rank of a tier; the front desk."""

    rank: int = 0
    is_desk: bool = False


@dataclass(frozen=True)
class Place:
    """One place of a session, before it is a row."""

    number: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class SaleRules:
    """When a department's sessions open and close, in days before and clinic times."""

    release_days_ahead: int
    release_time: time
    sale_stops_days_before: int
    sale_stops_time: time
    same_day_from_time: time


@dataclass(frozen=True)
class SaleTimes:
    """When one date's sessions open and close."""

    release_at: datetime
    sale_stops_at: datetime
    same_day_from: datetime


@dataclass(frozen=True)
class Sitting:
    """A weekly pattern, as far as it can clash with another. `valid_until` is its last day."""

    name: int
    doctor: Hashable
    room: Hashable
    weekday: int
    start_time: time
    end_time: time
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True)
class Clash:
    """Two weekly patterns that want the same doctor or room at once."""

    shared: Literal["doctor", "room"]
    one: Sitting
    other: Sitting


def instant(day: date, at: time, zone: str) -> datetime | None:
    """Turn a clinic's date and time into an instant in UTC; None for an hour that does not exist.

    Of an hour that comes twice, the first is meant. Source: docs/flows/release.md.
    """
    local = datetime.combine(day, at, tzinfo=ZoneInfo(zone))
    in_utc = local.astimezone(UTC)
    exists = in_utc.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local.replace(tzinfo=None)
    return in_utc if exists else None


def moment(day: date, at: time, zone: str) -> datetime:
    """Turn a clinic's date and time into an instant in UTC; an hour that is skipped comes later."""
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


@lru_cache(maxsize=4096)
def session_period(
    day: date, start: time, end: time, zone: str
) -> tuple[datetime, datetime] | None:
    """Tell when a session sits that day; None where the change of the clocks leaves no room."""
    starts_at, ends_at = instant(day, start, zone), instant(day, end, zone)
    if starts_at is None or ends_at is None:
        return None
    return (starts_at, ends_at) if timedelta(0) < ends_at - starts_at <= LONGEST_SESSION else None


def slot_times(
    *,
    starts_at: datetime,
    ends_at: datetime,
    count: int,
    length: timedelta,
    pause: timedelta = timedelta(0),
    first_number: int = 1,
) -> list[Place]:
    """Spread places evenly over the starts that length and pause give, in order of time.

    More places than starts share starts; nothing ends after the session.
    Source: docs/flows/release.md.
    """
    step = length + pause
    starts = max((ends_at - starts_at - length) // step + 1, 1)
    return [
        Place(
            number=first_number + index,
            starts_at=(start := starts_at + step * (index * starts // count)),
            ends_at=min(start + length, ends_at),
        )
        for index in range(count)
    ]


def half_day(at: time) -> HalfDay:
    """Tell in which half of the day a session that starts then sits."""
    return next(half for half, (start, end) in HOURS.items() if start <= at.hour < end)


def week_of(day: date) -> tuple[date, date]:
    """Tell the first and the last day of a date's calendar week, Monday to Sunday."""
    first = day - timedelta(days=day.weekday())
    return first, first + timedelta(days=6)


def sale_times(service_date: date, zone: str, rules: SaleRules) -> SaleTimes:
    """Tell when a date's sessions open, close, and open again for what is left."""
    return SaleTimes(
        release_at=moment(
            service_date - timedelta(days=rules.release_days_ahead), rules.release_time, zone
        ),
        sale_stops_at=moment(
            service_date - timedelta(days=rules.sale_stops_days_before),
            rules.sale_stops_time,
            zone,
        ),
        same_day_from=moment(service_date, rules.same_day_from_time, zone),
    )


def opens_at(release_at: datetime, early_access_minutes: int) -> datetime:
    """Tell when the sale opens for a booker whose tier books earlier."""
    return release_at - timedelta(minutes=early_access_minutes)


def sale_state(
    *,
    state: str,
    opens_at: datetime,
    sale_stops_at: datetime,
    same_day_from: datetime,
    ends_at: datetime,
    remaining: int,
    now: datetime,
) -> SaleState:
    """Tell what a schedule is to one booker; `remaining` counts places that have not begun."""
    if state == ScheduleState.CALLED_OFF:
        return SaleState.CALLED_OFF
    if state != ScheduleState.PUBLISHED or now >= ends_at:
        return SaleState.SALE_OVER
    if now < opens_at:
        return SaleState.UPCOMING
    if sale_stops_at <= now < same_day_from:
        return SaleState.SALE_OVER
    return SaleState.ON_SALE if remaining else SaleState.SOLD_OUT


def horizon_dates(
    now: datetime, zone: str, horizon_days: int, since: time = NIGHTLY_RUN_AT
) -> list[date]:
    """List the dates for which schedules should exist: from today up to the horizon.

    The horizon moves on by a day at `since`, clinic time, not at midnight.
    """
    local = now.astimezone(ZoneInfo(zone))
    moved_on = local.date() if local.time() >= since else local.date() - timedelta(days=1)
    days = (moved_on - local.date()).days + horizon_days
    return [local.date() + timedelta(days=day) for day in range(days + 1)]


def clashes(sittings: Iterable[Sitting]) -> Iterator[Clash]:
    """Find the patterns that want one doctor, or one room, at the same time.

    Two patterns that share both are told once, by the doctor.
    """
    sittings = list(sittings)
    shared: tuple[Literal["doctor"], Literal["room"]] = ("doctor", "room")
    for who in shared:
        rivals: dict[Hashable, list[Sitting]] = defaultdict(list)
        for sitting in sittings:
            rivals[getattr(sitting, who), sitting.weekday].append(sitting)
        for group in rivals.values():
            for one, other in combinations(group, 2):
                if overlap(one, other) and (who == "doctor" or one.doctor != other.doctor):
                    yield Clash(who, one, other)


def overlap(one: Sitting, other: Sitting) -> bool:
    """Tell whether two patterns of a weekday share an hour on some day."""
    return (
        one.start_time < other.end_time
        and other.start_time < one.end_time
        and one.valid_from <= (other.valid_until or date.max)
        and other.valid_from <= (one.valid_until or date.max)
    )


def search_text(name_en: str, name_zh: str, code: str) -> str:
    """Write down by which words a doctor is found: both names, pinyin, initials, staff number."""
    syllables = pinyin(name_zh)
    initials = "".join(syllable[:1] for syllable in syllables)
    words = [name_en, name_zh, " ".join(syllables), "".join(syllables), initials, code]
    found = dict.fromkeys(searched(word) for word in words)
    return " ".join(word for word in found if word)[:300]


def pinyin(name_zh: str) -> list[str]:
    """Spell a Chinese name in Latin letters, syllable by syllable, the family name as a name."""
    syllables: list[str] = lazy_pinyin(name_zh)
    return [FAMILY_NAMES[name_zh[0]], *syllables[1:]] if name_zh[:1] in FAMILY_NAMES else syllables


def searched(text: str) -> str:
    """Bring what somebody types, or is called, into the form in which both are compared."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    without_marks = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[^\w]+", " ", without_marks).split())


def slug_of(name_en: str, name_zh: str, code: str) -> str:
    """Make a doctor's address name: the name in Latin letters, and the staff number."""
    latin = name_en if name_en.isascii() and name_en.strip() else " ".join(pinyin(name_zh))
    said = re.sub(r"[^a-z0-9]+", "-", f"{searched(latin)} {code.lower()}")
    return said.strip("-")[-80:].strip("-")
