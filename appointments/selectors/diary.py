"""Which visits does a member look at: those to come, past ones, cancelled ones?"""

from datetime import datetime

from django.db.models import Q

from appointments.choices import LIVE_STATES, AppointmentState, View
from appointments.models import Appointment, AppointmentQuerySet
from appointments.selectors.visits import of_member, with_names
from members.models import Member


def coming(member: Member, now: datetime, most: int = 10) -> list[Appointment]:
    """List a member's visits to come, soonest first, with an unconfirmed hold. Two queries."""
    return list(_upcoming(member, now).filter(state__in=LIVE_STATES).order_by("starts_at")[:most])


def visits_of(member: Member, view: View, now: datetime) -> AppointmentQuerySet:
    """List a member's visits of one kind: those to come soonest first, others latest first."""
    if view == View.UPCOMING:
        return _upcoming(member, now).order_by("starts_at", "pk")
    over = with_names(member, of_member(member)).order_by("-starts_at", "-pk")
    if view == View.CANCELLED:
        ended = (AppointmentState.CANCELLED, AppointmentState.CALLED_OFF)
        return over.filter(state__in=ended)
    ended = (AppointmentState.COMPLETED, AppointmentState.NO_SHOW)
    return over.filter(Q(state__in=ended) | Q(state__in=LIVE_STATES, ends_at__lte=now))


def _upcoming(member: Member, now: datetime) -> AppointmentQuerySet:
    """Keep what is to come: also what the clinic called off, since it asks for a new choice."""
    shown = (*LIVE_STATES, AppointmentState.CALLED_OFF)
    rows = with_names(member, of_member(member)).filter(state__in=shown, ends_at__gt=now)
    return rows.exclude(state=AppointmentState.HELD, hold_expires_at__lte=now)
