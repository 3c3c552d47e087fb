"""What do members learn about themselves by the API, and what may they change?"""

from datetime import datetime, timedelta

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import Relation
from members.models import Member, Tier
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import FamilyLinkFactory, PatientFactory, PrivilegeFactory
from tests.members.people import NAME, NUMBER, PHONE, joined, staff

pytestmark = pytest.mark.django_db

ME, PRIVILEGES, PATIENTS = f"{ROOT}me/", f"{ROOT}me/privileges/", f"{ROOT}patients/"


@pytest.fixture
def alice():
    return joined(phone=PHONE, identity_number=NUMBER)


def test_tells_the_account_with_the_phone_masked(alice):
    answer = caller(alice).get(ME)

    body = answer.json()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert body["id"] == str(alice.uid)
    assert body["number"] == alice.number
    assert body["phone"] == "139****0001"
    assert body["tier"] == {"code": "member", "name": "Member"}
    assert body["suspended_until"] is None
    assert PHONE[3:] not in answer.content.decode()


def test_tells_until_when_booking_is_paused(alice):
    until = clock.now() + timedelta(days=3)
    alice.suspensions.create(starts_at=clock.now(), ends_at=until, reason="three no-shows")

    assert caller(alice).get(ME).json()["suspended_until"] is not None


def test_changes_the_language(alice):
    answer = caller(alice).patch(ME, {"language": "zh-hans"})

    alice.user.refresh_from_db()
    assert answer.json()["language"] == alice.user.language == "zh-hans"


def test_changes_the_address_for_mail_and_shows_it_masked(alice):
    answer = caller(alice).patch(ME, {"email": "alice@example.org"})

    alice.refresh_from_db()
    assert answer.json()["email"] == "a***@example.org"
    assert alice.email.reveal() == "alice@example.org"
    entry = OperationLog.objects.get(action="member.contact_changed")
    assert entry.changed_fields == ["email"]
    assert "alice@" not in str(entry.facts)


def test_takes_the_address_away(alice):
    caller(alice).patch(ME, {"email": "alice@example.org"})

    answer = caller(alice).patch(ME, {"email": None})

    assert answer.json()["email"] is None


@pytest.mark.parametrize("address", ["", "alice", "a@b@c", "a\r\nBcc: x@example.org", 1])
def test_refuses_what_is_no_address(alice, address):
    assert list(wrong_fields(caller(alice).patch(ME, {"email": address}))) == ["email"]


FORBIDDEN = (
    "id",
    "uid",
    "number",
    "phone",
    "tier",
    "tier_id",
    "points",
    "role",
    "is_staff",
    "is_superuser",
    "is_active",
    "username",
    "password",
    "token_version",
    "joined_at",
    "suspended_until",
    "user",
    "groups",
)


@pytest.mark.parametrize("field", FORBIDDEN)
def test_nothing_else_can_be_changed(alice, field):
    answer = caller(alice).patch(ME, {"language": "en", field: "jade"})

    assert wrong_fields(answer) == {field: "unknown_field"}
    alice.refresh_from_db()
    assert alice.tier.code == "member"


@pytest.mark.parametrize("language", ["fr", "", 1, None])
def test_only_known_languages(alice, language):
    assert list(wrong_fields(caller(alice).patch(ME, {"language": language}))) == ["language"]


def test_tells_what_the_tier_allows(alice):
    alice.tier = Tier.objects.get(code="jade")
    alice.save()

    body = caller(alice).get(PRIVILEGES).json()

    values = {row["key"]: row["value"] for row in body["privileges"]}
    assert body["tier"]["code"] == "jade"
    assert values["discount_rate"] == "0.85"
    assert values["early_access_minutes"] == 30
    assert values["can_cancel_late"] is True


def test_tells_until_when_the_tier_holds(alice):
    now = clock.now().replace(microsecond=0)
    assert caller(alice).get(ME).json()["tier_until"] is None

    Member.objects.update(
        tier_until=now, granted_until=now + timedelta(1), demotion_at=now + timedelta(2)
    )

    body = caller(alice).get(ME).json()
    names = ("tier_until", "tier_granted_until", "tier_ends_at")
    assert [datetime.fromisoformat(body[name]) for name in names] == [
        now,
        now + timedelta(1),
        now + timedelta(2),
    ]


def test_tells_in_which_unit_and_from_when_to_when_a_privilege_holds(alice):
    soon = clock.now().replace(microsecond=0) + timedelta(days=3)
    PrivilegeFactory(tier=alice.tier, key="early_access_minutes", value="5", valid_from=soon)

    rows = {row["key"]: row for row in caller(alice).get(PRIVILEGES).json()["privileges"]}

    early, tickets = rows["early_access_minutes"], rows["draw_tickets"]
    assert (early["unit"], early["value"]) == ("minutes", 0)
    assert datetime.fromisoformat(early["valid_until"]) == soon
    assert early["valid_from"].startswith("2020-01-01")
    assert (tickets["valid_from"], tickets["valid_until"]) == (None, None)
    assert (rows["discount_rate"]["unit"], rows["can_cancel_late"]["unit"]) == ("fee", "")


def test_lists_those_one_may_book_for(alice):
    child = PatientFactory(name="Little Bo")
    FamilyLinkFactory(member=alice, patient=child, relation=Relation.CHILD)
    PatientFactory(name="Stranger")

    body = caller(alice).get(PATIENTS).json()

    rows = {row["name"]: row for row in body["results"]}
    assert rows.keys() == {NAME, "Little Bo"}
    assert rows["Little Bo"]["id"] == str(child.uid)
    assert (rows["Little Bo"]["relation"], rows["Little Bo"]["state"]) == ("child", "unverified")
    assert rows[NAME]["identity_number"] == "11**************2X"
    assert rows[NAME]["has_identity"] is True


def test_the_list_comes_in_pages(alice):
    FamilyLinkFactory(member=alice, relation=Relation.CHILD)

    first = caller(alice).get(PATIENTS, {"page_size": 1}).json()
    second = caller(alice).get(first["next"]).json()

    assert len(first["results"]) == len(second["results"]) == 1
    assert first["results"] != second["results"]
    assert second["next"] is None


def test_unknown_parameters_are_refused(alice):
    assert refusal(caller(alice).get(PATIENTS, {"member": "1"})) == (400, "unknown_parameter")


def test_the_list_takes_the_same_queries_for_one_and_for_many(alice, django_assert_num_queries):
    for _ in range(5):
        FamilyLinkFactory(member=alice, relation=Relation.CHILD)
    api = caller(alice)

    with django_assert_num_queries(3):  # the token, the member, the links
        api.get(PATIENTS)


@pytest.mark.parametrize("path", [ME, PRIVILEGES, PATIENTS])
def test_strangers_get_401_and_staff_403(path):
    assert refusal(caller().get(path)) == (401, "authentication_required")
    assert refusal(caller(staff("administrator")).get(path)) == (403, "permission_denied")


@pytest.mark.parametrize("path", [ME, PRIVILEGES, PATIENTS])
def test_other_methods_are_refused(alice, path):
    assert refusal(caller(alice).delete(path))[0] == 405
    assert refusal(caller(alice).put(path, {}))[0] == 405
