"""Who is asked when a place comes free, when, and how long? Pure policy."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.choices import Band, EntryState, HalfDay, SkipReason
from scheduling.rules.sessions import moment

OFFER = timedelta(minutes=15)  # long enough to read a message and decide, short enough to ask on
QUIET_FROM, QUIET_UNTIL = time(22), time(7)
SOON = timedelta(hours=12)  # so near a visit, being woken is better than missing it
WAITS_LONGER = timedelta(minutes=5)  # past the quiet hours, so that who waits is asked first
OPEN_PER_PATIENT = 3
LAPSES_ALLOWED = 1
ODDS_COUNTED = timedelta(days=90)
FEWEST_FOR_ODDS = 20


@dataclass(frozen=True)
class When:
    """On which days, both included, and at which times of day somebody could come."""

    first_day: date
    last_day: date
    half_days: Collection[HalfDay]


@dataclass(frozen=True)
class Wish:
    """A wish, as far as places are measured by it. Without a doctor: any of the department."""

    state: EntryState
    department: int
    doctor: int | None
    schedule: int | None
    first_day: date
    last_day: date
    half_days: Collection[str]


@dataclass(frozen=True)
class Place:
    """A free place, as far as it can fit a wish. `reserved_rank` is None when kept for nobody."""

    schedule: int
    doctor: int
    department: int
    limited_department: int | None
    service_date: date
    half_day: HalfDay
    starts_at: datetime
    ends_at: datetime
    is_on_sale: bool
    reserved_rank: int | None


@dataclass(frozen=True)
class Visit:
    """A live appointment of a patient, as far as it can stand in the way of another."""

    doctor: int
    limited_department: int | None
    service_date: date
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class Wisher:
    """What is known of the patient and the member behind a wish."""

    rank: int
    may_book: bool
    is_paused: bool
    is_at_limit: bool
    visits: Collection[Visit]
    has_cancelled: bool
    has_declined: bool


def skip_reason(wish: Wish, wisher: Wisher, place: Place) -> SkipReason | None:
    """Tell why a place is not offered to a wish; None where it is. Source: docs/flows/waitlist.md.

    What the wish does not ask for comes first, then what is the patient's own matter.
    """
    checks = (
        (SkipReason.ENDED, wish.state not in (EntryState.WAITING, EntryState.OFFERED)),
        (SkipReason.HAS_OFFER, wish.state == EntryState.OFFERED),
        (SkipReason.TARGET, not _is_target(wish, place)),
        (SkipReason.DAYS, not wish.first_day <= place.service_date <= wish.last_day),
        (SkipReason.HALF_DAY, place.half_day not in wish.half_days),
        (SkipReason.NOT_ON_SALE, not place.is_on_sale),
        (SkipReason.RESERVED, (place.reserved_rank or 0) > wisher.rank),
        (SkipReason.DECLINED, wisher.has_declined),
        (SkipReason.CANCELLED, wisher.has_cancelled),
        (SkipReason.PAUSED, wisher.is_paused),
        (SkipReason.MAY_NOT_BOOK, not wisher.may_book),
        (SkipReason.LIMIT, wisher.is_at_limit),
    )
    found = next((reason for reason, holds in checks if holds), None)
    return found or clash(wisher.visits, place)


def clash(visits: Collection[Visit], place: Place) -> SkipReason | None:
    """Tell which other visit of the patient stands in the way of a place, if any does."""
    that_day = [visit for visit in visits if visit.service_date == place.service_date]
    if any(v.starts_at < place.ends_at and place.starts_at < v.ends_at for v in visits):
        return SkipReason.BUSY
    if any(visit.doctor == place.doctor for visit in that_day):
        return SkipReason.DOCTOR_DAY
    limited = place.limited_department
    if limited and any(visit.limited_department == limited for visit in that_day):
        return SkipReason.DEPARTMENT_DAY
    return None


def asked_from(now: datetime, starts_at: datetime, zone: str) -> datetime:
    """Tell from when on members are asked: at once, or at 07:00 after a quiet night.

    Quiet is from 22:00 to 07:00 by the clinic's clock, except for a visit within 12 hours.
    Source: docs/flows/waitlist.md.
    """
    local = now.astimezone(ZoneInfo(zone))
    if QUIET_UNTIL <= local.time() < QUIET_FROM or starts_at - now <= SOON:
        return now
    is_evening = local.time() >= QUIET_FROM
    return moment(local.date() + timedelta(days=is_evening), QUIET_UNTIL, zone)


def offered_until(starts_at: datetime, now: datetime) -> datetime:
    """Tell until when a place is kept for who is asked: 15 minutes, never past its start."""
    return min(now + OFFER, starts_at)


def state_after_lapse(lapses: int) -> EntryState:
    """Tell what becomes of a wish after so many unanswered offers: the second one ends it."""
    return EntryState.WAITING if lapses <= LAPSES_ALLOWED else EntryState.LAPSED


def band(ahead: int) -> Band:
    """Tell roughly how far in front somebody is whom so many go before."""
    if ahead < 5:
        return Band.TOP
    return Band.NEAR if ahead < 20 else Band.FURTHER


def odds(fulfilled: int, ended: int) -> int | None:
    """Tell how many wishes in a hundred came true; None where too few are known to say."""
    return round(100 * fulfilled / ended) if ended >= FEWEST_FOR_ODDS else None


def _is_target(wish: Wish, place: Place) -> bool:
    return (
        wish.department == place.department
        and wish.doctor in (None, place.doctor)
        and wish.schedule in (None, place.schedule)
    )
