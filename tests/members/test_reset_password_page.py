"""Does a code give a member a new password, and nobody else anything?"""

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Delivery, Notification, User
from members.services.tokens import is_good, issue_tokens
from tests.members.people import PASSWORD, PHONE, code_sent, hashes, joined, wrong
from tests.members.test_sign_up_page import visible

pytestmark = pytest.mark.django_db

PAGE = "/en/reset-password/"
NEW = "quite another phrase"
STRANGER = "+8613900000000"


@pytest.fixture
def alice():
    return joined(phone=PHONE)


def reset(client, code=None, password=NEW):
    client.post(PAGE, {"phone": PHONE})
    return client.post(PAGE, {"code": code or code_sent(PHONE), "password": password})


def test_sets_the_password_and_signs_in(client, alice):
    answer = reset(client)

    alice.user.refresh_from_db()
    assert (answer.status_code, answer["Location"]) == (302, "/en/")
    assert alice.user.check_password(NEW)
    assert client.session["_auth_user_id"] == str(alice.user.pk)


def test_ends_all_sessions_and_tokens(client, alice, django_user_model):
    elsewhere = type(client)()
    elsewhere.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")
    issue_tokens(user=alice.user, now=clock.now())
    family = alice.user.token_families.get()
    claims = {"sub": str(alice.user.uid), "token_version": alice.user.token_version}
    assert elsewhere.get("/en/membership/").context["member"]
    assert is_good(family, claims, clock.now())

    reset(client)

    family.user.refresh_from_db()
    assert not elsewhere.get("/en/membership/").context["member"]
    assert not is_good(family, claims, clock.now())


def test_is_written_down_and_told(client, alice):
    reset(client)

    row = OperationLog.objects.get(action="password.changed")
    assert (row.subject_uid, row.reason) == (alice.user.uid, "reset_by_code")
    assert Notification.objects.get(kind="password_changed").member == alice


def test_a_wrong_code_changes_nothing(client, alice):
    client.post(PAGE, {"phone": PHONE})

    answer = client.post(PAGE, {"code": wrong(code_sent(PHONE)), "password": NEW})

    alice.user.refresh_from_db()
    assert answer.status_code == 422
    assert alice.user.check_password(PASSWORD)
    assert NEW not in answer.text


def test_a_weak_password_costs_no_try(client, alice):
    answer = reset(client, password="password123")

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["password"]
    assert reset(client).status_code == 302


def test_known_and_unknown_numbers_are_answered_alike_and_take_as_long(client, alice, settings):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    seen, taken = [], []

    for phone in (PHONE, STRANGER):
        client.cookies.clear()
        first = client.post(PAGE, {"phone": phone})
        page = client.get(PAGE)
        taken.append(hashes(lambda: client.post(PAGE, {"code": "000000", "password": NEW})))
        seen.append((first.status_code, first["Location"], visible(page.content)))

    seen = [
        (*rest, "".join(page).replace(phone, ""))
        for (*rest, page), phone in zip(seen, (PHONE, STRANGER), strict=True)
    ]
    assert seen[0] == seen[1]
    assert taken == [1, 1]
    assert Delivery.objects.filter(state="waiting").count() == 1


def test_the_host_header_is_nowhere(client, alice):
    client.post(PAGE, {"phone": PHONE}, headers={"Host": "localhost"})

    assert "localhost" not in Delivery.objects.get().text.reveal()
    assert User.objects.count() == 1
