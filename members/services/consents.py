"""How does a member agree to something, and take it back?"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.locks import Rung, lock, retry_on_conflict
from members.choices import ConsentPurpose
from members.errors import ConsentMissing, ConsentNotGiven, TermsStay
from members.models import Consent, Member, User
from members.rules.consents import VERSIONS, is_present, may_withdraw
from members.selectors.consents import holds


def record_consents(*, member: Member, purposes: Iterable[ConsentPurpose], now: datetime) -> None:
    """Note in the caller's transaction what a member agrees to, in the present version."""
    Consent.objects.bulk_create(
        Consent(member=member, purpose=purpose, version=VERSIONS[purpose], given_at=now)
        for purpose in purposes
    )


@retry_on_conflict
@transaction.atomic(durable=True)
def give_consent(*, member: Member, purpose: ConsentPurpose, by: User, now: datetime) -> Consent:
    """Agree to a purpose in the present version of its text; done again, nothing changes."""
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    standing = _standing(locked, purpose)
    if standing is not None and is_present(purpose, standing.version):
        return standing
    if standing is not None:
        _end(standing, now)
    record_consents(member=locked, purposes=[purpose], now=now)
    record_event(Action.AGREEMENT_GIVEN, subject=locked, by=by, facts=_facts(purpose))
    return Consent.objects.get(member=locked, purpose=purpose, withdrawn_at__isnull=True)


@retry_on_conflict
@transaction.atomic(durable=True)
def withdraw_consent(
    *, member: Member, purpose: ConsentPurpose, by: User, now: datetime
) -> Consent:
    """Take an agreement back; what needs it is refused from the next request on.

    Raises: TermsStay, ConsentNotGiven.
    """
    if not may_withdraw(purpose):
        raise TermsStay()
    locked = lock(Member.objects.filter(pk=member.pk), Rung.MEMBER).get()
    standing = _standing(locked, purpose)
    if standing is None:
        raise ConsentNotGiven()
    _end(standing, now)
    record_event(Action.AGREEMENT_WITHDRAWN, subject=locked, by=by, facts=_facts(purpose))
    return standing


def require_consent(member: Member, purpose: ConsentPurpose) -> None:
    """Refuse what needs an agreement that does not hold. Raises: ConsentMissing."""
    if not holds(member, purpose):
        raise ConsentMissing(purpose=purpose.value)


def _standing(member: Member, purpose: ConsentPurpose) -> Consent | None:
    return Consent.objects.filter(member=member, purpose=purpose, withdrawn_at__isnull=True).first()


def _end(standing: Consent, now: datetime) -> None:
    standing.withdrawn_at = max(now, standing.given_at)
    standing.save(update_fields=["withdrawn_at"])


def _facts(purpose: ConsentPurpose) -> dict[str, str]:
    return {"purpose": purpose.value, "version": VERSIONS[purpose]}
