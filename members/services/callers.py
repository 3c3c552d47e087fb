"""How does somebody without an account get one at the desk?"""

import uuid
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.choices import ConsentPurpose, ConsentState, Relation
from members.errors import HasAccount, HasBooker
from members.models import FamilyLink, Patient, User
from members.services.accounts import new_account
from members.services.consents import record_consents
from members.services.tiers import note_joining

ASKED = (ConsentPurpose.TERMS, ConsentPurpose.SENSITIVE_DATA)


@retry_on_conflict
@transaction.atomic(durable=True)
def open_account_for_caller(
    *, patient_uid: uuid.UUID, phone: str, by: User, now: datetime
) -> FamilyLink:
    """Open an account for a patient on record who calls, and has agreed to what was read out.

    The number counts as confirmed once somebody signs in with a code sent to it; until then the
    account has no password. Whose document is on record already is linked as only said.
    Raises: HasAccount, HasBooker, Missing.
    """
    found = Patient.objects.filter(uid=patient_uid, joined_to__isnull=True)
    patient = lock(found, Rung.PATIENT).first()
    if patient is None:
        raise Missing()
    if FamilyLink.objects.standing().filter(patient=patient).exists():
        raise HasBooker()
    with conflict_as({"one_account_per_phone": HasAccount}):
        member = new_account(phone, make_password(None), by.language, now, is_confirmed=False)
    link = FamilyLink.objects.create(
        member=member,
        patient=patient,
        relation=Relation.SELF,
        consent=ConsentState.DECLARED if patient.has_identity else ConsentState.GIVEN,
        consent_at=now,
        created_at=now,
    )
    record_consents(member=member, purposes=ASKED, now=now)
    note_joining(member=member, now=now)
    record_event(Action.MEMBER_JOINED, subject=member, by=by, patient=patient, reason="desk")
    return link
