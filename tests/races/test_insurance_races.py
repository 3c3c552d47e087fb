"""When many visits of one patient are insured at once, does the plan bear its yearly cap once?"""

from datetime import timedelta
from functools import partial

import pytest
from django.db.models import Sum

from billing.models import Claim
from billing.models.insurance import ClaimQuerySet
from medbook import clock
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    InsurancePolicyFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.racing import counted, meeting, together

pytestmark = pytest.mark.django_db(transaction=True)
CAP = 200


@pytest.fixture
def booking():
    """Return acts of two members that book for one patient."""
    policy = InsurancePolicyFactory(added_by=member_with_patient(), plan__yearly_cap=CAP)
    partner = member_with_patient()
    FamilyLinkFactory(member=partner, patient=policy.patient, relation="child", consent="given")
    today = clock.local_date(clock.now(), "Asia/Shanghai")
    acts = []
    for number, member in enumerate((policy.added_by, partner)):
        schedule = schedule_with_slots(service_date=today + timedelta(3 + number))
        acts.append(
            partial(book, member, schedule, patient=policy.patient, policy=policy, key=str(number))
        )
    return acts


def borne():
    return Claim.objects.aggregate(sum=Sum("quoted"))["sum"]


def test_the_cap_of_a_year_is_used_once(booking):
    assert counted(together(*booking)) == {"done": 2}

    assert borne() == CAP


@pytest.mark.breaks("an_insurer_bears_no_more_than_its_yearly_cap")
def test_without_the_lock_it_would_be_used_twice(booking, monkeypatch):
    monkeypatch.setattr(ClaimQuerySet, "used", meeting(ClaimQuerySet.used))
    monkeypatch.setattr("members.services.booking_rights.lock", lambda rows, _rung: rows)

    together(*booking)

    assert borne() > CAP
