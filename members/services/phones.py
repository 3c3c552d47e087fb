"""How does a member come to another phone number?"""

import uuid
from datetime import datetime

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.utils import translation

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.choices import Channel, CodePurpose
from members.errors import PhoneNotChanged, PhoneTaken, ReasonMissing
from members.models import Member, User
from members.services.codes import tried_code, use
from members.services.messages import notify_member, send_unasked
from members.services.sessions import end_sessions


@retry_on_conflict
def change_phone(
    *,
    member: Member,
    phone: str,
    new_code: str,
    old_code: str | None,
    session: SessionBase,
    by: User,
    now: datetime,
) -> None:
    """Change the number of a member who holds both phones; all sign-ins but `session` end.

    Without `old_code` the door has asked for the password instead. Raises: PhoneNotChanged,
    for a wrong code and for a number that another account has, alike.
    """
    if not _changed_by_codes(member, phone, new_code, old_code, session, by, now):
        raise PhoneNotChanged()


@retry_on_conflict
@transaction.atomic(durable=True)
def change_phone_at_desk(
    *, member_uid: uuid.UUID, phone: str, reason: str, by: User, now: datetime
) -> Member:
    """Change the number of a member whose document staff has just seen.

    Raises: PhoneTaken, ReasonMissing.
    """
    if not reason.strip():
        raise ReasonMissing()
    rows = Member.objects.select_related("user", "tier").filter(uid=member_uid)
    member = lock(rows, Rung.MEMBER).get()
    _set_phone(member, phone, by=by, reason=reason.strip(), now=now)
    return member


@transaction.atomic(durable=True)
def _changed_by_codes(
    member: Member,
    phone: str,
    new_code: str,
    old_code: str | None,
    session: SessionBase,
    by: User,
    now: datetime,
) -> bool:
    """Tell rather than raise: counted tries must be committed."""
    locked = lock(Member.objects.select_related("user").filter(pk=member.pk), Rung.MEMBER).get()
    old_phone = locked.phone.reveal() if locked.phone else ""
    tries = [tried_code(purpose=CodePurpose.NEW_PHONE, phone=phone, code=new_code, now=now)]
    if old_code is not None:
        tries.append(
            tried_code(purpose=CodePurpose.OLD_PHONE, phone=old_phone, code=old_code, now=now)
        )
    right = [row for row in tries if row is not None]
    if len(right) < len(tries):
        return False
    try:
        how = "by_password" if old_code is None else "by_both_phones"
        _set_phone(locked, phone, by=by, reason=how, now=now, session=session)
    except PhoneTaken:
        return False
    for row in right:
        use(row, now=now)
    return True


def _set_phone(
    member: Member,
    phone: str,
    *,
    by: User,
    reason: str,
    now: datetime,
    session: SessionBase | None = None,
) -> None:
    """Set the number, end the other sign-ins, and tell the old phone and the inbox."""
    old_phone = member.phone.reveal() if member.phone else ""
    member.phone = phone
    member.phone_verified_at = now
    with conflict_as({"one_account_per_phone": PhoneTaken}):
        member.save(update_fields=["phone", "phone_verified_at"])
    end_sessions(user=member.user, now=now, keep=session)
    record_event(
        Action.MEMBER_PHONE_CHANGED, subject=member, by=by, reason=reason, changed=["phone"]
    )
    notify_member(member=member, kind="phone_changed", key=str(uuid.uuid4()), facts={}, now=now)
    if old_phone:
        with translation.override(member.user.language):
            send_unasked(
                kind="phone_changed",
                channel=Channel.SMS,
                recipient=old_phone,
                facts={},
                now=now,
            )
