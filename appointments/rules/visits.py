"""When has somebody not come, and until when is a mistake at the desk put right? Pure policy."""

from datetime import date, datetime, timedelta

NO_SHOW_GRACE = timedelta(minutes=15)


def is_missed(session_ends_at: datetime, now: datetime) -> bool:
    """Tell whether who is not there by now has not come: 15 minutes after the session's end.

    Source: terms of use, missed visits; docs/flows/no-show.md.
    """
    return now >= session_ends_at + NO_SHOW_GRACE


def may_be_noted_missed(starts_at: datetime, now: datetime) -> bool:
    """Tell whether the desk may say so by hand: 15 minutes after the visit's own start.

    Source: docs/flows/no-show.md.
    """
    return now >= starts_at + NO_SHOW_GRACE


def may_repair(service_date: date, today: date) -> bool:
    """Tell whether staff may still correct a visit's state: on the clinic's day of the visit."""
    return service_date == today
