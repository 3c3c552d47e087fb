"""How is an appointment paid for?"""

import uuid
from datetime import datetime

from django.db import transaction

from appointments.choices import AppointmentState
from appointments.errors import WrongState
from appointments.models import Appointment
from appointments.services.booking import invoice_subject
from billing.models import Payment
from billing.services.invoices import record_desk_payment
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import User

PAYABLE = (
    AppointmentState.BOOKED,
    AppointmentState.ARRIVED,
    AppointmentState.IN_CONSULTATION,
    AppointmentState.COMPLETED,
)


@retry_on_conflict
@transaction.atomic(durable=True)
def take_desk_payment(
    *, appointment_uid: uuid.UUID, gateway: str, by: User, now: datetime
) -> Payment:
    """Record cash or card taken at the desk for what is open of a visit, from the booking on.

    Raises: WrongState, AlreadyPaid, Missing.
    """
    rows = Appointment.objects.filter(uid=appointment_uid)
    appointment = lock(rows, Rung.APPOINTMENT).first()
    if appointment is None:
        raise Missing()
    if appointment.state not in PAYABLE:
        raise WrongState(state=appointment.get_state_display())
    return record_desk_payment(
        subject=invoice_subject(appointment), gateway=gateway, by=by, now=now
    )
