"""For how many patients may a member book, and who has to agree?"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from members.choices import ConsentState, Relation

MOST_PATIENTS = 6  # oneself included
COOL_DOWN = timedelta(days=30)  # so that places are not lent out, one after another
ADULT_FROM = 18
TOLD_AHEAD = timedelta(days=30)  # so that there is time to ask, before booking ends


def counting_removals(removed_at: Sequence[datetime], now: datetime) -> list[datetime]:
    """Keep the removals whose places are not free again. Source: terms of use, family."""
    return sorted(each for each in removed_at if each > now - COOL_DOWN)


def next_place_at(
    *, standing: int, removed_at: Sequence[datetime], now: datetime
) -> datetime | None:
    """Tell when a place falls free by waiting, where none is free now; None while one is.

    Raises: ValueError where all places are in use, so that waiting does not help.
    """
    if standing >= MOST_PATIENTS:
        raise ValueError("all places are in use")
    counting = counting_removals(removed_at, now)
    over = standing + len(counting) - MOST_PATIENTS
    return counting[over] + COOL_DOWN if over >= 0 else None


def birthday(born: date, years: int) -> date:
    """Tell the day on which somebody completes so many years; 29 February counts as 1 March."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def age_on(day: date, born: date) -> int:
    """Tell the completed years of somebody's life on a day."""
    years = day.year - born.year
    return years if birthday(born, years) <= day else years - 1


def is_minor(born: date, day: date) -> bool:
    """Tell whether others speak for somebody. Source: Civil Code, articles 17, 18 and 23."""
    return birthday(born, ADULT_FROM) > day


def consent_holds(
    *, relation: str, consent: str, consent_on: date, born: date | None, day: date
) -> bool:
    """Tell whether a member may book for a patient on a day.

    What a guardian declared for a minor ends on the 18th birthday: from then on the patient's
    own word is needed. Source: Personal Information Protection Law, articles 15 and 31.
    """
    if consent == ConsentState.WITHDRAWN:
        return False
    if relation == Relation.SELF or born is None or is_minor(born, day):
        return True
    return not is_minor(born, consent_on)


def asks_own_consent_on(*, relation: str, consent_on: date, born: date | None) -> date | None:
    """Tell the day on which a guardian's word ends; None where nobody spoke for a minor."""
    if relation == Relation.SELF or born is None or not is_minor(born, consent_on):
        return None
    return birthday(born, ADULT_FROM)


def is_told(asks_on: date | None, day: date) -> bool:
    """Tell whether a member is to hear by now that a guardian's word ends, and it has not yet."""
    return asks_on is not None and day < asks_on <= day + TOLD_AHEAD
