"""Does a member see what there is to know, and decide how to hear of it?"""

import re
from datetime import time, timedelta
from uuid import uuid4

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import ChannelChoice
from members.rules.messages import MessageKind, by_key
from members.selectors.messages import unread_count
from members.services.messages import notify_member
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import UserFactory, member_with_patient

pytestmark = pytest.mark.django_db

INBOX, WAYS, API = "/en/inbox/", "/en/inbox/settings/", f"{ROOT}notifications/"
SAMPLES = by_key(
    MessageKind("moved", "Moved visits", "Moved {n}", "It moved: {n}", ("n",), ("sms",)),
    MessageKind("points", "Points", "Points {n}", "You have {n}.", ("n",), ("email",)),
    MessageKind("off", "Called off", "Off {n}", "Off: {n}", ("n",), ("sms",), is_critical=True),
)
QUIET = {"quiet_from": "21:00", "quiet_until": "08:00"}


@pytest.fixture(autouse=True)
def _kinds(settings):
    settings.MESSAGE_KINDS = [f"{__name__}.SAMPLES"]


@pytest.fixture
def alice():
    return member_with_patient(email="alice@example.org")


@pytest.fixture
def browser(client, alice):
    client.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")
    return client


def tell(member, n, kind="moved", path="membership/", ago=0):
    now = clock.now() - timedelta(minutes=ago)
    notify_member(member=member, kind=kind, key=str(n), facts={"n": n}, path=path, now=now)
    return member.notifications.get(kind=kind, key=str(n))


def titles(answer):
    return re.findall(r"<h2>(.*?)</h2>", answer.text)


def test_an_empty_inbox_says_so(browser):
    answer = browser.get(INBOX)

    assert "No messages yet." in answer.text
    assert "Mark all as read" not in answer.text


def test_what_is_unread_comes_first_then_the_newest(browser, alice):
    tell(alice, 1, ago=3)
    tell(alice, 2, ago=2)
    read = tell(alice, 3, ago=1)
    browser.post(f"/en/inbox/{read.uid}/read/")

    assert titles(browser.get(INBOX)) == ["Moved 2", "Moved 1", "Moved 3"]


def test_one_kind_can_be_picked_and_nonsense_is_ignored(browser, alice):
    tell(alice, 1)
    tell(alice, 2, kind="points")

    assert titles(browser.get(INBOX, {"kind": "points"})) == ["Points 2"]
    assert len(titles(browser.get(INBOX, {"kind": "\x00nonsense"}))) == 2


def test_long_inboxes_come_in_pages_that_keep_the_kind(browser, alice):
    for n in range(21):
        tell(alice, n)

    first, second = browser.get(INBOX, {"kind": "moved"}), browser.get(INBOX, {"page": 2})

    assert len(titles(first)) == 20
    assert len(titles(second)) == 1
    assert "kind=moved&amp;page=2" in first.text


def test_the_page_takes_as_many_queries_for_one_as_for_many(
    browser, alice, django_assert_max_num_queries
):
    for n in range(15):
        tell(alice, n)

    with django_assert_max_num_queries(12):
        browser.get(INBOX)


def test_facts_are_escaped(browser, alice):
    tell(alice, "<script>alert(1)</script>")

    assert "<script>alert" not in browser.get(INBOX).text


def test_opening_leads_to_the_page_and_marks_as_read(browser, alice):
    message = tell(alice, 1)

    answer = browser.post(f"/zh-hans/inbox/{message.uid}/open/")

    assert answer["Location"] == "/zh-hans/membership/"
    message.refresh_from_db()
    assert message.read_at is not None


def test_a_message_without_a_page_has_no_button_to_open_it(browser, alice):
    message = tell(alice, 1, path="")

    assert "/open/" not in browser.get(INBOX).text
    assert browser.post(f"/en/inbox/{message.uid}/open/")["Location"] == INBOX


def test_the_first_reading_counts(browser, alice):
    message = tell(alice, 1)
    browser.post(f"/en/inbox/{message.uid}/read/")
    message.refresh_from_db()
    first = message.read_at

    browser.post(f"/en/inbox/{message.uid}/read/")

    message.refresh_from_db()
    assert message.read_at == first


def test_looking_alone_marks_nothing(browser, alice):
    tell(alice, 1)

    browser.get(INBOX)

    assert unread_count(alice.user) == 1
    assert browser.get(f"/en/inbox/{alice.notifications.get().uid}/open/").status_code == 405


def test_all_can_be_marked_at_once_and_only_ones_own(browser, alice):
    bo = member_with_patient()
    for member in (alice, alice, bo):
        tell(member, str(uuid4()))

    browser.post("/en/inbox/read-all/")

    assert unread_count(alice.user) == 0
    assert unread_count(bo.user) == 1


@pytest.mark.parametrize("act", ["open", "read"])
def test_the_messages_of_others_are_nowhere(browser, act):
    message = tell(member_with_patient(), 1)

    assert browser.post(f"/en/inbox/{message.uid}/{act}/").status_code == 404
    message.refresh_from_db()
    assert message.read_at is None


def test_counting_the_unread_takes_one_query(alice, django_assert_num_queries):
    tell(alice, 1)

    with django_assert_num_queries(1):
        assert unread_count(alice.user) == 1
    assert unread_count(UserFactory()) == 0


# How to be told


def ticked(answer):
    return set(re.findall(r'value="(\w+:\w+)" checked', answer.text))


def test_shows_what_holds_by_default(browser):
    answer = browser.get(WAYS)

    assert ticked(answer) == {"moved:sms", "points:email"}
    assert answer.text.count("Always") >= 1
    assert "off:" not in answer.text


def test_saves_what_was_chosen_and_logs_it(browser, alice):
    wanted = ["moved:email", "points:email"]

    answer = browser.post(WAYS, {"wanted": wanted, "quiet_from": "22:30", "quiet_until": "06:15"})

    assert answer.status_code == 302
    assert ticked(browser.get(WAYS)) == set(wanted)
    alice.refresh_from_db()
    assert (alice.quiet_from, alice.quiet_until) == (time(22, 30), time(6, 15))
    entry = OperationLog.objects.get(action="message.ways_chosen")
    assert sorted(entry.changed_fields) == ["moved email", "moved sms", "quiet hours"]


def test_saving_what_holds_changes_nothing(browser):
    browser.post(WAYS, {"wanted": ["moved:sms", "points:email"], **QUIET})

    assert not ChannelChoice.objects.exists()
    assert not OperationLog.objects.filter(action="message.ways_chosen").exists()


def test_all_may_be_switched_off_but_what_is_critical(browser, alice):
    browser.post(WAYS, {"wanted": [], **QUIET})

    assert {(row.kind, row.channel) for row in ChannelChoice.objects.all()} == {
        ("moved", "sms"),
        ("points", "email"),
    }
    tell(alice, 1, kind="off")
    assert alice.deliveries.get().channel == "sms"


@pytest.mark.parametrize(
    "wanted", ["off:sms", "off:email", "moved:inbox", "gossip:sms", "moved", "moved:sms:email", ":"]
)
def test_refuses_what_is_no_choice(browser, wanted):
    answer = browser.post(WAYS, {"wanted": [wanted, "points:email"], **QUIET})

    assert answer.status_code == 422
    assert "error-summary" in answer.text
    assert not ChannelChoice.objects.exists()


@pytest.mark.parametrize("quiet", ["", "25:00", "8", "08:00:01", "\x00", "x" * 10_000])
def test_refuses_what_is_no_time(browser, alice, quiet):
    answer = browser.post(WAYS, {"wanted": [], "quiet_from": quiet, "quiet_until": "08:00"})

    assert answer.status_code == 422
    alice.refresh_from_db()
    assert alice.quiet_from == time(21)
    assert not ChannelChoice.objects.exists()


def test_what_was_ticked_stays_ticked_on_a_form_in_error(browser):
    answer = browser.post(WAYS, {"wanted": ["moved:email"], **QUIET, "quiet_from": "x"})

    assert ticked(answer) == {"moved:email"}


def test_without_an_address_mail_cannot_be_chosen(client):
    bo = member_with_patient()
    client.force_login(bo.user, "django.contrib.auth.backends.ModelBackend")

    assert "no e-mail address" in client.get(WAYS).text
    assert client.post(WAYS, {"wanted": ["moved:email"], **QUIET}).status_code == 422


def test_a_choice_outlives_the_time_without_an_address(browser, alice):
    browser.post(WAYS, {"wanted": ["moved:email"], **QUIET})
    alice.email = None
    alice.save()

    browser.post(WAYS, {"wanted": [], **QUIET})

    assert ChannelChoice.objects.get(kind="moved", channel="email").is_wanted


# By the API


def test_the_api_lists_the_newest_first_in_the_callers_language(alice):
    tell(alice, 1, ago=2)
    tell(alice, 2, ago=1)

    body = caller(alice).get(API).json()

    assert [row["title"] for row in body["results"]] == ["Moved 2", "Moved 1"]
    assert body["results"][0]["path"] == "membership/"
    assert body["results"][0]["read_at"] is None


def test_the_api_pages_and_filters(alice):
    for n in range(3):
        message = tell(alice, n, ago=3 - n)
    tell(alice, 9, kind="points")
    caller(alice).post(f"{API}{message.uid}/read/")

    first = caller(alice).get(API, {"page_size": 3}).json()
    rest = caller(alice).get(first["next"]).json()
    unread = caller(alice).get(API, {"unread": "true", "kind": "moved"}).json()
    read = caller(alice).get(API, {"unread": "false"}).json()

    assert len(first["results"]) == 3
    assert len(rest["results"]) == 1
    assert [row["title"] for row in unread["results"]] == ["Moved 1", "Moved 0"]
    assert [row["title"] for row in read["results"]] == ["Moved 2"]
    assert caller(alice).get(API, {"kind": "gossip"}).json()["results"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [({"unread": "perhaps"}, 422), ({"kind": "\x00"}, 422), ({"sort": "title"}, 400)],
)
def test_the_api_refuses_questions_that_it_cannot_read(alice, query, status):
    assert refusal(caller(alice).get(API, query))[0] == status


def test_the_api_marks_as_read_once(alice):
    message = tell(alice, 1)

    first = caller(alice).post(f"{API}{message.uid}/read/")
    second = caller(alice).post(f"{API}{message.uid}/read/")

    assert first.status_code == second.status_code == 200
    assert first.json()["read_at"] == second.json()["read_at"] is not None


def test_the_api_hides_the_messages_of_others_and_takes_no_body(alice):
    theirs, own = tell(member_with_patient(), 1), tell(alice, 1)

    assert refusal(caller(alice).post(f"{API}{theirs.uid}/read/")) == (404, "not_found")
    answer = caller(alice).post(f"{API}{own.uid}/read/", {"read_at": "2020-01-01T00:00:00Z"})
    assert wrong_fields(answer) == {"read_at": "unknown_field"}
    own.refresh_from_db()
    assert own.read_at is None
