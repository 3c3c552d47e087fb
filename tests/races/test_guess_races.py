"""When many guess one password at the same instant, is none compared beyond the limit?"""

import time
from collections import Counter
from contextlib import nullcontext
from functools import partial

import pytest
from axes.models import AccessAttempt
from django.test import Client

from medbook.audit.models import OperationLog
from members.adapters import lockout, staff
from members.models import User
from tests.factories import TierFactory, UserFactory
from tests.members.people import PASSWORD, PHONE, joined
from tests.racing import meeting, together

pytestmark = pytest.mark.django_db(transaction=True)


DOORS = {
    "members": ("/en/sign-in/", {"login": PHONE}),
    "tokens": ("/api/v1/auth/token/", {"phone": PHONE}),
    "staff": ("/admin/login/", {"username": "chen"}),
}


@pytest.fixture
def compared(monkeypatch):
    """List the passwords that were compared."""
    seen = []

    def noted(user, password):
        seen.append(password)
        time.sleep(0.02)  # as long as a hash takes, so that guesses would overlap
        return False

    monkeypatch.setattr("members.models.User.check_password", noted)
    return seen


@pytest.fixture(autouse=True)
def people():
    TierFactory()
    joined(phone=PHONE)
    UserFactory(username="chen", is_staff=True).set_password(PASSWORD)


def guess(door, number, place=None):
    path, who = DOORS[door]
    said = {**who, "password": f"wrong phrase {number}"}
    kind = {"content_type": "application/json"} if path.startswith("/api/") else {}
    address = f"198.51.{place}.1" if place else "203.0.113.7"
    return Client().post(path, said, REMOTE_ADDR=address, **kind).status_code


def counted():
    return sum(AccessAttempt.objects.values_list("failures_since_start", flat=True))


@pytest.mark.parametrize("door", DOORS)
def test_32_guesses_from_one_place(door, compared):
    answers = Counter(together(*[partial(guess, door, number) for number in range(32)]))

    assert len(compared) == len(set(compared)) == counted() == 5
    # 409 is for who waited in line for longer than a lock may take.
    assert answers[429] + answers[409] == 28
    assert OperationLog.objects.filter(action="sign_in.failed").count() == 5


def test_40_guesses_from_everywhere(compared):
    guesses = [partial(guess, "members", number, place=number + 1) for number in range(40)]

    together(*guesses, threads=8)

    assert len(compared) == counted() == 30


def test_other_accounts_do_not_wait(compared):
    with lockout.one_guess_at_a_time({"phone": "+8613912349999"}):
        (answer,) = together(partial(guess, "members", 1))

    assert answer == 422
    assert len(compared) == 1


@pytest.mark.parametrize("door", ["members", "staff"])
def test_without_the_lock_more_would_be_compared(door, compared, monkeypatch):
    for module in (lockout, staff):
        monkeypatch.setattr(module, "one_guess_at_a_time", lambda *_about: nullcontext())
    monkeypatch.setattr(User, "check_password", meeting(User.check_password, 8))

    together(*[partial(guess, door, number) for number in range(8)])

    assert len(compared) == 8
