"""How does a member get a receipt of a visit's money? Done after the commit of what moved it.

Handlers of the outbox: each looks at what is missing by then, so that a second time nothing is.
"""

import uuid

from django.db import transaction

from appointments.models import Appointment
from billing.rules.receipts import Occasion
from billing.selectors import refund_by
from billing.services import receipts
from medbook import clock
from medbook.locks import retry_on_conflict


@retry_on_conflict
@transaction.atomic
def issue_receipts(*, subject: str) -> None:
    """Give out the receipts that a visit lacks, of payments and of what went back of them."""
    kind, _colon, uid = subject.partition(":")
    if kind != "appointment":
        return
    rows = Appointment.objects.select_related("patient", "doctor", "department__clinic")
    visit = rows.get(uid=uuid.UUID(uid))
    receipts.issue_receipts(
        subject=subject,
        occasion=occasion_of(visit),
        patient=visit.patient,
        now=clock.now(),
    )


def issue_refund_receipt(*, refund_uid: str) -> None:
    """Give out the receipt of a refund, after that of its payment."""
    issue_receipts(subject=refund_by(uuid.UUID(refund_uid)).payment.invoice.subject)


def occasion_of(visit: Appointment) -> Occasion:
    """Tell what a receipt says of a visit, as it is now."""
    clinic = visit.department.clinic
    return Occasion(
        code=clinic.code,
        issuer_en=clinic.legal_name_en or clinic.name_en,
        issuer_zh=clinic.legal_name_zh or clinic.name_zh,
        address_en=clinic.address_en,
        address_zh=clinic.address_zh,
        phone=clinic.phone,
        time_zone=clinic.time_zone,
        doctor_en=visit.doctor.name_en,
        doctor_zh=visit.doctor.name_zh,
        department_en=visit.department.name_en,
        department_zh=visit.department.name_zh,
        starts_at=visit.starts_at.isoformat(),
    )
