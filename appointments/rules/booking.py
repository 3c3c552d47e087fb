"""Which limits, windows and deadlines hold for bookings?"""

from datetime import date, datetime, timedelta

HOLD = timedelta(minutes=15)  # long enough to check and confirm, short enough to return the place
EXTENSION = timedelta(minutes=5)
OPEN_PER_PATIENT = 4
OPEN_PER_PATIENT_AND_DAY = 2
HOLDS_PER_PATIENT = 1
HOLDS_PER_MEMBER = 2  # one of their own making, the others won by an offer
LAPSES_BEFORE_COOLING_DOWN = 3
LAPSES_COUNTED = timedelta(days=1)
COOLING_DOWN = timedelta(minutes=30)
RETURN_WITHIN_MINUTES = 60
ARRIVE_BEFORE = timedelta(minutes=15)


def hold_expires_at(starts_at: datetime, now: datetime) -> datetime:
    """Tell until when a place is held: 15 minutes, never past its start.

    Source: docs/flows/booking.md.
    """
    return min(now + HOLD, starts_at)


def extended_until(hold_expires_at: datetime, starts_at: datetime) -> datetime:
    """Tell until when a hold runs after its one extension of 5 minutes."""
    return min(hold_expires_at + EXTENSION, starts_at)


def cools_down_until(lapses: list[datetime], now: datetime) -> datetime | None:
    """Tell until when somebody waits whose holds ran out three times within a day."""
    recent = sorted(lapse for lapse in lapses if now - LAPSES_COUNTED < lapse <= now)
    if len(recent) < LAPSES_BEFORE_COOLING_DOWN:
        return None
    until = recent[-1] + COOLING_DOWN
    return until if now < until else None


def may_check_in(service_date: date, today: date) -> bool:
    """Tell whether the desk may check a patient in: on the clinic's day of the visit."""
    return service_date == today


def returns_at(starts_at: datetime, now: datetime, chance: float) -> datetime | None:
    """Tell when a sought-after place returns to the sale: 1 to 60 minutes later.

    `chance` lies in [0, 1). So cancelling and booking at once again cannot pass a place on.
    None, which is at once, where the visit begins before that. Source: docs/flows/booking.md.
    """
    at = now + timedelta(minutes=1 + int(chance * RETURN_WITHIN_MINUTES))
    return at if at < starts_at else None


def arrive_by(starts_at: datetime) -> datetime:
    """Tell by when a patient is asked to be there."""
    return starts_at - ARRIVE_BEFORE
