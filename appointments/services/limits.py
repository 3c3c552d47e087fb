"""May this member book this schedule for this patient now? Asked under their locks."""

from datetime import date, datetime, timedelta

from django.db.models import Count, Q

from appointments.choices import AppointmentState, EndReason
from appointments.errors import (
    CalledOff,
    ConsentMissing,
    CoolingDown,
    IdentityIncomplete,
    InThePast,
    MemberSuspended,
    NotOpenYet,
    NotYourPatient,
    PatientSuspended,
    SaleOver,
    TooManyOpen,
)
from appointments.models import Appointment
from appointments.rules import booking as rules
from members.choices import ConsentPurpose
from members.models import Member, Patient
from members.selectors.patients import patient_suspension
from members.selectors.people import current_suspension, patient_links
from members.selectors.tiers import privilege
from members.services.consents import require_consent
from scheduling.choices import SaleState
from scheduling.models import Schedule

OPEN = Q(state__in=(AppointmentState.HELD, AppointmentState.BOOKED))


def require_may_book(*, member: Member, patient: Patient, now: datetime) -> None:
    """Refuse a member who may not book, or not for this patient."""
    suspension = current_suspension(member, now)
    if suspension or not member.user.is_active or member.erased_at is not None:
        raise MemberSuspended(until=suspension.ends_at if suspension else now)
    link = patient_links(member).filter(patient=patient).first()
    if link is None:
        raise NotYourPatient()
    if not link.lets_book(now):
        raise ConsentMissing()
    if not patient.has_identity:
        raise IdentityIncomplete()
    require_consent(member, ConsentPurpose.SENSITIVE_DATA)
    if paused := patient_suspension(patient, now):
        raise PatientSuspended(until=paused.ends_at)


def require_on_sale(
    *, schedule: Schedule, member: Member, starts_at: datetime | None, now: datetime
) -> None:
    """Refuse a schedule that this member cannot book at this instant."""
    early_minutes = privilege(member, "early_access_minutes", now)
    sale = schedule.sale_state(early_minutes=early_minutes, now=now)
    if sale == SaleState.CALLED_OFF:
        raise CalledOff()
    if starts_at is not None and starts_at <= now:
        raise InThePast()
    if sale == SaleState.UPCOMING:
        raise NotOpenYet(opens_at=schedule.opens_at(early_minutes), zone=schedule.time_zone)
    if sale == SaleState.SALE_OVER:
        raise SaleOver()


def require_within_limits(
    *, member: Member | None, patient: Patient, service_date: date, now: datetime
) -> None:
    """Refuse one appointment more than member, patient or day may have. Counts under the locks.

    Without a member only the patient's own limits are looked at.
    """
    open_ones = Appointment.objects.filter(OPEN, starts_at__gt=now)
    counts = open_ones.filter(Q(member=member) | Q(patient=patient)).aggregate(
        held=Count("id", filter=Q(patient=patient, state=AppointmentState.HELD)),
        held_by_member=Count("id", filter=Q(member=member, state=AppointmentState.HELD)),
        that_day=Count("id", filter=Q(patient=patient, service_date=service_date)),
        of_patient=Count("id", filter=Q(patient=patient)),
        of_member=Count("id", filter=Q(member=member)),
    )
    limits = {
        "held": rules.HOLDS_PER_PATIENT,
        "that_day": rules.OPEN_PER_PATIENT_AND_DAY,
        "of_patient": rules.OPEN_PER_PATIENT,
    }
    if member is not None:
        limits["held_by_member"] = rules.HOLDS_PER_MEMBER
        limits["of_member"] = privilege(member, "open_bookings_limit", now)
    for name, limit in limits.items():
        if counts[name] >= limit:
            raise TooManyOpen(limit=limit)


def require_room_that_day(
    *, patient: Patient, service_date: date, besides: Appointment, now: datetime
) -> None:
    """Refuse to move a visit to a day on which the patient has as many as may be."""
    that_day = Appointment.objects.filter(
        OPEN, patient=patient, service_date=service_date, starts_at__gt=now
    )
    if that_day.exclude(pk=besides.pk).count() >= rules.OPEN_PER_PATIENT_AND_DAY:
        raise TooManyOpen(limit=rules.OPEN_PER_PATIENT_AND_DAY)


def require_not_cooling_down(*, member: Member, now: datetime) -> None:
    """Refuse a member whose holds ran out too often today."""
    lapses = Appointment.objects.filter(
        member=member,
        state=AppointmentState.EXPIRED,
        end_reason=EndReason.LAPSED,
        ended_at__gt=now - timedelta(days=1),
    )
    until = rules.cools_down_until(
        [lapse for lapse in lapses.values_list("ended_at", flat=True) if lapse], now
    )
    if until:
        raise CoolingDown(until=until)
