"""How does somebody set up a second factor, show it, and lose it again?"""

from datetime import timedelta

import pytest
from django.db import connection

from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from medbook.sessions import SessionStore
from members.errors import (
    AppPresent,
    FactorCodeInvalid,
    OwnFactor,
    PasskeyRefused,
    ReasonMissing,
    TooManyTries,
    WithoutSecondFactor,
)
from members.models import FactorTries, Notification, RecoveryCode, SecondFactor
from members.services.passkeys import add_passkey, new_passkey_options, passkey_options, use_passkey
from members.services.second_factor import (
    add_app,
    new_secret,
    remove_factor,
    renew_recovery_codes,
    take_away_factors,
    use_factor_code,
)
from members.services.tokens import issue_tokens
from tests.factories import UserFactory, member_with_patient
from tests.members.factors import SECRET, SoftwareKey, app_of, code_now

pytestmark = pytest.mark.django_db
NOW = clock.now()
SITE = {"host": "testserver"}


@pytest.fixture
def alice():
    return member_with_patient().user


@pytest.fixture
def session():
    session = SessionStore()
    session.create()
    return session


def add(user, session, **fields):
    code = code_now(NOW)
    return add_app(
        **{"user": user, "secret": SECRET, "code": code, "session": session, "now": NOW, **fields}
    )


def passkey_of(user, session, key):
    options, state = new_passkey_options(user=user, **SITE)
    answer = key.create(options)
    return add_passkey(
        user=user, name="Phone", answer=answer, state=state, session=session, now=NOW, **SITE
    )


def test_an_app_that_shows_a_code_is_added(alice, session):
    codes = add(alice, session)

    assert len(set(codes)) == 10
    assert alice.second_factors.get().secret.reveal() == SECRET
    assert OperationLog.objects.filter(action=Action.SECOND_FACTOR_ADDED).count() == 1
    assert Notification.objects.get().kind == "second_factor_changed"


def test_an_app_that_shows_another_code_is_not_added(alice, session):
    with pytest.raises(FactorCodeInvalid):
        add(alice, session, code="000000", secret=new_secret())

    assert not alice.second_factors.exists()


def test_a_second_app_is_refused(alice, session):
    app_of(alice)

    with pytest.raises(AppPresent):
        add(alice, session)


def test_the_secret_is_sealed_and_the_recovery_codes_are_hashed(alice, session):
    codes = add(alice, session)

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM members_secondfactor")
        (secret,) = cursor.fetchone()
        cursor.execute("SELECT digest FROM members_recoverycode")
        digests = [bytes(row[0]) for row in cursor.fetchall()]
    assert SECRET.encode() not in bytes(secret)
    assert not any(code.encode() in digest for code in codes for digest in digests)


def test_a_new_factor_voids_tokens(alice, session):
    issue_tokens(user=alice, now=NOW)
    before = alice.token_version

    add(alice, session)

    alice.refresh_from_db()
    assert alice.token_version > before
    assert alice.token_families.get().revoked_at


def test_a_code_is_good_once(alice):
    app_of(alice)

    use_factor_code(user=alice, code=code_now(NOW), now=NOW)
    with pytest.raises(FactorCodeInvalid):
        use_factor_code(user=alice, code=code_now(NOW), now=NOW)

    use_factor_code(user=alice, code=code_now(NOW, steps=1), now=NOW)


def test_the_code_that_set_up_the_app_is_used(alice, session):
    add(alice, session)

    with pytest.raises(FactorCodeInvalid):
        use_factor_code(user=alice, code=code_now(NOW), now=NOW)


def test_a_recovery_code_is_good_once_and_for_its_owner_only(alice, session):
    code = add(alice, session)[3]
    bo = member_with_patient().user
    app_of(bo)

    with pytest.raises(FactorCodeInvalid):
        use_factor_code(user=bo, code=code, now=NOW)
    use_factor_code(user=alice, code=f"{code[:5]} {code[5:].lower()}", now=NOW)
    with pytest.raises(FactorCodeInvalid):
        use_factor_code(user=alice, code=code, now=NOW)


def test_new_recovery_codes_void_the_old(alice, session):
    old = add(alice, session)[0]
    new = renew_recovery_codes(user=alice, now=NOW)[0]

    with pytest.raises(FactorCodeInvalid):
        use_factor_code(user=alice, code=old, now=NOW)
    use_factor_code(user=alice, code=new, now=NOW)


def test_there_are_no_recovery_codes_without_a_factor(alice):
    with pytest.raises(WithoutSecondFactor):
        renew_recovery_codes(user=alice, now=NOW)


def test_after_five_failures_even_the_right_code_waits(alice):
    app_of(alice)
    for _ in range(5):
        with pytest.raises(FactorCodeInvalid):
            use_factor_code(user=alice, code="000000x", now=NOW)

    with pytest.raises(TooManyTries) as wait:
        use_factor_code(user=alice, code=code_now(NOW), now=NOW)
    assert wait.value.retry_after <= 61
    later = NOW + timedelta(minutes=1)
    use_factor_code(user=alice, code=code_now(later), now=later)
    assert not FactorTries.objects.exists()


def test_four_failures_do_not_lock_anybody_out(alice):
    app_of(alice)
    for _ in range(4):
        with pytest.raises(FactorCodeInvalid):
            use_factor_code(user=alice, code="000000x", now=NOW)

    use_factor_code(user=alice, code=code_now(NOW), now=NOW)


def test_with_the_last_factor_go_the_recovery_codes(alice, session):
    add(alice, session)

    remove_factor(user=alice, factor_uid=alice.second_factors.get().uid, session=session, now=NOW)

    assert not SecondFactor.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_a_factor_of_somebody_else_is_not_there(alice, session):
    theirs = app_of(member_with_patient().user)

    with pytest.raises(Missing):
        remove_factor(user=alice, factor_uid=theirs.uid, session=session, now=NOW)


def test_staff_takes_away_the_factor_of_a_lost_phone(alice, session):
    root = UserFactory(is_staff=True)
    add(alice, session)

    take_away_factors(user_uid=alice.uid, reason="Phone lost, document seen", by=root, now=NOW)

    assert not SecondFactor.objects.exists()
    log = OperationLog.objects.get(action=Action.SECOND_FACTOR_REMOVED)
    assert (log.reason, log.actor_uid) == ("Phone lost, document seen", root.uid)


@pytest.mark.parametrize(
    ("whose", "reason", "refusal"),
    [
        ("theirs", " ", ReasonMissing),
        ("own", "Mine", OwnFactor),
        ("nobody's", "Lost", WithoutSecondFactor),
    ],
)
def test_a_factor_is_taken_away_for_a_reason_and_never_ones_own(alice, whose, reason, refusal):
    root = UserFactory(is_staff=True)
    app_of(root)
    if whose == "theirs":
        app_of(alice)
    owner = root if whose == "own" else alice

    with pytest.raises(refusal):
        take_away_factors(user_uid=owner.uid, reason=reason, by=root, now=NOW)

    assert root.second_factors.exists()


def test_a_passkey_is_added_and_opens_its_account(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    options, state = passkey_options(user=alice, **SITE)

    opened = use_passkey(user=alice, answer=key.get(options), state=state, now=NOW, **SITE)

    assert opened == alice
    assert alice.second_factors.get().last_used_at == NOW


def test_a_passkey_that_stands_alone_names_its_account(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    options, state = passkey_options(user=None, **SITE)

    assert use_passkey(user=None, answer=key.get(options), state=state, now=NOW, **SITE) == alice


def test_a_passkey_that_stands_alone_has_to_be_unlocked(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    options, state = passkey_options(user=None, **SITE)
    answer = key.get(options, flags=0x01)

    with pytest.raises(PasskeyRefused):
        use_passkey(user=None, answer=answer, state=state, now=NOW, **SITE)


def spoilt(answer, **changed):
    return {**answer, "response": {**answer["response"], **changed}}


FORGED = {
    "another challenge": lambda key, asked, other: key.get(other),
    "another site": lambda key, asked, other: key.get(asked, origin="https://evil.example"),
    "another key": lambda key, asked, other: SoftwareKey().get(asked),
    "unknown": lambda key, asked, other: SoftwareKey(b"unknown-unknown-").get(asked),
    "signature": lambda key, asked, other: spoilt(key.get(asked), signature="AAAA"),
    "data": lambda key, asked, other: spoilt(key.get(asked), authenticatorData="AAAA"),
    "nothing": lambda key, asked, other: {},
    "rubbish": lambda key, asked, other: {"rawId": 1, "response": []},
}


@pytest.mark.parametrize("spoil", FORGED.values(), ids=FORGED)
def test_a_forged_answer_opens_nothing(alice, session, spoil):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    options, state = passkey_options(user=alice, **SITE)
    other, _state = passkey_options(user=alice, **SITE)

    with pytest.raises(PasskeyRefused):
        use_passkey(user=alice, answer=spoil(key, options, other), state=state, now=NOW, **SITE)

    assert OperationLog.objects.filter(action=Action.SECOND_FACTOR_FAILED).count() == 1


def test_a_copied_passkey_is_found_out_by_its_count(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    options, state = passkey_options(user=alice, **SITE)
    use_passkey(user=alice, answer=key.get(options), state=state, now=NOW, **SITE)
    key.count = 0

    options, state = passkey_options(user=alice, **SITE)
    with pytest.raises(PasskeyRefused):
        use_passkey(user=alice, answer=key.get(options), state=state, now=NOW, **SITE)


def test_a_passkey_opens_no_other_account(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    bo = member_with_patient().user
    options, state = passkey_options(user=alice, **SITE)

    with pytest.raises(PasskeyRefused):
        use_passkey(user=bo, answer=key.get(options), state=state, now=NOW, **SITE)


@pytest.mark.parametrize("answer", [{}, {"id": "AA"}, {"rawId": "AA", "response": {}}])
def test_a_broken_new_passkey_is_refused(alice, session, answer):
    _options, state = new_passkey_options(user=alice, **SITE)

    with pytest.raises(PasskeyRefused):
        add_passkey(
            user=alice, name="", answer=answer, state=state, session=session, now=NOW, **SITE
        )


def test_one_passkey_does_not_open_two_accounts(alice, session):
    key = SoftwareKey()
    passkey_of(alice, session, key)
    bo_session = SessionStore()
    bo_session.create()

    with pytest.raises(PasskeyRefused):
        passkey_of(member_with_patient().user, bo_session, key)


def test_a_new_passkey_without_its_key_is_refused(alice, session):
    options, state = new_passkey_options(user=alice, **SITE)
    answer = SoftwareKey().create(options, has_key=False)

    with pytest.raises(PasskeyRefused):
        add_passkey(
            user=alice, name="", answer=answer, state=state, session=session, now=NOW, **SITE
        )
