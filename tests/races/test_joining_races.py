"""When somebody joins many times at once, is there one account?"""

from collections import Counter
from functools import partial

import pytest

from medbook import clock
from members.models import FamilyLink, Member, Patient, User
from members.services.accounts import join_member
from tests.factories import TierFactory, resident_id
from tests.members.people import asked
from tests.racing import together

pytestmark = pytest.mark.django_db(transaction=True)


def rows():
    return [model.objects.count() for model in (User, Member, Patient, FamilyLink)]


def test_one_phone_number_16_times():
    TierFactory()

    outcomes = together(*[partial(join_member, **asked(), now=clock.now())] * 16)

    assert sum(outcome is not None for outcome in outcomes) == 1
    assert rows() == [1, 1, 1, 1]


def test_one_identity_number_for_16_phones():
    TierFactory()
    each = [
        partial(
            join_member,
            **asked(phone=f"+86139123400{number:02d}", identity_number=resident_id(3)),
            now=clock.now(),
        )
        for number in range(16)
    ]

    outcomes = together(*each)

    assert all(outcomes)
    assert rows() == [16, 16, 1, 16]
    consents = Counter(FamilyLink.objects.values_list("consent", flat=True))
    assert consents == {"given": 1, "declared": 15}
