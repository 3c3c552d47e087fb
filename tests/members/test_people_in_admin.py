"""Does staff find people, act on them, and see in clear only what it may and asked for?"""

from datetime import timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import PatientState
from members.models import Suspension, Tier
from members.selectors.people import find_people, own_patient
from tests.members.people import NAME, NUMBER, PHONE, joined, staff

pytestmark = pytest.mark.django_db

SEARCH = "/admin/member-search/"
MEMBERS, PATIENTS = "/admin/members/member/", "/admin/members/patient/"
CANARIES = (PHONE, PHONE[3:], NAME, "Canary", NUMBER, "1949-12-31")


@pytest.fixture
def alice():
    return joined(phone=PHONE, identity_number=NUMBER)


@pytest.fixture
def administrator(client):
    user = staff("administrator")
    client.force_login(user)
    return user


@pytest.fixture
def desk(client):
    user = staff("desk")
    client.force_login(user)
    return user


def act(client, page, action, rows, **answers):
    body = {"action": action, ACTION_CHECKBOX_NAME: [row.pk for row in rows], **answers}
    return client.post(page, body)


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        "139 1234 0001",
        "0001",
        NAME,
        "alice  CANARY",
        NUMBER,
        NUMBER.lower(),
        "110105491231002",
    ],
)
def test_finds_people_by_what_they_say_of_themselves(alice, text):
    joined(name="Bo Li")

    assert [link.member for link in find_people(text)] == [alice]


def test_finds_people_by_member_number(alice):
    assert [link.member for link in find_people(alice.number.lower())] == [alice]


@pytest.mark.parametrize(
    "text",
    ["Alice", "Canary", "lice Canary", "%", "_", "000", "1391234", "13912340002", "1949", "", "'"],
)
def test_finds_nobody_by_a_part(alice, text):
    assert find_people(text) == []


def test_finds_everybody_of_a_name(alice):
    other = joined(name=NAME)

    assert [link.member for link in find_people(NAME)] == [alice, other]


def test_the_search_shows_masks_and_keeps_the_words_out_of_addresses(client, alice, desk):
    answer = client.post(SEARCH, {"looked_for": PHONE})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert answer.request["QUERY_STRING"] == ""
    assert "no-store" in answer["Cache-Control"]
    assert alice.number in page
    assert "139****0001" in page
    assert "A." in page
    for canary in (NAME, NUMBER):
        assert canary not in page


def test_the_lists_and_forms_show_no_one_in_clear(client, alice, administrator):
    patient = own_patient(alice)
    pages = [
        MEMBERS,
        f"{MEMBERS}{alice.pk}/change/",
        f"{MEMBERS}{alice.pk}/history/",
        PATIENTS,
        f"{PATIENTS}{patient.pk}/change/",
        "/admin/members/suspension/",
        "/admin/",
    ]

    for address in pages:
        answer = client.get(address)
        assert answer.status_code == 200, address
        for canary in CANARIES:
            assert canary not in answer.content.decode(), address


def test_the_lists_take_the_same_queries_for_few_and_many(client, alice, administrator):
    def queries(page):
        with CaptureQueriesContext(connection) as captured:
            client.get(page)
        return len(captured)

    few = [queries(MEMBERS), queries(PATIENTS)]
    for _ in range(5):
        joined()

    assert [queries(MEMBERS), queries(PATIENTS)] == few


@pytest.mark.parametrize(
    "query",
    ["?phone_index__startswith=a", "?user__password__startswith=a", "?patient__name=A", "?q=Alice"],
)
def test_lists_cannot_be_filtered_by_what_is_sealed(client, alice, administrator, query):
    answer = client.get(MEMBERS + query)

    assert answer.status_code in (200, 302, 400)
    if answer.status_code == 200:
        assert alice.number not in answer.content.decode()


@pytest.mark.parametrize("page", [MEMBERS, PATIENTS, "/admin/members/suspension/"])
def test_ruled_rows_are_written_by_services_only(client, alice, administrator, page):
    assert client.get(f"{page}add/").status_code == 403
    assert client.post(f"{page}add/", {}).status_code == 403
    assert client.post(f"{MEMBERS}{alice.pk}/change/", {"tier": 4}).status_code == 403
    assert client.post(f"{MEMBERS}{alice.pk}/delete/", {"post": "yes"}).status_code == 403


def test_pauses_and_resumes_booking_after_a_look(client, alice, administrator):
    asked = act(client, MEMBERS, "suspend", [alice])
    assert "Pause online booking" in asked.content.decode()
    assert not Suspension.objects.exists()

    act(client, MEMBERS, "suspend", [alice], confirmed="yes", days=3, reason="three no-shows")
    assert Suspension.objects.get().member == alice

    act(client, MEMBERS, "lift", [alice], confirmed="yes", reason="appeal")
    again = act(client, MEMBERS, "lift", [alice], confirmed="yes", reason="appeal")
    assert f"{alice.number}: Online booking is not paused for this member." in said(again)


def test_erases_an_account_after_a_look_and_with_a_reason(client, alice, administrator):
    asked = act(client, MEMBERS, "erase", [alice])
    silent = act(client, MEMBERS, "erase", [alice], confirmed="yes", reason=" ")
    assert "This cannot be undone." in asked.content.decode()
    assert silent.status_code == 422
    alice.refresh_from_db()
    assert alice.erased_at is None

    act(client, MEMBERS, "erase", [alice], confirmed="yes", reason="asked for by letter")
    alice.refresh_from_db()
    assert (alice.erased_at is not None, alice.phone) == (True, None)
    assert client.get(MEMBERS).status_code == 200
    assert client.get(f"{MEMBERS}{alice.pk}/change/").status_code == 200

    again = act(client, MEMBERS, "erase", [alice], confirmed="yes", reason="asked for by letter")
    assert f"{alice.number}: This account is already erased." in said(again)


def test_grants_a_tier_until_a_day_after_a_look(client, alice, administrator):
    gold = Tier.objects.get(code="gold")
    day = clock.now().date() + timedelta(days=30)

    grant(client, alice, tier=gold.pk, until=day.isoformat())

    alice.refresh_from_db()
    assert alice.tier == gold
    assert timezone.localtime(alice.granted_until).date() == day + timedelta(days=1)
    page = client.get(f"{MEMBERS}{alice.pk}/change/").content.decode()
    assert "Granted by the clinic" in page
    assert "board" in page


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("until", {"until": "2020-01-01"}),
        ("until", {"until": "2999-01-01"}),
        ("until", {"until": "9999-12-31"}),
        ("until", {"until": ""}),
        ("tier", {"tier": "x"}),
        ("reason", {"reason": ""}),
    ],
)
def test_a_grant_wants_a_tier_a_day_and_a_reason(client, alice, administrator, field, said):
    wanted = {
        "tier": Tier.objects.get(code="gold").pk,
        "until": (clock.now().date() + timedelta(days=30)).isoformat(),
        **said,
    }

    answer = grant(client, alice, **wanted)

    alice.refresh_from_db()
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert alice.tier.code == "member"


def grant(client, member, **said):
    return act(
        client, MEMBERS, "grant_tier", [member], confirmed="yes", **{"reason": "board", **said}
    )


def test_the_desk_may_neither_suspend_nor_promote(client, alice, desk):
    gold = Tier.objects.get(code="gold")
    page = client.get(MEMBERS).content.decode()
    assert "suspend" not in page

    act(client, MEMBERS, "suspend", [alice], confirmed="yes", days=3, reason="x")
    grant(client, alice, tier=gold.pk, until=(clock.now().date() + timedelta(9)).isoformat())

    alice.refresh_from_db()
    assert alice.tier.code == "member"
    assert not Suspension.objects.exists()


def test_the_desk_verifies_a_document(client, alice, desk):
    patient = own_patient(alice)

    wrong = act(client, PATIENTS, "verify", [patient], confirmed="yes", identity_number="1")
    assert wrong.status_code == 422

    act(client, PATIENTS, "verify", [patient], confirmed="yes", identity_number=NUMBER)
    assert own_patient(alice).state == PatientState.VERIFIED


def test_shows_a_patient_in_clear_for_a_reason(client, alice, desk):
    page = f"{PATIENTS}{own_patient(alice).pk}/reveal/"

    asked = client.get(page)
    refused = client.post(page, {"reason": "too short"})
    assert (asked.status_code, refused.status_code) == (200, 422)
    for canary in CANARIES:
        assert canary not in asked.content.decode() + refused.content.decode()
    assert not OperationLog.objects.filter(action="identity.revealed").exists()

    shown = client.post(page, {"reason": "calls from the desk"})

    for canary in (PHONE, NAME, NUMBER):
        assert canary in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    row = OperationLog.objects.get(action="identity.revealed")
    assert (row.actor_uid, row.reason, row.channel) == (desk.uid, "calls from the desk", "admin")


@pytest.mark.parametrize("role", ["doctor", "scheduler", "finance", "auditor", "administrator"])
def test_others_see_nobody_in_clear(client, alice, role):
    client.force_login(staff(role))

    answer = client.post(f"{PATIENTS}{own_patient(alice).pk}/reveal/", {"reason": "curious"})

    assert answer.status_code == 403
    assert NAME not in answer.content.decode()


@pytest.mark.parametrize("role", ["doctor", "scheduler", "finance"])
def test_others_search_for_nobody(client, alice, role):
    client.force_login(staff(role))

    assert client.post(SEARCH, {"looked_for": PHONE}).status_code == 403


def test_members_and_strangers_see_no_workbench(client, alice):
    for _ in range(2):
        for page in (MEMBERS, PATIENTS, SEARCH, f"{PATIENTS}{own_patient(alice).pk}/reveal/"):
            assert client.get(page).status_code == 302
            assert client.post(page, {"looked_for": PHONE, "reason": "x"}).status_code == 302
        client.force_login(alice.user)
