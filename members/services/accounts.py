"""How does somebody become a member?"""

from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError, Refused
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from medbook.references import new_reference
from members.choices import CodePurpose, ConsentPurpose, ConsentState, IdentityKind, Relation
from members.errors import CodeInvalid, DocumentKnown
from members.models import FamilyLink, Member, Patient, User
from members.rules import spelling
from members.rules.identity import Document
from members.selectors.tiers import entry_tier
from members.services.codes import tried_code, use
from members.services.consents import record_consents
from members.services.family import Described, link_oneself
from members.services.sign_in import admitted
from members.services.tiers import note_joining

NUMBER_LENGTH = 8  # 40 random bits: a number says nothing about how many members there are


class PhoneKnown(Refused):
    """An account has this number already; said to nobody."""


@retry_on_conflict
def join_member(
    *,
    phone: str,
    password: str,
    name: str,
    now: datetime,
    identity_number: str = "",
    language: str = settings.LANGUAGE_CODE,
) -> Member | None:
    """Make an account with its own patient; None where the phone number has an account.

    A known number changes nothing and takes as long. `identity_number` is 18 characters, checked;
    one that is on record already is linked as only said, which looks the same and reaches nobody
    else's bookings until the desk has seen the document.
    """
    hashed = make_password(password)  # first, so that both answers take the time of one hash
    try:
        with (
            transaction.atomic(durable=True),
            conflict_as({"one_account_per_phone": PhoneKnown}),
        ):
            return _open_account(phone, hashed, name, identity_number, language, now)
    except PhoneKnown:
        return None


@retry_on_conflict
def join_by_code(
    *,
    phone: str,
    code: str,
    consents: Collection[ConsentPurpose],
    now: datetime,
    language: str = settings.LANGUAGE_CODE,
    document_ending: str = "",
    password: str | None = None,
    name: str = "",
    identity_number: str = "",
) -> User:
    """Make an account for whoever has a phone in hand; a number with an account opens that one.

    Nothing but the number is needed. A known account gets the consents that it lacks and stays
    as it is otherwise; it takes as long. Raises: AccountClosed, CodeInvalid,
    DocumentEndingRequired.
    """
    hashed = make_password(password)
    with transaction.atomic(durable=True):  # refusals leave it: a counted try must be committed
        row = tried_code(purpose=CodePurpose.SIGN_UP, phone=phone, code=code, now=now)
        member: Member | DomainError | None = CodeInvalid()
        if row is not None:
            member = admitted(phone=phone, document_ending=document_ending, now=now)
        if member is None:
            with conflict_as({"one_account_per_phone": CodeInvalid}):  # taken this very moment
                member = _open_account(phone, hashed, name, identity_number, language, now)
        if isinstance(member, Member) and row is not None:
            use(row, now=now)
            standing = member.consents.holding(now).values_list("purpose", flat=True)
            record_consents(member=member, purposes=set(consents) - set(standing), now=now)
    if isinstance(member, DomainError):
        raise member
    return member.user


@retry_on_conflict
@transaction.atomic(durable=True)
def change_contact(*, member: Member, by: User, **wanted: str | None) -> Member:
    """Change the `language` and the `email` in which a member is written to; None takes it away."""
    locked = lock(Member.objects.select_related("user").filter(pk=member.pk), Rung.MEMBER)
    changed = locked.get()
    if "email" in wanted:
        changed.email = wanted["email"]
        changed.save(update_fields=["email"])
    if language := wanted.get("language"):
        changed.user.language = language
        changed.user.save(update_fields=["language"])
    record_event(Action.MEMBER_CONTACT_CHANGED, subject=changed, by=by, changed=sorted(wanted))
    return changed


def new_account(
    phone: str, password: str, language: str, now: datetime, *, is_confirmed: bool = True
) -> Member:
    """Write an account of the entry tier, in the caller's transaction; `password` is hashed."""
    user = User.objects.create(
        username=f"M{new_reference()[:NUMBER_LENGTH]}",
        password=password,
        language=language,
        date_joined=now,
    )
    return Member.objects.create(
        user=user,
        phone=phone,
        phone_verified_at=now if is_confirmed else None,
        tier=entry_tier(),
        joined_at=now,
    )


def _open_account(
    phone: str, password: str, name: str, identity_number: str, language: str, now: datetime
) -> Member:
    member = new_account(phone, password, language, now)
    link, is_new = _own_link(member, name, identity_number, now)
    note_joining(member=member, now=now)
    record_event(
        Action.MEMBER_JOINED,
        subject=member,
        by=member.user,
        patient=link.patient,
        reason="" if is_new else DocumentKnown.code,
    )
    return member


def _own_link(
    member: Member, name: str, identity_number: str, now: datetime
) -> tuple[FamilyLink, bool]:
    if identity_number:
        document = Document(
            kind=IdentityKind.RESIDENT_ID,
            number=identity_number,
            birth_date=spelling.birth_date_of(identity_number),
            sex=spelling.sex_of(identity_number),
        )
        said = Described(name=name, document=document, relation=Relation.SELF)
        return link_oneself(member=member, said=said, now=now)
    link = FamilyLink.objects.create(
        member=member,
        patient=Patient.objects.create(name=name or None, created_at=now),
        relation=Relation.SELF,
        consent=ConsentState.GIVEN,
        consent_at=now,
        created_at=now,
    )
    return link, True
