"""When codes are asked for or tried many times at once, are the limits exact?"""

from functools import partial

import pytest

from medbook import clock
from members.choices import CodePurpose, ConsentPurpose
from members.models import Consent, Delivery, FamilyLink, Member, OneTimeCode, Patient, User
from members.services import codes
from members.services.accounts import join_by_code
from members.services.codes import send_code
from members.services.sign_in import sign_in_by_code
from tests.factories import TierFactory
from tests.members.people import PHONE, code_sent, joined, wrong
from tests.racing import counted, meeting, together

pytestmark = pytest.mark.django_db(transaction=True)


def sending(phone=PHONE, network="203.0.113.0/24", purpose=CodePurpose.SIGN_UP):
    return partial(send_code, purpose=purpose, phone=phone, network=network, now=clock.now())


@pytest.fixture
def alice():
    return joined(phone=PHONE)


@pytest.fixture
def code(alice):
    sending(purpose=CodePurpose.SIGN_IN)()
    return code_sent(PHONE)


def test_32_wrong_tries_count_exactly_five(code):
    guess = partial(sign_in_by_code, phone=PHONE, code=wrong(code), now=clock.now())

    outcomes = together(*[guess] * 32)

    assert counted(outcomes) == {"code_invalid": 32}
    assert OneTimeCode.objects.get().tries == 5
    assert counted(together(partial(sign_in_by_code, phone=PHONE, code=code, now=clock.now()))) == {
        "code_invalid": 1
    }


def test_32_right_tries_have_one_winner(code):
    enter = partial(sign_in_by_code, phone=PHONE, code=code, now=clock.now())

    outcomes = together(*[enter] * 32)

    assert counted(outcomes) == {"done": 1, "code_invalid": 31}
    assert OneTimeCode.objects.get().used_at


def test_32_wishes_send_one_code():
    outcomes = together(*[sending()] * 32)

    assert counted(outcomes) == {"done": 1, "rate_limited": 31}
    assert OneTimeCode.objects.count() == Delivery.objects.count() == 1


def test_a_network_gets_no_more_than_thirty_at_once():
    outcomes = together(*[sending(f"+86139000000{number:02d}") for number in range(40)])

    assert counted(outcomes) == {"done": 30, "rate_limited": 10}


def test_without_the_lock_more_than_one_code_is_sent(monkeypatch):
    """See that the lock is what holds the limits."""
    monkeypatch.setattr(codes, "_one_at_a_time", lambda: None)
    monkeypatch.setattr(codes, "_wait", meeting(codes._wait))

    together(*[sending()] * 2)

    assert OneTimeCode.objects.count() == 2


def test_16_times_the_same_code_makes_one_account():
    TierFactory()
    sending()()
    consents = [ConsentPurpose.TERMS, ConsentPurpose.SENSITIVE_DATA]
    join = partial(
        join_by_code, phone=PHONE, code=code_sent(PHONE), consents=consents, now=clock.now()
    )

    outcomes = together(*[join] * 16)

    assert counted(outcomes) == {"done": 1, "code_invalid": 15}
    rows = [model.objects.count() for model in (User, Member, Patient, FamilyLink, Consent)]
    assert rows == [1, 1, 1, 1, 2]
