"""How does somebody change what their own account says and looks like?"""

from datetime import datetime

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import PatientState
from members.errors import NameFixed
from members.models import Member, Patient, User
from members.selectors.people import own_patient
from members.services.messages import notify_member
from members.services.sessions import end_sessions


@retry_on_conflict
@transaction.atomic(durable=True)
def change_look(*, user: User, language: str, theme: str, text_size: str) -> User:
    """Change the language in which somebody is spoken to, and how pages look."""
    changed = lock(User.objects.filter(pk=user.pk), Rung.MEMBER).get()
    changed.language, changed.theme, changed.text_size = language, theme, text_size
    changed.save(update_fields=["language", "theme", "text_size"])
    return changed


@retry_on_conflict
@transaction.atomic(durable=True)
def change_own_name(*, member: Member, name: str, by: User, now: datetime) -> Patient:
    """Write a member's own name, as long as no document stands behind it.

    Raises: Missing, NameFixed.
    """
    lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    mine = own_patient(member)
    if mine is None:
        raise Missing()
    patient = lock(Patient.objects.filter(pk=mine.pk), Rung.PATIENT).get()
    if not may_be_renamed(patient):
        raise NameFixed()
    patient.name = name
    patient.save(update_fields=["name"])
    record_event(
        Action.MEMBER_CONTACT_CHANGED, subject=member, by=by, patient=patient, changed=["name"]
    )
    return patient


def may_be_renamed(patient: Patient) -> bool:
    """Tell whether a name is only said: nobody has seen a document, and none is on record."""
    is_said_only = patient.state == PatientState.UNVERIFIED and not patient.has_identity
    return is_said_only or patient.name is None


@retry_on_conflict
@transaction.atomic(durable=True)
def change_password(*, user: User, password: str, session: SessionBase, now: datetime) -> None:
    """Set the password of somebody who has just shown who they are; all other sign-ins end."""
    changed = lock(User.objects.filter(pk=user.pk), Rung.MEMBER).get()
    changed.set_password(password)
    changed.save(update_fields=["password", "token_version"])
    record_event(Action.PASSWORD_CHANGED, subject=changed, by=user)
    end_sessions(user=changed, now=now, keep=session)
    member = Member.objects.filter(user=changed).first()
    if member is not None:
        notify_member(
            member=member,
            kind="password_changed",
            key=now.isoformat(),
            facts={},
            path="account/",
            now=now,
        )
