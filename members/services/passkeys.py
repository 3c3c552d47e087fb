"""How does a passkey get onto an account, and how does it open one?"""

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from medbook.audit.choices import Action, Outcome
from medbook.audit.services import record_event
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from members.choices import FactorKind
from members.errors import PasskeyRefused
from members.models import SecondFactor, User
from members.selectors.second_factors import second_factors
from members.services.second_factor import finish_adding

# What the fido2 library raises for an answer that is broken, forged or meant for another site.
WRONG = (
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    AttributeError,
    OverflowError,
    RuntimeError,
    struct.error,
)
Options = dict[str, Any]
State = dict[str, Any]


def new_passkey_options(*, user: User, host: str) -> tuple[Options, State]:
    """Ask a browser for a new passkey: what it is told, and what is kept to check its answer."""
    options, state = _site(host).register_begin(
        PublicKeyCredentialUserEntity(
            id=user.uid.bytes, name=user.username, display_name=user.username
        ),
        credentials=[credential for credential, _row in _passkeys(user)],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(options), state


@retry_on_conflict
@transaction.atomic(durable=True)
def add_passkey(
    *,
    user: User,
    name: str,
    answer: Mapping[str, Any],
    state: State,
    host: str,
    session: SessionBase,
    now: datetime,
) -> list[str]:
    """Add a passkey that a browser has made; return recovery codes if there were none.

    All other sign-ins end. Raises: PasskeyRefused.
    """
    owner = lock(User.objects.filter(pk=user.pk), Rung.MEMBER).get()
    try:
        shown = _site(host).register_complete(state, answer)
    except WRONG as wrong:
        raise PasskeyRefused() from wrong
    credential = shown.credential_data
    if credential is None:
        raise PasskeyRefused()
    with conflict_as({"a_passkey_opens_one_account": PasskeyRefused}):
        factor = SecondFactor.objects.create(
            user=owner,
            kind=FactorKind.PASSKEY,
            name=name,
            credential_id=credential.credential_id,
            credential=bytes(credential),
            sign_count=shown.counter,
            created_at=now,
        )
    return finish_adding(factor, session=session, now=now)


def passkey_options(*, user: User | None, host: str) -> tuple[Options, State]:
    """Ask a browser for a passkey of an account, or for any that names its account itself.

    One that stands alone has to be unlocked by its owner's finger, face or PIN.
    """
    known = [credential for credential, _row in _passkeys(user)] if user else None
    options, state = _site(host).authenticate_begin(
        known,
        user_verification=UserVerificationRequirement.PREFERRED
        if user
        else UserVerificationRequirement.REQUIRED,
    )
    return dict(options), state


@retry_on_conflict
def use_passkey(
    *, user: User | None, answer: Mapping[str, Any], state: State, host: str, now: datetime
) -> User:
    """Take a browser's answer; return the account that the passkey opens.

    Raises: PasskeyRefused.
    """
    opened = _use(user, answer, state, host, now)
    if opened is None:
        raise PasskeyRefused()
    return opened


@transaction.atomic(durable=True)
def _use(
    user: User | None, answer: Mapping[str, Any], state: State, host: str, now: datetime
) -> User | None:
    """Return None rather than raise, so that the failure stays in the operation log."""
    try:
        said = AuthenticationResponse.from_dict(answer)
        rows = SecondFactor.objects.filter(credential_id=said.raw_id, user__is_active=True)
        factor = rows.select_related("user").first()
        if factor is None or (user is not None and factor.user_id != user.pk):
            return _refused(user)
        owner = lock(User.objects.filter(pk=factor.user_id), Rung.MEMBER).get()
        factor = second_factors(owner).get(pk=factor.pk)
        known = AttestedCredentialData(bytes(factor.credential or b""))
        _site(host).authenticate_complete(state, [known], said)
    except (*WRONG, SecondFactor.DoesNotExist):
        return _refused(user)
    counted = said.response.authenticator_data.counter
    if (counted or factor.sign_count) and counted <= factor.sign_count:
        return _refused(owner)  # copied: two devices count on their own
    factor.sign_count, factor.last_used_at = counted, now
    factor.save(update_fields=["sign_count", "last_used_at"])
    return owner


def _refused(user: User | None) -> User | None:
    record_event(Action.SECOND_FACTOR_FAILED, subject=user, by=user, outcome=Outcome.DENIED)
    return None


def _passkeys(user: User) -> list[tuple[AttestedCredentialData, SecondFactor]]:
    rows = second_factors(user).filter(kind=FactorKind.PASSKEY)
    return [(AttestedCredentialData(bytes(row.credential or b"")), row) for row in rows]


def _site(host: str) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(id=host, name="MedBook"))
