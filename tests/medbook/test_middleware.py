"""What surrounds every request: refusals in words, denials on record, cookies kept apart."""

import pytest
from django.core.cache import cache
from django.test import Client

from medbook import clock
from medbook.audit.choices import Action, Outcome
from medbook.audit.models import OperationLog
from members.services.tokens import issue_tokens
from tests.factories import UserFactory, member_with_patient

pytestmark = pytest.mark.django_db

PEER = "203.0.113.9"


@pytest.fixture(autouse=True)
def _failing_addresses(settings):
    settings.ROOT_URLCONF = "tests.medbook.failing_urls"


@pytest.fixture
def alice():
    return member_with_patient().user


def browser(account=None):
    client = Client(raise_request_exception=False, REMOTE_ADDR=PEER)
    if account:
        client.force_login(account, "django.contrib.auth.backends.ModelBackend")
    return client


def token(account):
    return {"Authorization": f"Bearer {issue_tokens(user=account, now=clock.now()).access}"}


def denials():
    return list(OperationLog.objects.filter(action=Action.ACCESS_DENIED))


@pytest.mark.parametrize(
    ("why", "status"), [("not-allowed", 403), ("denied", 403), ("missing", 404)]
)
def test_a_refused_page_is_on_record_though_its_act_was_rolled_back(alice, why, status):
    answer = browser(alice).get(
        f"/en/refused/{why}/", headers={"X-Request-Id": "kept-1234", "User-Agent": "Browser/1.0"}
    )

    assert answer.status_code == status
    (row,) = denials()
    assert (row.outcome, row.actor_uid, row.actor_role) == (Outcome.DENIED, alice.uid, "member")
    assert (str(row.ip), row.request_id, row.channel) == (PEER, "kept-1234", "page")
    assert row.user_agent == "Browser/1.0"
    assert row.facts == {"route": "en/refused/<slug:why>/", "status": status}
    assert not OperationLog.objects.filter(action=Action.MEMBER_TIER_CHANGED).exists()


@pytest.mark.parametrize(
    ("why", "status"), [("not-allowed", 403), ("denied", 403), ("missing", 404)]
)
def test_a_refused_api_call_is_on_record_though_its_act_was_rolled_back(alice, why, status):
    answer = browser().get(f"/api/v1/refused/{why}/", headers=token(alice))

    assert answer.status_code == status
    assert answer.json()["status"] == status
    (row,) = denials()
    assert (row.outcome, row.actor_uid, row.channel) == (Outcome.DENIED, alice.uid, "api")
    assert row.facts["route"] == "api/v1/refused/<slug:why>/"
    assert not OperationLog.objects.filter(action=Action.MEMBER_TIER_CHANGED).exists()


def test_staff_turned_away_is_on_record_as_staff():
    browser(UserFactory(is_staff=True)).get("/admin/members/member/")

    (row,) = denials()
    assert (row.actor_role, row.channel) == ("staff", "admin")


@pytest.mark.parametrize("path", ["/en/nowhere/", "/api/v1/nowhere/", "/en/doctors/nobody/"])
def test_an_address_that_is_nobodys_is_no_denial(alice, path):
    assert browser(alice).get(path, headers=token(alice)).status_code == 404

    assert denials() == []


@pytest.mark.parametrize("path", ["/en/refused/denied/", "/api/v1/refused/missing/"])
def test_strangers_cannot_fill_the_log(path):
    assert browser().get(path).status_code in (401, 403, 404)

    assert denials() == []


def test_long_and_broken_headers_do_no_harm(alice):
    answer = browser(alice).get(
        "/en/refused/denied/",
        headers={"User-Agent": "x" * 5000 + "\x00", "X-Request-Id": "x" * 5000},
        HTTP_X_FORWARDED_FOR="\x00" * 300,
    )

    assert answer.status_code == 403
    (row,) = denials()
    assert len(row.user_agent) == 200
    assert len(row.request_id) == 36
    assert str(row.ip) == PEER


def test_the_api_has_no_session_whatever_cookie_comes(alice):
    client = browser(alice)

    answer = client.get("/api/v1/me/")

    assert answer.status_code == 401
    assert not answer.cookies


def test_an_api_address_without_its_slash_is_not_there(alice):
    assert browser().get("/api/v1/me", headers=token(alice)).status_code == 404
    assert browser().get("/en/doctors").status_code == 301


@pytest.mark.parametrize("length", ["1048577", "99999999999999999999"])
def test_a_body_that_says_it_is_too_large_is_not_read(length):
    answer = browser().generic(
        "POST", "/api/v1/auth/token/", b"{}", "application/json", CONTENT_LENGTH=length
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_locked_out_address_is_counted_by_the_trusted_proxies(settings):
    settings.TRUSTED_PROXY_COUNT = 1
    alice = member_with_patient()
    form = {"login": alice.phone.reveal(), "password": "wrong"}

    def fail(forwarded):
        return Client().post("/en/sign-in/", form, HTTP_X_FORWARDED_FOR=forwarded).status_code

    # The attacker invents what stands left of the proxy's own entry: that is not counted.
    answers = [fail(f"192.0.2.{number}, 203.0.113.66") for number in range(6)]

    assert answers[:4] == [422] * 4
    assert answers[-1] == 429
    assert fail("198.51.100.77") == 422  # another place may still try
    right = {**form, "password": "medbook-demo"}
    assert (
        Client().post("/en/sign-in/", right, HTTP_X_FORWARDED_FOR="198.51.100.77").status_code
        == 302
    )


def test_a_forged_header_is_not_counted_where_no_proxy_is_trusted():
    alice = member_with_patient()
    form = {"login": alice.phone.reveal(), "password": "wrong"}

    answers = [
        Client()
        .post("/en/sign-in/", form, REMOTE_ADDR=PEER, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
        .status_code
        for number in range(6)
    ]

    assert answers[-1] == 429


def test_api_requests_are_counted_by_the_trusted_proxies(settings):
    settings.TRUSTED_PROXY_COUNT = 1
    settings.API_RATE_LIMITS_PER_MINUTE = {"write": 3, "read": 3, "network": 3}
    cache.clear()

    def ask(last):
        return Client().get("/api/v1/schema/", HTTP_X_FORWARDED_FOR=f"192.0.2.1, {last}")

    assert [ask(f"198.18.7.{number}").status_code for number in range(4)][-1] == 429
    assert ask("198.18.8.1").status_code == 200
