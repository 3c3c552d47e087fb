"""Which points does a visit earn, and which go back? Done after the commit of what causes it.

Handlers of the outbox: each looks at how things are by then, and each cause is written once. They
begin at the member, whom sweeps and calling off, which begin at the place, may not lock.
"""

import uuid
from decimal import Decimal

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.models import Appointment
from appointments.services.booking import invoice_subject
from billing.selectors import (
    asked_back_amount,
    is_money_awaited,
    paid_amount,
    refunds_asked,
)
from billing.services.journal import post_points_back
from medbook import clock
from medbook.locks import retry_on_conflict
from members.choices import PointReason
from members.rules.points import to_earn, to_take_back, worth
from members.selectors.points import entry_of
from members.selectors.tiers import privilege
from members.services.points import earn_points, give_back_points, lock_member, take_back_points

CAME_TO_NOTHING = (
    AppointmentState.CANCELLED,
    AppointmentState.CALLED_OFF,
    AppointmentState.EXPIRED,
)


@retry_on_conflict
@transaction.atomic
def award_points(*, appointment_uid: str) -> None:
    """Credit what a visit earns once it is both over and paid, whichever comes last.

    The rate is the one that the member's tier had when the visit was over. What is given back
    of the payment earns nothing.
    """
    appointment = _appointment(appointment_uid)
    subject, now = invoice_subject(appointment), clock.now()
    paid = paid_amount(subject) - asked_back_amount(subject, until=now)
    if appointment.completed_at is None or not paid:
        return
    member = lock_member(appointment.member.uid)
    rate = privilege(member, "points_rate", appointment.completed_at)
    earn_points(
        member=member,
        points=to_earn(paid, rate),
        reference=subject,
        now=now,
    )


def award_points_for_payment(*, subject: str) -> None:
    """Credit what a visit earns, after its payment; money for anything else earns nothing."""
    kind, _colon, appointment_uid = subject.partition(":")
    if kind == "appointment":
        award_points(appointment_uid=appointment_uid)


@retry_on_conflict
@transaction.atomic
def give_points_back(*, appointment_uid: str) -> None:
    """Give back the points that were used for a visit which came to nothing.

    Not while a payment is under way that may still bring a lapsed hold its place.
    """
    appointment = _appointment(appointment_uid)
    subject, now = invoice_subject(appointment), clock.now()
    if not appointment.points or appointment.state not in CAME_TO_NOTHING:
        return
    if appointment.state == AppointmentState.EXPIRED and is_money_awaited(subject):
        return
    member = lock_member(appointment.member.uid)
    if points := give_back_points(member=member, reference=subject, now=now):
        post_points_back(
            subject=subject,
            amount=worth(points),
            currency=appointment.currency,
            at=now,
            key=subject,
        )


def give_unpaid_points_back(*, subject: str) -> None:
    """Give back the points for a visit whose money nobody waits for any longer."""
    kind, _colon, appointment_uid = subject.partition(":")
    if kind == "appointment":
        give_points_back(appointment_uid=appointment_uid)


@retry_on_conflict
@transaction.atomic
def take_back_awarded_points(
    *, subject: str, refund: str, refunded_before: str, refunded: str
) -> None:
    """Take back the share of the earned points that a refund is of the payment.

    `refund` names the refund; the amounts are what was refunded before it, and by it. What was
    asked back before the visit earned nothing, so that nothing is taken back for it.
    """
    earned = entry_of(PointReason.EARNED, subject)
    if earned is None:
        return
    earlier = {str(each.uid): each for each in refunds_asked(subject, until=earned.at)}
    if refund in earlier:
        return
    settled = [each.amount for each in earlier.values() if each.settled_at]
    points = to_take_back(
        earned=earned.amount,
        paid=paid_amount(subject) - sum(each.amount for each in earlier.values()),
        refunded_before=Decimal(refunded_before) - sum(settled),
        refunded=Decimal(refunded),
    )
    take_back_points(
        member=lock_member(earned.member.uid),
        points=points,
        reference=f"refund:{refund}",
        now=clock.now(),
    )


def _appointment(uid: str) -> Appointment:
    return Appointment.objects.select_related("member").get(uid=uuid.UUID(uid))
