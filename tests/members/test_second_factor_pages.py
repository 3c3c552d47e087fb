"""How do pages ask for a second factor, and what stays shut without one?"""

import html
import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from medbook import clock
from members.models import SecondFactor
from members.rules.second_factor import code_at, step_of
from tests.factories import UserFactory, member_with_patient
from tests.members.factors import SECRET, SoftwareKey, app_of, code_now
from tests.security.routes import every_route
from tests.security.world import SUPERUSER, make_world

pytestmark = pytest.mark.django_db
SECOND_STEP = "/en/sign-in/second-factor/"
OVERVIEW = "/en/account/second-factor/"


@pytest.fixture
def root():
    return UserFactory(username="root-9", is_staff=True, is_superuser=True)


@pytest.fixture
def required(settings):
    settings.STAFF_SECOND_FACTOR_REQUIRED = True


def sign_in_staff(client, user, **more):
    form = {"username": user.username, "password": "medbook-demo", **more}
    return client.post("/admin/login/", form)


def key_of(client):
    return client.cookies["sessionid"].value


def options_in(page):
    return json.loads(html.unescape(re.search(r'data-options="([^"]*)"', page.text)[1]))


def test_a_member_without_a_second_factor_signs_in_as_before(client):
    alice = member_with_patient(phone="+8613800138000")

    client.post("/en/sign-in/", {"login": "13800138000", "password": "medbook-demo"})

    assert client.get("/en/account/").status_code == 200
    assert not alice.user.second_factors.exists()


def test_staff_with_a_second_factor_is_asked_for_it_on_the_way_in(client, root):
    app_of(root)

    first = sign_in_staff(client, root, next="/admin/members/tier/")
    before = client.get("/admin/members/tier/")
    wrong = client.post(SECOND_STEP, {"code": "000000x"})
    right = client.post(SECOND_STEP, {"code": code_now()})

    assert first["Location"] == SECOND_STEP
    assert before.status_code == 302
    assert wrong.status_code == 422
    assert right["Location"] == "/admin/members/tier/"
    assert client.get("/admin/members/tier/").status_code == 200


def test_the_key_of_the_session_changes_at_each_step(client, root):
    app_of(root)
    client.get("/admin/login/")
    sign_in_staff(client, root)
    after_password = key_of(client)

    client.post(SECOND_STEP, {"code": code_now()})

    assert key_of(client) != after_password


def test_a_planted_session_is_not_the_one_that_is_opened(root):
    app_of(root)
    thief, victim = Client(), Client()
    sign_in_staff(thief, UserFactory(username="thief-1", is_staff=True))
    victim.cookies["sessionid"] = planted = key_of(thief)

    sign_in_staff(victim, root)
    victim.post(SECOND_STEP, {"code": code_now()})

    assert key_of(victim) != planted
    thief.cookies["sessionid"] = planted
    assert thief.get("/admin/").status_code == 302


def test_without_a_password_before_nothing_asks_for_a_code(client):
    assert client.get(SECOND_STEP)["Location"].endswith("/sign-in/")


def test_anothers_second_factor_in_this_session_does_not_count(client, root):
    app_of(root)
    sign_in_staff(client, root)
    client.post(SECOND_STEP, {"code": code_now()})
    desk = UserFactory(username="desk-9", is_staff=True)
    app_of(desk)

    answer = sign_in_staff(client, desk)

    assert answer["Location"] == SECOND_STEP


@pytest.mark.usefixtures("required")
def test_no_page_of_the_workbench_opens_before_the_second_factor():
    world = make_world()
    client = world.browser(SUPERUSER)
    open_to_all = ("admin:login", "admin:logout")
    shut = [route for route in every_route() if route.is_admin and route.name not in open_to_all]
    surprises = []

    for route in shut:
        for ask in (client.get, client.post):
            answer = ask(route.path(world.fill))
            if answer.status_code != 302 or "/admin/login/" not in answer["Location"]:
                surprises.append(f"{route}: {answer.status_code}")

    assert len(shut) > 60
    assert not surprises, "\n".join(surprises)


@pytest.mark.usefixtures("required")
def test_staff_without_a_factor_is_led_to_set_one_up_and_then_let_in(client, root):
    sign_in_staff(client, root)
    led = client.get("/admin/login/")
    client.get(f"{OVERVIEW}app/")
    secret = client.session["new_factor_secret"]

    client.post(f"{OVERVIEW}app/", {"code": code_at(secret, step_of(clock.now()))})

    assert led["Location"] == OVERVIEW
    assert client.get("/admin/").status_code == 200


def test_in_development_staff_without_a_factor_gets_in(client, root):
    sign_in_staff(client, root)

    assert client.get("/admin/").status_code == 200


def test_in_development_a_session_from_before_the_factor_does_not_get_in(client, root):
    client.force_login(root)
    app_of(root)

    assert client.get("/admin/").status_code == 302


def test_an_app_is_set_up_on_its_page_and_its_codes_are_shown_once(client):
    alice = member_with_patient().user
    client.force_login(alice)
    page = client.get(f"{OVERVIEW}app/")
    session = client.session
    session["new_factor_secret"] = SECRET
    session.save()

    answer = client.post(f"{OVERVIEW}app/", {"code": code_now()})
    shown, again = client.get(answer["Location"]), client.get(answer["Location"])

    assert "<svg" in page.text
    assert shown.text.count('class="slip-code"') == 10
    assert again.text.count('class="slip-code"') == 0
    assert SECRET not in client.session.values()


def test_a_wrong_first_code_is_told(client):
    client.force_login(member_with_patient().user)

    answer = client.post(f"{OVERVIEW}app/", {"code": "000000x"})

    assert answer.status_code == 422
    assert "This code is not valid" in answer.text


def test_a_passkey_is_made_used_on_the_way_in_and_taken_away(client, root):
    key = SoftwareKey()
    client.defaults["wsgi.url_scheme"] = "https"
    sign_in_staff(client, root)
    made = key.create(options_in(client.get(f"{OVERVIEW}passkey/")))
    client.post(f"{OVERVIEW}passkey/", {"name": "Key", "answer": json.dumps(made)})
    client.post("/en/sign-out/")

    sign_in_staff(client, root)
    shown = key.get(options_in(client.get(SECOND_STEP)))
    answer = client.post(SECOND_STEP, {"answer": json.dumps(shown)})
    client.post(reverse("members:remove_second_factor", args=[root.second_factors.get().uid]))

    assert answer["Location"] == "/admin/"
    assert not SecondFactor.objects.exists()


def test_an_answer_of_a_passkey_is_good_once(client, root):
    key = SoftwareKey()
    client.defaults["wsgi.url_scheme"] = "https"
    sign_in_staff(client, root)
    made = key.create(options_in(client.get(f"{OVERVIEW}passkey/")))
    client.post(f"{OVERVIEW}passkey/", {"name": "Key", "answer": json.dumps(made)})
    client.post("/en/sign-out/")
    sign_in_staff(client, root)
    shown = {"answer": json.dumps(key.get(options_in(client.get(SECOND_STEP))))}
    client.post(SECOND_STEP, shown)
    client.post("/en/sign-out/")

    sign_in_staff(client, root)
    again = client.post(SECOND_STEP, shown)

    assert again.status_code == 422


@pytest.mark.parametrize("answer", ["", "{", "[]", "null", '{"id": 1}', "{}" * 20_000, "[" * 9_000])
def test_a_broken_answer_is_told(client, root, answer):
    client.force_login(root)

    assert client.post(f"{OVERVIEW}passkey/", {"answer": answer}).status_code == 422


def test_the_sixth_wrong_code_waits(client, root):
    app_of(root)
    sign_in_staff(client, root)
    for _ in range(5):
        client.post(SECOND_STEP, {"code": "000000x"})

    answer = client.post(SECOND_STEP, {"code": code_now()})

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 61


def test_a_sensitive_page_asks_again_after_a_quarter_of_an_hour(client, monkeypatch):
    alice = member_with_patient().user
    app_of(alice)
    client.force_login(alice)
    later = clock.now() + timedelta(minutes=15)
    monkeypatch.setattr(clock, "now", lambda: later)

    asked = client.get(f"{OVERVIEW}app/")
    shown = client.post(asked["Location"], {"code": code_now(later)})

    assert asked["Location"].startswith("/en/sign-in/again/?next=")
    assert shown["Location"] == f"{OVERVIEW}app/"
    assert client.get(f"{OVERVIEW}app/").status_code == 200


def test_the_factor_of_somebody_else_is_not_taken_away(client):
    theirs = app_of(member_with_patient().user)
    client.force_login(member_with_patient().user)

    answer = client.post(reverse("members:remove_second_factor", args=[theirs.uid]))

    assert answer.status_code == 404
    assert SecondFactor.objects.exists()


def token_for(client, user, **more):
    said = {"username": user.username, "password": "medbook-demo", **more}
    return client.post("/api/v1/auth/token/", said, content_type="application/json")


def test_a_program_sends_the_code_along(client, root):
    app_of(root)

    without, wrong = token_for(client, root), token_for(client, root, otp="000000x")
    right, again = (token_for(client, root, otp=code_now()) for _ in range(2))

    assert (without.status_code, without.json()["code"]) == (401, "otp_required")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert right.status_code == 200
    assert again.json()["code"] == "invalid_credentials"


@pytest.mark.usefixtures("required")
def test_a_program_of_staff_without_a_factor_gets_no_token(client, root):
    answer = token_for(client, root)

    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_missing")


@pytest.mark.parametrize("otp", ["", "x" * 41, "\x00", 123456, None, ["1"]])
def test_a_code_that_is_none_lets_no_program_in(client, root, otp):
    app_of(root)

    assert token_for(client, root, otp=otp).status_code in (401, 422)


def test_the_program_of_a_member_is_asked_alike(client):
    alice = member_with_patient(phone="+8613800138000")
    app_of(alice.user)
    said = {"phone": "+8613800138000", "password": "medbook-demo"}

    answer = client.post("/api/v1/auth/token/", said, content_type="application/json")

    assert answer.json()["code"] == "otp_required"


def test_a_passkey_alone_signs_in_past_the_second_step(client, root):
    key = SoftwareKey()
    client.defaults["wsgi.url_scheme"] = "https"
    sign_in_staff(client, root)
    made = key.create(options_in(client.get(f"{OVERVIEW}passkey/")))
    client.post(f"{OVERVIEW}passkey/", {"name": "Key", "answer": json.dumps(made)})
    client.post("/en/sign-out/")

    page = "/en/sign-in/passkey/"
    not_unlocked = key.get(options_in(client.get(page)), flags=0x01)
    refused = client.post(page, {"answer": json.dumps(not_unlocked)})
    shown = {"answer": json.dumps(key.get(options_in(refused)))}
    answer = client.post(page, shown)

    assert refused.status_code == 422
    assert answer["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200
    client.post("/en/sign-out/")
    assert client.post(page, shown).status_code == 422


def test_a_passkey_of_nobody_signs_nobody_in(client):
    client.defaults["wsgi.url_scheme"] = "https"
    page = "/en/sign-in/passkey/"
    answer = SoftwareKey().get(options_in(client.get(page)))

    assert client.post(page, {"answer": json.dumps(answer)}).status_code == 422
    assert client.get("/en/account/").status_code == 302
