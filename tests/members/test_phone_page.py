"""Does a phone number change hands only with both phones, or with what stands in for one?"""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.sessions.models import Session

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Delivery, Member, Notification, User
from members.services.tokens import issue_tokens
from tests.members.people import PASSWORD, PHONE, code_sent, joined, staff, wrong

pytestmark = pytest.mark.django_db

PAGE = "/en/account/phone/"
NEW = "+8613912340077"
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def alice():
    return joined(phone=PHONE)


@pytest.fixture
def browser(client, alice):
    client.force_login(alice.user, BACKEND)
    return client


def ask(browser, phone=NEW, proof="code"):
    return browser.post(PAGE, {"phone": phone, "proof": proof})


def number_of(alice):
    return Member.objects.get(pk=alice.pk).phone.reveal()


def test_strangers_sign_in_first(client):
    assert "/sign-in/" in client.get(PAGE)["Location"]


def test_who_signed_in_long_ago_is_asked_again(browser):
    with time_machine.travel(clock.now() + timedelta(minutes=16)):
        answer = browser.get(PAGE)

    assert answer["Location"].startswith("/en/sign-in/again/")


def test_both_phones_change_the_number(browser, alice):
    ask(browser)
    page = browser.get(PAGE)
    answer = browser.post(PAGE, {"new_code": code_sent(NEW), "old_code": code_sent(PHONE)})

    assert NEW in page.text
    assert answer.status_code == 302
    assert number_of(alice) == NEW
    assert Member.objects.get(phone_index=NEW) == alice
    assert not Member.objects.filter(phone_index=PHONE).exists()


@pytest.mark.parametrize("which", ["new_code", "old_code"])
def test_one_wrong_code_changes_nothing(browser, alice, which):
    ask(browser)
    codes = {"new_code": code_sent(NEW), "old_code": code_sent(PHONE)}

    answer = browser.post(PAGE, {**codes, which: wrong(codes[which])})

    assert answer.status_code == 422
    assert number_of(alice) == PHONE
    assert browser.post(PAGE, codes).status_code == 302  # a wrong try does not use up the other


def test_the_password_stands_in_for_a_lost_phone(browser, alice):
    ask(browser, proof="password")
    assert code_sent(PHONE) is None

    refused = browser.post(PAGE, {"new_code": code_sent(NEW), "password": "a wrong phrase"})
    assert number_of(alice) == PHONE
    answer = browser.post(PAGE, {"new_code": code_sent(NEW), "password": PASSWORD})

    assert list(refused.context["form"].errors) == ["password"]
    assert answer.status_code == 302
    assert number_of(alice) == NEW
    assert OperationLog.objects.get(action="member.phone_changed").reason == "by_password"


def test_passwords_guessed_here_are_counted(browser, alice):
    ask(browser, proof="password")

    statuses = [
        browser.post(PAGE, {"new_code": "000000", "password": "wrong"}).status_code
        for _ in range(5)
    ]

    assert statuses == [422] * 4 + [429]


def test_who_has_no_password_is_offered_none(browser, alice):
    alice.user.set_unusable_password()
    alice.user.save()
    browser.force_login(alice.user, BACKEND)

    assert 'name="proof"' not in browser.get(PAGE).text
    answer = ask(browser, proof="password")

    assert answer.status_code == 302
    assert 'name="old_code"' in browser.get(PAGE).text


def test_who_has_no_password_shows_the_phone_again(browser, alice):
    alice.user.set_unusable_password()
    alice.user.save()
    browser.force_login(alice.user, BACKEND)
    again = f"/en/sign-in/again/?next={PAGE}"

    with time_machine.travel(clock.now() + timedelta(minutes=16)):
        asked = browser.get(PAGE)
        offered = browser.get(again)
        sent = browser.post(again, {"send_code": "yes"})
        code = code_sent(PHONE)
        refused = browser.post(again, {"sms_code": wrong(code)})
        answer = browser.post(again, {"sms_code": code})
        page = browser.get(PAGE)

    assert asked.status_code == answer.status_code == 302
    assert answer["Location"] == PAGE
    assert 'name="sms_code"' not in offered.text
    assert 'name="sms_code"' in sent.text
    assert (sent.status_code, refused.status_code, page.status_code) == (200, 422, 200)


def test_a_number_with_an_account_is_answered_like_a_wrong_code(browser, alice):
    bo = joined(phone=NEW)
    known_first = ask(browser)
    codes = {"new_code": code_sent(NEW), "old_code": code_sent(PHONE)}

    known = browser.post(PAGE, codes)
    wrong_codes = browser.post(PAGE, {**codes, "new_code": wrong(codes["new_code"])})

    assert known_first.status_code == 302
    assert known.status_code == wrong_codes.status_code == 422
    assert known.context["form"].errors == wrong_codes.context["form"].errors
    assert (number_of(alice), number_of(bo)) == (PHONE, NEW)
    assert {row.kind for row in Delivery.objects.all()} == {"code"}


def test_the_own_number_is_no_change(browser):
    answer = ask(browser, phone="139 1234 0001")

    assert answer.status_code == 422
    assert not Delivery.objects.exists()


def test_other_devices_are_signed_out_and_this_one_stays(browser, alice):
    elsewhere = type(browser)()
    elsewhere.force_login(alice.user, BACKEND)
    pair = issue_tokens(user=alice.user, now=clock.now())

    ask(browser)
    browser.post(PAGE, {"new_code": code_sent(NEW), "old_code": code_sent(PHONE)})

    assert browser.get("/en/membership/").context["member"] == alice
    assert not elsewhere.get("/en/membership/").context["member"]
    assert Session.objects.exists()
    headers = {"Authorization": f"Bearer {pair.access}"}
    assert browser.get("/api/v1/me/", headers=headers).status_code == 401


def test_is_written_down_and_told_to_the_inbox_and_the_old_phone(browser, alice):
    ask(browser)
    browser.post(PAGE, {"new_code": code_sent(NEW), "old_code": code_sent(PHONE)})

    row = OperationLog.objects.get(action="member.phone_changed")
    assert (row.subject_uid, row.reason, row.changed_fields) == (
        alice.uid,
        "by_both_phones",
        ["phone"],
    )
    assert Notification.objects.get(kind="phone_changed").member == alice
    unasked = Delivery.objects.filter(kind="phone_changed", member=None)
    assert [row.recipient.reveal() for row in unasked] == [PHONE]
    assert NEW[3:] not in str(vars(row))


def test_codes_are_limited_here_too(browser):
    ask(browser)

    answer = ask(browser)

    assert answer.status_code == 429
    assert int(answer["Retry-After"]) > 0


class TestAtTheDesk:
    """Who has neither phone nor password comes with a document."""

    LIST = "/admin/members/member/"

    def change(self, client, alice, **answers):
        form = {"action": "change_phone", "_selected_action": alice.pk, "confirmed": "1"}
        said = {"phone": NEW, "reason": "Phone lost, card seen"}
        return client.post(self.LIST, {**form, **said, **answers})

    def test_the_desk_changes_the_number(self, client, alice):
        desk = staff("desk")
        client.force_login(desk, BACKEND)

        self.change(client, alice)

        row = OperationLog.objects.get(action="member.phone_changed")
        assert number_of(alice) == NEW
        assert (row.actor_uid, row.reason) == (desk.uid, "Phone lost, card seen")
        assert User.objects.get(pk=alice.user.pk).token_version > alice.user.token_version

    def test_the_desk_says_why(self, client, alice):
        client.force_login(staff("desk"), BACKEND)

        assert self.change(client, alice, reason=" ").status_code == 422
        assert number_of(alice) == PHONE

    def test_the_desk_learns_that_a_number_is_taken(self, client, alice):
        joined(phone=NEW)
        client.force_login(staff("desk"), BACKEND)

        answer = client.get(self.change(client, alice)["Location"])

        assert "Another account has this phone number" in answer.text
        assert number_of(alice) == PHONE

    @pytest.mark.parametrize("role", ["doctor", "scheduler", "finance", "auditor", "administrator"])
    def test_nobody_else_changes_a_number(self, client, alice, role):
        client.force_login(staff(role), BACKEND)

        self.change(client, alice)

        assert number_of(alice) == PHONE
