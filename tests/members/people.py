"""People who join and sign in, in tests."""

import itertools
import re

from django.contrib.auth.models import Group

from medbook import clock
from members.models import Delivery
from members.rules.spelling import normalised_phone
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


def code_sent(phone, after=0):
    """Read the latest code that was sent to a phone, as its holder does; None without one."""
    for delivery in Delivery.objects.filter(kind="code", state="waiting").order_by("-id"):
        if delivery.recipient.reveal() == normalised_phone(phone):
            return re.search(r"\d{6}", delivery.text.reveal())[0]
    return None


def wrong(code):
    """Change a code so that it is wrong."""
    return f"{(int(code) + 1) % 10**6:06}"


def sign_up(client, phone=PHONE, *, language="en", follow=False, **answers):
    """Join through the pages, reading the code from the phone."""
    page = f"/{language}/sign-up/"
    client.post(page, {"phone": phone, "terms": "on", "sensitive_data": "on", **answers})
    wanted = {"next": answers["next"]} if "next" in answers else {}
    return client.post(page, {"code": code_sent(phone), **wanted}, follow=follow)


def staff(role):
    """Make somebody of the staff, in one group."""
    grant_roles()
    user = UserFactory(username=f"{role}.{next(_numbers)}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user
