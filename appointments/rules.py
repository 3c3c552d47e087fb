"""Which limits, windows and deadlines hold for bookings, and what is said of them?"""

from datetime import date, datetime, timedelta

from django.utils.translation import gettext_lazy as _

from members.rules.messages import MessageKind, by_key

HOLD = timedelta(minutes=15)  # long enough to check and confirm, short enough to return the place
EXTENSION = timedelta(minutes=5)
OPEN_PER_PATIENT = 4
OPEN_PER_PATIENT_AND_DAY = 2
HOLDS_PER_PATIENT = 1
LAPSES_BEFORE_COOLING_DOWN = 3
LAPSES_COUNTED = timedelta(days=1)
COOLING_DOWN = timedelta(minutes=30)
ARRIVE_BEFORE = timedelta(minutes=15)


def hold_expires_at(starts_at: datetime, now: datetime) -> datetime:
    """Tell until when a place is held: 15 minutes, never past its start.

    Source: docs/flows/booking.md.
    """
    return min(now + HOLD, starts_at)


def extended_until(hold_expires_at: datetime, starts_at: datetime) -> datetime:
    """Tell until when a hold runs after its one extension of 5 minutes."""
    return min(hold_expires_at + EXTENSION, starts_at)


def cancel_until(starts_at: datetime, hours_before: int) -> datetime:
    """Tell until when cancelling is free. Source: the department's rule, 24 hours unless set."""
    return starts_at - timedelta(hours=hours_before)


def may_cancel(
    now: datetime, cancel_until: datetime, starts_at: datetime, can_cancel_late: bool
) -> bool:
    """Tell whether a member may cancel: in time, or late by privilege, never after the start."""
    return now < cancel_until or (can_cancel_late and now < starts_at)


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


def arrive_by(starts_at: datetime) -> datetime:
    """Tell by when a patient is asked to be there."""
    return starts_at - ARRIVE_BEFORE


# No department, doctor or illness: messages are read on locked screens.
KINDS = by_key(
    MessageKind(
        key="appointment_booked",
        label=_("Confirmations of bookings"),
        title=_("Your visit is booked"),
        text=_(
            "Your visit is booked for {when}. Where: {where}. Please be there by {arrive_by}. "
            "Reference: {reference}. {cancelling}"
        ),
        variables=("when", "where", "arrive_by", "reference", "cancelling"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="appointment_cancelled",
        label=_("Confirmations of cancelling"),
        title=_("Your visit is cancelled"),
        text=_("Your visit on {when} is cancelled. Reference: {reference}."),
        variables=("when", "reference"),
        channels=("sms", "email"),
    ),
    MessageKind(
        key="appointment_called_off",
        label=_("Visits that the clinic calls off"),
        title=_("The clinic has called off your visit"),
        text=_(
            "We are sorry: your visit on {when} cannot take place. It costs you nothing. "
            "Reference: {reference}. Please choose another time."
        ),
        variables=("when", "reference"),
        channels=("sms", "email"),
        is_critical=True,
    ),
)
