"""Do members come in by a code, and does nobody learn who is one?"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from medbook.audit.models import OperationLog
from members.models import Delivery, User
from tests.members.factors import app_of, code_now
from tests.members.people import PHONE, code_sent, hashes, joined, sign_up, wrong
from tests.members.test_sign_up_page import visible

pytestmark = pytest.mark.django_db

PAGE = "/en/sign-in/code/"
STRANGER, CLOSED = "+8613900000000", "+8613912340009"


@pytest.fixture
def alice():
    return joined(phone=PHONE)


@pytest.fixture
def closed():
    member = joined(phone=CLOSED)
    User.objects.filter(pk=member.user.pk).update(is_active=False)
    return member


def enter(client, phone=PHONE, **more):
    client.post(PAGE, {"phone": phone, **more})
    return client.post(PAGE, {"code": code_sent(phone), **more})


def test_lets_the_holder_of_the_phone_in(client, alice):
    answer = enter(client)

    assert (answer.status_code, answer["Location"]) == (302, "/en/")
    assert client.session["_auth_user_id"] == str(alice.user.pk)


def test_gives_the_session_another_key(client, alice):
    client.post(PAGE, {"phone": PHONE})
    before = client.session.session_key

    client.post(PAGE, {"code": code_sent(PHONE)})

    assert client.session.session_key != before
    assert PHONE not in str(dict(client.session))


def test_leads_back_to_where_the_visitor_was(client, alice):
    assert enter(client, next="/en/doctors/chen-wei/")["Location"] == "/en/doctors/chen-wei/"


def test_is_written_down(client, alice):
    client.post(PAGE, {"phone": PHONE})
    client.post(PAGE, {"code": wrong(code_sent(PHONE))})
    client.post(PAGE, {"code": code_sent(PHONE)})

    rows = OperationLog.objects.order_by("id").exclude(action="member.joined")
    done = [(row.action, row.outcome, row.subject_uid) for row in rows]
    assert done == [
        ("sign_in.failed", "denied", alice.user.uid),
        ("sign_in.succeeded", "ok", alice.user.uid),
    ]


def test_known_unknown_and_closed_are_answered_alike(client, alice, closed):
    seen = []

    for phone in (PHONE, STRANGER, CLOSED):
        client.cookies.clear()
        sent = client.post(PAGE, {"phone": phone})
        page = client.get(PAGE)
        code = wrong(latest())
        failed = client.post(PAGE, {"code": code})
        typed = [page.content, failed.content.replace(code.encode(), b"")]
        shown = [visible(text.replace(phone.encode(), b"")) for text in typed]
        seen.append((sent.status_code, sent["Location"], failed.status_code, shown))

    assert seen[0] == seen[1] == seen[2]


def test_known_unknown_and_closed_cost_the_same_work(client, alice, closed, settings):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    work = []

    for phone in (PHONE, STRANGER, CLOSED):
        client.cookies.clear()
        with CaptureQueriesContext(connection) as sending:
            hashed = hashes(lambda phone=phone: client.post(PAGE, {"phone": phone}))
        code = wrong(latest())
        with CaptureQueriesContext(connection) as failing:
            client.post(PAGE, {"code": code})
        work.append((hashed, len(sending), len(failing)))

    assert work[0] == work[1] == work[2]


def test_codes_that_never_left_let_nobody_in(client, closed):
    for phone in (STRANGER, CLOSED):
        client.cookies.clear()
        client.post(PAGE, {"phone": phone})
        assert client.post(PAGE, {"code": latest()}).status_code == 422
        assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    ("page", "more"),
    [
        ("/en/sign-in/code/", {}),
        ("/en/sign-up/", {"terms": "on"}),
        ("/en/reset-password/", {"password": "quite another phrase"}),
    ],
)
def test_a_code_does_not_go_past_a_second_factor(client, alice, page, more):
    app_of(alice.user)
    client.post(page, {"phone": PHONE, **more})

    answer = client.post(page, {"code": code_sent(PHONE), **more})

    assert answer["Location"].startswith("/en/sign-in/second-factor/")
    assert "_auth_user_id" not in client.session
    client.post(answer["Location"], {"code": code_now()})
    assert client.session["_auth_user_id"] == str(alice.user.pk)


def test_a_new_member_without_a_name_can_look_around(client):
    sign_up(client)

    for address in ("", "doctors/", "appointments/", "membership/", "account/"):
        assert client.get(f"/en/{address}").status_code == 200, address


def latest():
    """Read the code of the latest delivery, whether it left or not."""
    return Delivery.objects.latest("id").text.reveal()[:6]
