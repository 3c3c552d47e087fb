"""When a code of an app comes many times at once, is it good once, and are failures counted?"""

from functools import partial

import pytest

from medbook import clock
from members.models import FactorTries
from members.rules import second_factor as rules
from members.services import second_factor
from members.services.second_factor import use_factor_code
from tests.factories import UserFactory
from tests.members.factors import app_of, code_now
from tests.racing import counted, meeting, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def alice():
    user = UserFactory()
    app_of(user)
    return user


def test_the_same_code_typed_four_times_at_once_is_good_once(alice):
    now = clock.now()
    act = partial(use_factor_code, user=alice, code=code_now(now), now=now)

    outcomes = counted(together(*[act] * 4))

    assert outcomes == {"done": 1, "factor_code_invalid": 3}


def test_32_wrong_codes_at_once_are_five_guesses(alice):
    act = partial(use_factor_code, user=alice, code="000000x", now=clock.now())

    outcomes = counted(together(*[act] * 32))

    assert outcomes == {"factor_code_invalid": 5, "too_many_tries": 27}
    assert FactorTries.objects.get().failures == rules.FREE_FAILURES


def test_without_the_lock_a_code_would_be_good_twice(alice, monkeypatch):
    """Show that the lock is what keeps the race above honest."""
    monkeypatch.setattr(second_factor, "_lock", lambda user: user)
    monkeypatch.setattr(rules, "matching_step", meeting(rules.matching_step))
    now = clock.now()
    act = partial(use_factor_code, user=alice, code=code_now(now), now=now)

    assert counted(together(*[act] * 2)) == {"done": 2}
