"""Does staff adjust points only with a reason, and much only by two?"""

import re

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.db import transaction

from medbook import clock
from medbook.approvals.models import Approval
from members.selectors.points import balance
from members.services.points import earn_points
from tests.factories import member_with_patient
from tests.members.people import staff

pytestmark = pytest.mark.django_db

MEMBERS, ENTRIES = "/admin/members/member/", "/admin/members/pointentry/"
APPROVALS = "/admin/approvals/approval/"
KEY = "3f2f6a3e-9b6e-4d0a-8c35-0d0c5a3c7d10"


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def administrator(client):
    user = staff("administrator")
    client.force_login(user)
    return user


def adjust(client, member, **said):
    answers = {"points": "50", "reason": "A visit was not recorded", "key": KEY, **said}
    body = {"action": "adjust_points", ACTION_CHECKBOX_NAME: [member.pk], "confirmed": "yes"}
    return client.post(MEMBERS, {**body, **answers})


def decide(client, act, approval, **said):
    body = {"action": act, ACTION_CHECKBOX_NAME: [approval.pk], "confirmed": "yes"}
    return client.post(APPROVALS, {**body, **said})


def told(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def test_asks_how_many_and_why_with_a_key_of_its_own(client, alice, administrator):
    page = client.post(MEMBERS, {"action": "adjust_points", ACTION_CHECKBOX_NAME: [alice.pk]})

    assert re.search(r'<input type="hidden" name="key" value="[0-9a-f-]{36}"', page.text)
    assert 'for="id_points"' in page.text
    assert 'for="id_key"' not in page.text
    assert balance(alice) == 0


def test_adds_points_once_for_one_press(client, alice, administrator):
    adjust(client, alice)
    adjust(client, alice)

    assert balance(alice) == 50
    page = client.get(ENTRIES, {"q": alice.number})
    assert "A visit was not recorded" in page.text
    assert ">50<" in client.get(f"{MEMBERS}{alice.pk}/change/").text


def test_says_when_there_are_not_enough_to_take(client, alice, administrator):
    assert "not enough points" in told(adjust(client, alice, points="-1"))
    assert balance(alice) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"points": "0"},
        {"points": ""},
        {"points": "1.5"},
        {"points": "1000001"},
        {"points": "9" * 40},
        {"points": "x\0"},
        {"reason": " "},
        {"reason": "x" * 201},
        {"key": "x"},
    ],
)
def test_a_wrong_answer_changes_nothing(client, alice, administrator, wrong):
    assert adjust(client, alice, **wrong).status_code == 422
    assert balance(alice) == 0


def test_much_waits_for_another_person(client, alice, administrator):
    assert "A second person has to approve this." in told(adjust(client, alice, points="5000"))
    asked = Approval.objects.get()

    assert "Another person has to decide" in told(decide(client, "approve", asked))
    assert balance(alice) == 0
    client.force_login(staff("finance"))
    page = client.get(APPROVALS)
    assert "points: 5000" in page.text
    assert administrator.username in page.text
    decide(client, "approve", asked)

    assert balance(alice) == 5000
    assert "decided already" in told(decide(client, "approve", asked))


def test_another_person_refuses_with_a_reason(client, alice, administrator):
    adjust(client, alice, points="5000")
    asked = Approval.objects.get()
    client.force_login(staff("finance"))

    assert decide(client, "refuse", asked, reason="").status_code == 422
    decide(client, "refuse", asked, reason="No proof")

    asked.refresh_from_db()
    assert (asked.state, balance(alice)) == ("refused", 0)


@pytest.mark.parametrize("role", ["desk", "finance", "auditor", "scheduler", "doctor"])
def test_nobody_else_adjusts(client, alice, role):
    client.force_login(staff(role))

    adjust(client, alice)

    assert balance(alice) == 0


def test_the_auditor_looks_and_decides_nothing(client, alice, administrator):
    adjust(client, alice, points="5000")
    asked = Approval.objects.get()
    client.force_login(staff("auditor"))

    assert client.get(APPROVALS).status_code == 200
    decide(client, "approve", asked)

    assert balance(alice) == 0


def test_entries_can_be_looked_for_by_exact_number_only(client, alice, administrator):
    with transaction.atomic():
        earn_points(member=alice, points=77, reference="visit", now=clock.now())

    assert "77" in client.get(ENTRIES, {"q": alice.number}).text
    assert alice.number not in client.get(ENTRIES, {"q": alice.number[:-1]}).text.replace(
        f'value="{alice.number[:-1]}"', ""
    )
