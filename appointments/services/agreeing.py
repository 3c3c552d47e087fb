"""What is copied onto an appointment when a place and a price are agreed?"""

from datetime import datetime

from appointments.models import Appointment
from appointments.rules import policies
from appointments.selectors.returns import is_free_return
from billing.rules.prices import Quote, free_return, quote
from members.models import Member, Patient
from members.selectors.tiers import privilege
from scheduling.models import Department, Schedule, Slot


def put_on_place(appointment: Appointment, schedule: Schedule, slot: Slot) -> None:
    """Copy time, doctor and the department's rules of a claimed place, in memory."""
    department = schedule.department
    appointment.slot = slot
    appointment.doctor = schedule.doctor
    appointment.department = department
    appointment.limited_department = department if department.one_visit_a_day else None
    appointment.service_date = schedule.service_date
    appointment.starts_at, appointment.ends_at = slot.starts_at, slot.ends_at
    appointment.cancel_until = policies.cancel_until(
        slot.starts_at, schedule.service_date, schedule.time_zone, policy_of(department)
    )
    appointment.late_refund_percent = department.late_refund_percent


def put_price(appointment: Appointment, price: Quote, member: Member) -> None:
    """Copy a price and the tier that it is for, in memory."""
    appointment.tier = member.tier
    appointment.fee = price.full
    appointment.discount = price.discount
    appointment.points = price.points
    appointment.insured = price.insured
    appointment.is_free_return = price.is_free_return
    appointment.price = price.total
    appointment.currency = price.currency


def priced(visit: Appointment | Schedule, member: Member, patient: Patient, now: datetime) -> Quote:
    """Price a visit, or one of a session, for a patient and the member's tier as it is now.

    A return visit within the department's days is free. Source: docs/flows/prices.md.
    """
    fee, currency = visit.fee, visit.currency
    if is_free_return(patient, visit.department, visit.service_date):
        return free_return(fee=fee, currency=currency)
    rate = privilege(member, "discount_rate", now)
    return quote(fee=fee, currency=currency, discount_rate=rate, tier_name=member.tier.name)


def policy_of(department: Department) -> policies.CancelPolicy:
    """Tell a department's rule for cancelling."""
    return policies.CancelPolicy(
        hours_before=department.cancel_hours_before,
        days_before=department.cancel_days_before,
        at=department.cancel_time,
    )
