"""Where is somebody signed in, and how does that end?"""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from medbook import clock
from medbook.sessions import SessionStore
from members.models import BrowserSession
from members.rules.devices import device_of, masked_network
from members.rules.sessions import is_over, is_recent, is_worth_noting
from members.services.sessions import end_other_sessions, end_sessions
from members.services.tokens import issue_tokens
from tests.factories import UserFactory, member_with_patient

NOW = clock.now()
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/19.0 Mobile/15E148 Safari/604.1"
)
COMPUTER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


def browser_of(user):
    """Sign somebody in, in another browser."""
    client = Client()
    client.force_login(user)
    return client


def key_of(client):
    return client.cookies["sessionid"].value


@pytest.mark.parametrize(
    ("agent", "browser", "system"),
    [
        (PHONE, "Safari", "iPhone"),
        (COMPUTER, "Firefox", "Windows"),
        (f"{COMPUTER} Edg/140.0", "Edge", "Windows"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140.0 MicroMessenger/8.0", "WeChat", "Android"),
        ("", "", ""),
        ("curl/8.0", "", ""),
    ],
)
def test_a_browser_is_named_as_its_owner_knows_it(agent, browser, system):
    device = device_of(agent)

    assert (device.browser, device.system) == (browser, system)


@pytest.mark.parametrize(
    ("network", "shown"),
    [
        ("192.0.2.0/24", "192.0.2.*"),
        ("2001:db8:0:1::/64", "2001:db8:0:1:*"),
        ("unknown", "unknown"),
    ],
)
def test_an_address_is_shown_without_its_last_part(network, shown):
    assert masked_network(network) == shown


@pytest.mark.parametrize(
    ("away", "since", "over"),
    [
        (timedelta(minutes=15, seconds=-1), timedelta(hours=1), False),
        (timedelta(minutes=15), timedelta(hours=1), True),
        (timedelta(minutes=1), timedelta(hours=12, seconds=-1), False),
        (timedelta(minutes=1), timedelta(hours=12), True),
    ],
)
def test_a_session_ends_when_left_alone_or_open_too_long(away, since, over):
    limits = {"idle": timedelta(minutes=15), "longest": timedelta(hours=12)}

    assert is_over(signed_in_at=NOW - since, seen_at=NOW - away, now=NOW, **limits) == over


@pytest.mark.parametrize(
    ("ago", "recent"),
    [(None, False), (-1, False), (0, True), (15 * 60 - 1, True), (15 * 60, False)],
)
def test_who_one_is_was_shown_recently_for_15_minutes(ago, recent):
    shown_at = None if ago is None else NOW - timedelta(seconds=ago)

    assert is_recent(shown_at, NOW) == recent


@pytest.mark.parametrize(
    ("ago", "is_staff", "noted"), [(299, False, False), (300, False, True), (60, True, True)]
)
def test_a_visit_is_noted_every_few_minutes(ago, is_staff, noted):
    seen_at = NOW - timedelta(seconds=ago)

    assert is_worth_noting(seen_at=seen_at, now=NOW, is_staff=is_staff) == noted


@pytest.mark.django_db
def test_a_sign_in_is_noted_with_its_browser_and_place(client):
    alice = member_with_patient().user

    client.force_login(alice)
    client.get("/en/membership/", headers={"User-Agent": COMPUTER})

    noted = BrowserSession.objects.get(user=alice)
    assert noted.session_id == key_of(client)


@pytest.mark.django_db
def test_all_other_sign_ins_end_and_this_one_stays():
    alice = member_with_patient().user
    here, elsewhere = browser_of(alice), browser_of(alice)
    family = issue_tokens(user=alice, now=clock.now()) and alice.token_families.get()

    session = SessionStore(key_of(here))
    ended = end_other_sessions(user=alice, keep=session, now=clock.now())

    assert ended == 2
    assert session.session_key != key_of(here)
    here.cookies["sessionid"] = session.session_key
    assert here.get("/en/sign-in/again/").status_code == 200
    assert elsewhere.get("/en/sign-in/again/").status_code == 302
    family.refresh_from_db()
    assert family.revoked_at


@pytest.mark.django_db
def test_nobody_else_is_signed_out():
    alice, bo = UserFactory(), UserFactory()
    theirs = browser_of(bo)

    end_sessions(user=alice, now=clock.now())

    assert Session.objects.filter(session_key=key_of(theirs)).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("minutes", "is_staff", "in_it"),
    [(14, True, True), (15, True, False), (15, False, True), (14 * 24 * 60, False, False)],
)
def test_staff_is_signed_out_when_away_for_15_minutes(
    client, monkeypatch, minutes, is_staff, in_it
):
    client.force_login(UserFactory(is_staff=is_staff))
    later = clock.now() + timedelta(minutes=minutes)
    monkeypatch.setattr(clock, "now", lambda: later)

    answer = client.get("/en/sign-in/again/")

    assert (answer.status_code == 200) == in_it


@pytest.mark.django_db
def test_what_was_shown_long_ago_is_asked_again(client, monkeypatch):
    alice = member_with_patient().user
    client.force_login(alice)

    wrong = client.post("/en/sign-in/again/", {"password": "not hers"})
    right = client.post("/en/sign-in/again/?next=/en/membership/", {"password": "medbook-demo"})

    assert wrong.status_code == 422
    assert right["Location"] == "/en/membership/"


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example/", "javascript:x"])
def test_leads_nowhere_but_into_this_site(client, wanted):
    client.force_login(member_with_patient().user)

    answer = client.post("/en/sign-in/again/", {"password": "medbook-demo", "next": wanted})

    assert answer["Location"] == "/en/"
