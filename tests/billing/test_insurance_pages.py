"""Do members keep their patients' policies, and staff see no more than they need?"""

from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group

from appointments.services.cancelling import cancel_appointment
from billing.models import Claim, InsurancePlan, InsurancePolicy
from medbook import clock
from members.choices import ConsentPurpose, ConsentState, Relation, Role
from members.models import FamilyLink
from members.selectors.privacy import told_tables
from members.services.consents import withdraw_consent
from members.services.erasing import erase_member
from members.services.roles import grant_roles
from tests.api import ROOT, caller, refusal
from tests.appointments.booking import book
from tests.appointments.test_booking_api import act, order
from tests.factories import (
    FamilyLinkFactory,
    InsurancePlanFactory,
    InsurancePolicyFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(client):
    member = member_with_patient()
    client.force_login(member.user)
    return member


def address(member, language="en"):
    return f"/{language}/patients/{member.links.get().patient.uid}/insurance/"


def said(plan, **changed):
    form = {"plan": str(plan.uid), "number": "ch-8800 1043", "valid_from": "2026-01-01"}
    return {**form, "valid_to": "", **changed}


def test_a_member_adds_a_policy_sees_its_end_only_and_ends_it(client, alice):
    plan = InsurancePlanFactory()

    client.post(address(alice), said(plan))

    policy = InsurancePolicy.objects.get()
    assert (policy.number.reveal(), policy.added_by) == ("CH88001043", alice)
    page = client.get(address(alice, "zh-hans"))
    assert "安心医疗险" in page.text
    assert "••••1043" in page.text
    assert "CH88001043" not in page.text
    client.post(f"{address(alice)}{policy.uid}/end/")
    assert InsurancePolicy.objects.get().ended_at
    assert "••••1043" not in client.get(address(alice)).text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"number": "12345"}, "6 to 32 letters and digits"),
        ({"valid_to": "2025-12-31"}, "This day lies before the first one."),
    ],
)
def test_bad_input_is_named(client, alice, changed, sentence):
    answer = client.post(address(alice), said(InsurancePlanFactory(), **changed))

    assert answer.status_code == 422
    assert sentence in answer.text
    assert not InsurancePolicy.objects.exists()


def test_a_number_is_on_record_once_and_nothing_is_kept_without_consent(client, alice):
    taken = InsurancePolicyFactory(number="CH88001043")

    assert client.post(address(alice), said(taken.plan)).status_code == 409
    withdraw_consent(
        member=alice, purpose=ConsentPurpose.SENSITIVE_DATA, by=alice.user, now=clock.now()
    )
    asked = client.post(address(alice), said(taken.plan, number="CH88001044"))
    assert "sensitive_data" in asked.text
    assert InsurancePolicy.objects.get() == taken


def test_others_end_nothing_and_see_nothing_without_consent(client, alice):
    policy = InsurancePolicyFactory()
    FamilyLinkFactory(member=alice, patient=policy.patient, relation=Relation.OTHER)
    theirs = f"/en/patients/{policy.patient.uid}/insurance/"

    assert str(policy.number) not in client.get(theirs).text
    assert client.post(f"{theirs}{policy.uid}/end/").status_code == 404
    assert client.get(address(policy.added_by)).status_code == 200  # of the shared patient
    assert client.get(address(member_with_patient())).status_code == 404


def test_a_program_finds_by_which_policy_to_book():
    policy = InsurancePolicyFactory()
    member, schedule = policy.added_by, schedule_with_slots()
    over = InsurancePolicyFactory(
        added_by=member, valid_from=date(2020, 1, 1), valid_to=date(2020, 12, 31)
    )
    InsurancePolicyFactory(added_by=member, ended_at=clock.now())
    InsurancePolicyFactory()  # of somebody else

    answer = caller(member).get(f"{ROOT}patients/{policy.patient.uid}/policies/")

    first, second = answer.json()["results"]
    assert first == {
        "id": str(policy.uid),
        "plan": policy.plan.name,
        "is_statutory": False,
        "insurer": "sandbox",
        "number": str(policy.number),
        "valid_from": "2020-01-01",
        "valid_to": None,
        "state": "valid",
    }
    assert (second["id"], second["state"]) == (str(over.uid), "run_out")
    assert policy.number.reveal() not in answer.text
    booked = order(member, schedule, pay="desk", insurance=first["id"])
    assert booked.json()["insured"] == "144.00"


def test_a_program_is_told_no_policy_that_the_member_may_not_see():
    policy = InsurancePolicyFactory()
    link = FamilyLinkFactory(
        member=member_with_patient(),
        patient=policy.patient,
        relation=Relation.OTHER,
        consent=ConsentState.DECLARED,
    )
    address = f"{ROOT}patients/{policy.patient.uid}/policies/"

    unseen = caller(link.member).get(address)
    FamilyLink.objects.filter(pk=link.pk).update(consent=ConsentState.GIVEN)
    seen = caller(link.member).get(address)

    assert unseen.json()["results"] == []
    assert [each["id"] for each in seen.json()["results"]] == [str(policy.uid)]
    assert refusal(caller(member_with_patient()).get(address)) == (404, "not_found")


def test_an_insured_visit_by_api():
    policy = InsurancePolicyFactory()
    member, schedule = policy.added_by, schedule_with_slots()
    insured = {"insurance": str(policy.uid)}
    later = schedule_with_slots(service_date=schedule.service_date + timedelta(days=1))

    unasked = order(member, schedule, **insured)
    booked = order(member, schedule, pay="desk", key="two", **insured)
    others = order(member, later, pay="desk", key="3", insurance=str(InsurancePolicyFactory().uid))
    held = order(member, later, key="4").json()
    confirmed = act(member, held, "confirm", pay="desk", **insured)

    assert unasked.status_code == 422
    assert [booked.json()[name] for name in ("insured", "price")] == ["144.00", "36.00"]
    assert refusal(others) == (409, "policy_not_valid")
    assert confirmed.json()["insured"] == "144.00"
    InsurancePlan.objects.update(uncovered=["first"])
    held = order(
        member, schedule_with_slots(service_date=later.service_date + timedelta(1)), key="5"
    )
    answer = act(member, held.json(), "confirm", pay="desk", **insured)
    assert refusal(answer) == (409, "visit_not_covered")


def test_finance_keeps_plans_until_somebody_is_insured_and_sees_masked_numbers(client):
    grant_roles()
    finance = UserFactory(is_staff=True)
    finance.groups.add(Group.objects.get(name=Role.FINANCE.value))
    client.force_login(finance)
    plan = InsurancePlanFactory()
    change = f"/admin/billing/insuranceplan/{plan.pk}/change/"
    free = client.get(change)
    policy = InsurancePolicyFactory()
    book(policy.added_by, schedule_with_slots(), policy=policy)
    fixed = client.get(change)

    assert 'name="rate"' in free.text
    assert 'name="rate"' not in fixed.text
    listed = client.get("/admin/billing/insurancepolicy/").text
    assert str(policy.number) in listed
    assert policy.number.reveal() not in listed
    assert Claim.objects.get().reference in client.get("/admin/billing/claim/").text


def test_finance_checks_a_statement_and_sees_what_differs(client, monkeypatch):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    address = "/admin/insurance/statement/"
    seen = {"insurer": "sandbox", "day": clock.site_date(clock.now()).isoformat()}

    assert client.get(address).status_code == 200
    assert client.post(address, {**seen, "day": "2999-01-01"}).status_code == 422
    away = client.post(address, seen)  # nobody answers: there is no network here

    assert away.status_code == 409
    assert "The insurer does not answer." in away.text


def test_an_export_tells_the_number_and_erasing_blanks_it_and_keeps_the_claims():
    policy = InsurancePolicyFactory()
    alice = policy.added_by
    visit = book(alice, schedule_with_slots(), policy=policy)
    cancel_appointment(appointment_uid=visit.uid, by=alice.user, now=clock.now())
    told = {each.label: each.rows for each in told_tables(alice)}["billing.insurancepolicy"]
    assert policy.number.reveal() in [one.value for one in told[0]]

    erase_member(member_uid=alice.uid, by=alice.user, now=clock.now())

    policy.refresh_from_db()
    assert policy.number is None
    assert not InsurancePolicy.objects.standing().exists()
    assert Claim.objects.get().policy == policy
