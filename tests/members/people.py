"""People who join and sign in, in tests."""

import itertools

from django.contrib.auth.models import Group

from medbook import clock
from members.services.accounts import join_member
from members.services.roles import grant_roles
from tests.factories import UserFactory, resident_id
from tests.hashing import QuickArgon2

PASSWORD = "a long enough phrase"
PHONE = "+8613912340001"
NAME = "Alice Canary"
NUMBER = "11010519491231002X"

_numbers = itertools.count(1)


class CountingArgon2(QuickArgon2):
    """Count how often a password is hashed, which is what an answer's time is made of."""

    calls = 0

    def encode(self, password, salt):
        """Hash a new password."""
        CountingArgon2.calls += 1
        return super().encode(password, salt)

    def verify(self, password, encoded):
        """Hash an offered password."""
        CountingArgon2.calls += 1
        return super().verify(password, encoded)


def hashes(act):
    """Tell how often a password is hashed meanwhile."""
    before = CountingArgon2.calls
    act()
    return CountingArgon2.calls - before


def asked(**answers):
    """Tell what somebody types to join."""
    return {
        "phone": PHONE,
        "password": PASSWORD,
        "name": NAME,
        "identity_number": NUMBER,
        **answers,
    }


def joined(**answers):
    """Let somebody join."""
    number = next(_numbers)
    fresh = {"phone": f"+861371234{number:04d}", "identity_number": resident_id(number)}
    return join_member(**asked(**{**fresh, **answers}), now=clock.now())


def staff(role):
    """Make somebody of the staff, in one group."""
    grant_roles()
    user = UserFactory(username=f"{role}.{next(_numbers)}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user
