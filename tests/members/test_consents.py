from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import ConsentPurpose
from members.errors import ConsentMissing, ConsentNotGiven, TermsStay
from members.models import Consent
from members.rules import consents as rules
from members.selectors.consents import holds, standings
from members.services.consents import (
    give_consent,
    record_consents,
    require_consent,
    withdraw_consent,
)
from tests.factories import MemberFactory
from tests.racing import together

TERMS, SENSITIVE, NEWS = ConsentPurpose


def give(member, purpose, now=None):
    return give_consent(member=member, purpose=purpose, by=member.user, now=now or clock.now())


def withdraw(member, purpose, now=None):
    return withdraw_consent(member=member, purpose=purpose, by=member.user, now=now or clock.now())


@pytest.fixture
def alice(db):
    return MemberFactory(consents=[TERMS])


@pytest.fixture
def browser(alice):
    client = Client(raise_request_exception=False)
    client.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")
    return client


def test_what_was_not_given_does_not_hold(alice):
    assert [holds(alice, purpose) for purpose in ConsentPurpose] == [True, False, False]
    with pytest.raises(ConsentMissing):
        require_consent(alice, SENSITIVE)


def test_what_is_given_holds_until_it_is_taken_back(alice):
    give(alice, SENSITIVE)
    assert holds(alice, SENSITIVE)

    withdraw(alice, SENSITIVE)
    assert not holds(alice, SENSITIVE)


def test_each_purpose_stands_by_itself(alice):
    give(alice, NEWS)

    assert not holds(alice, SENSITIVE)


def test_giving_twice_changes_nothing(alice):
    assert give(alice, NEWS) == give(alice, NEWS)

    assert Consent.objects.filter(purpose=NEWS).count() == 1


def test_giving_again_after_taking_back_is_a_new_row(alice):
    give(alice, NEWS)
    withdraw(alice, NEWS)
    give(alice, NEWS)

    (news,) = [each for each in standings(alice) if each.purpose == NEWS]
    assert [row.withdrawn_at is None for row in news.history] == [True, False]


def test_a_changed_text_asks_again(alice, monkeypatch):
    give(alice, SENSITIVE)
    monkeypatch.setitem(rules.VERSIONS, SENSITIVE, "2027-01")

    assert not holds(alice, SENSITIVE)
    (before,) = [each for each in standings(alice) if each.purpose == SENSITIVE]
    assert (before.is_held, before.is_outdated) == (False, True)

    give(alice, SENSITIVE)
    assert holds(alice, SENSITIVE)
    old, new = Consent.objects.filter(purpose=SENSITIVE).order_by("id")
    assert (old.version, old.withdrawn_at is None) == ("2026-11", False)
    assert (new.version, new.withdrawn_at) == ("2027-01", None)


def test_terms_stay_while_the_account_does(alice):
    with pytest.raises(TermsStay):
        withdraw(alice, TERMS)

    assert holds(alice, TERMS)


def test_nothing_is_taken_back_twice(alice):
    with pytest.raises(ConsentNotGiven):
        withdraw(alice, NEWS)


def test_giving_and_taking_back_are_in_the_operation_log(alice):
    give(alice, NEWS)
    withdraw(alice, NEWS)

    acts = OperationLog.objects.filter(action__startswith="agreement.").order_by("id")
    assert [(row.action, row.facts["purpose"], row.actor_uid) for row in acts] == [
        ("agreement.given", "news", alice.user.uid),
        ("agreement.withdrawn", "news", alice.user.uid),
    ]


def test_the_database_keeps_one_standing_consent_per_purpose(alice):
    with pytest.raises(IntegrityError), transaction.atomic():
        record_consents(member=alice, purposes=[TERMS], now=clock.now())


def test_a_consent_never_ends_before_it_begins(alice):
    given = give(alice, NEWS)

    taken = withdraw(alice, NEWS, now=given.given_at - timedelta(hours=1))

    assert taken.withdrawn_at == given.given_at


@pytest.mark.django_db(transaction=True)
def test_eight_clicks_at_once_are_one_consent():
    alice = MemberFactory(consents=[TERMS])

    outcomes = together(*[partial(give, alice, NEWS)] * 8)

    assert {outcome.pk for outcome in outcomes} == {
        Consent.objects.get(member=alice, purpose=NEWS).pk
    }


@pytest.mark.parametrize("purpose", ConsentPurpose.values)
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_everybody_may_read_the_texts(client, db, purpose, language):
    page = client.get(f"/{language}/consents/{purpose}/")

    assert page.status_code == 200
    assert rules.VERSIONS[purpose] in page.text
    assert "<form" not in page.text.split("<main")[1]


@pytest.mark.parametrize("path", ["everything/", "news/give/", "everything/give/"])
def test_there_are_no_other_purposes(browser, path):
    assert browser.get(f"/en/consents/{path}").status_code in (404, 405)
    if path.startswith("everything"):
        assert browser.post(f"/en/consents/{path}").status_code in (404, 405)


def test_agreeing_leads_back_to_where_one_was(browser, alice):
    answer = browser.post("/en/consents/sensitive_data/give/", {"next": "/en/doctors/?q=wei"})

    assert (answer.status_code, answer["Location"]) == (302, "/en/doctors/?q=wei")
    assert holds(alice, SENSITIVE)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_agreeing_leads_to_no_other_site(browser, elsewhere):
    answer = browser.post("/en/consents/news/give/", {"next": elsewhere})

    assert answer["Location"] == "/en/account/privacy/"


def test_the_page_takes_a_consent_back(browser, alice):
    give(alice, NEWS)

    answer = browser.post("/en/consents/news/withdraw/")

    assert answer.status_code == 302
    assert not holds(alice, NEWS)


@pytest.mark.parametrize(("purpose", "status"), [("terms", 409), ("news", 409)])
def test_the_page_says_why_a_consent_cannot_be_taken_back(browser, purpose, status):
    answer = browser.post(f"/en/consents/{purpose}/withdraw/")

    assert answer.status_code == status
    assert "banner" in answer.text


def test_the_privacy_page_tells_what_holds(browser, alice):
    give(alice, NEWS)
    withdraw(alice, NEWS)

    page = browser.get("/en/account/privacy/")

    assert page.text.count("Not agreed") == 2
    assert "ended " in page.text


def test_strangers_cannot_agree_for_anybody(client, db):
    answer = client.post("/en/consents/news/give/")

    assert "/sign-in/" in answer["Location"]
    assert not Consent.objects.exists()
