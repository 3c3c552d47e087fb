"""Do members come in by phone and password, and nobody else?"""

import pytest
from django.contrib.sessions.models import Session

from medbook.audit.models import OperationLog
from tests.factories import UserFactory
from tests.members.people import PASSWORD, PHONE, hashes, joined
from tests.members.test_sign_up_page import visible

pytestmark = pytest.mark.django_db

PAGE = "/en/sign-in/"


@pytest.fixture
def alice():
    return joined(phone=PHONE)


def sign_in(client, login=PHONE, password=PASSWORD, **more):
    return client.post(PAGE, {"login": login, "password": password, **more})


def signed_in(client):
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", [PHONE, "13912340001", "139-1234-0001", "0086 139 1234 0001"])
def test_lets_a_member_in(client, alice, login):
    answer = sign_in(client, login)

    assert (answer.status_code, answer["Location"]) == (302, "/en/")
    assert client.session["_auth_user_id"] == str(alice.user.pk)


def test_is_written_down(client, alice):
    sign_in(client, password="wrong")
    sign_in(client)

    failed, succeeded = OperationLog.objects.order_by("id").exclude(action="member.joined")
    assert (failed.action, failed.outcome) == ("sign_in.failed", "denied")
    assert (succeeded.action, succeeded.outcome) == ("sign_in.succeeded", "ok")
    assert failed.subject_uid == succeeded.subject_uid == alice.user.uid
    assert failed.actor_uid is None
    assert failed.ip == "127.0.0.1"
    assert "13912340001" not in str(vars(failed)) + str(vars(succeeded))


def test_refuses_a_wrong_password_a_stranger_and_a_closed_account_alike(client, alice):
    closed = joined(phone="+8613912340009")
    closed.user.is_active = False
    closed.user.save()

    answers = [
        sign_in(client, password="a wrong long phrase"),
        sign_in(client, login="+8613900000000"),
        sign_in(client, login="+8613912340009"),
    ]

    assert {answer.status_code for answer in answers} == {422}
    pages = [
        visible(answer.content.replace(login.encode(), b""))
        for answer, login in zip(answers, (PHONE, "+8613900000000", "+8613912340009"), strict=True)
    ]
    assert pages[0] == pages[1] == pages[2]
    assert not signed_in(client)


def test_takes_as_many_hashes_for_a_stranger(client, alice, settings):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    closed = joined(phone="+8613912340009")
    closed.user.is_active = False
    closed.user.save()
    without_password = joined(phone="+8613912340008")
    without_password.user.set_unusable_password()
    without_password.user.save()

    logins = (PHONE, "+8613900000000", "+8613912340009", "+8613912340008")

    assert [hashes(lambda n=n: sign_in(client, n, password="wrong")) for n in logins] == [1] * 4


@pytest.mark.parametrize("username", ["desk", "nobody"])
def test_staff_and_strangers_take_as_many_hashes(client, settings, username):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    UserFactory(username="desk", is_staff=True, password=PASSWORD)
    body = {"username": username, "password": "wrong"}

    assert hashes(lambda: client.post("/admin/login/", body)) == 2


def test_staff_does_not_sign_in_here(client):
    UserFactory(username="desk", is_staff=True, password=PASSWORD)

    assert sign_in(client, login="desk").status_code == 422
    assert not signed_in(client)


def test_a_member_does_not_reach_the_workbench(client, alice):
    answer = client.post("/admin/login/", {"username": alice.number, "password": PASSWORD})

    assert answer.status_code == 200
    assert not signed_in(client)


def test_staff_signs_in_by_user_name(client):
    UserFactory(username="desk", is_staff=True, password=PASSWORD)

    answer = client.post(
        "/admin/login/?next=/admin/", {"username": "desk", "password": PASSWORD, "next": "/admin/"}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/admin/")
    assert OperationLog.objects.get().action == "sign_in.succeeded"


@pytest.mark.parametrize("place", ["body", "address"])
def test_leads_back_to_where_the_visitor_was(client, alice, place):
    wanted = "/en/doctors/chen-wei/?day=2026-11-24"
    if place == "body":
        answer = sign_in(client, next=wanted)
    else:
        answer = client.post(
            f"{PAGE}?next=/en/doctors/chen-wei/%3Fday%3D2026-11-24",
            {"login": PHONE, "password": PASSWORD},
        )

    assert answer["Location"] == wanted


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        r"/\evil.example",
        r"\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "\x00//evil.example",
        " //evil.example",
        "ftp://testserver/",
    ],
)
def test_leads_nowhere_else(client, alice, elsewhere):
    assert sign_in(client, next=elsewhere)["Location"] == "/en/"


def test_who_is_signed_in_already_is_led_on(client, alice):
    client.force_login(alice.user)

    assert client.get(f"{PAGE}?next=/en/membership/")["Location"] == "/en/membership/"
    assert client.get("/en/sign-up/")["Location"] == "/en/"


def test_the_session_gets_a_new_key(client, alice):
    client.get(PAGE)
    session = client.session
    session["was"] = "here"
    session.save()
    client.cookies["sessionid"] = session.session_key

    sign_in(client)

    assert client.session.session_key != session.session_key
    assert not Session.objects.filter(session_key=session.session_key).exists()


def test_signs_out_by_post_only(client, alice):
    sign_in(client)

    assert client.get("/en/sign-out/").status_code == 405
    assert signed_in(client)
    assert client.post("/en/sign-out/")["Location"] == "/en/"
    assert not signed_in(client)


def test_a_new_password_ends_other_sessions(client, alice):
    sign_in(client)

    alice.user.set_password("quite another phrase")
    alice.user.save()

    assert not client.get("/en/membership/").context["member"]
