"""What does somebody see and change of their own account?"""

import pytest
from django.test import Client

from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.models import OperationLog
from members.choices import PatientState
from members.models import BrowserSession, Notification
from members.selectors.people import own_patient
from members.services.tokens import issue_tokens
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
)

pytestmark = pytest.mark.django_db
PAGE = "/en/account/"


@pytest.fixture
def alice():
    return member_with_patient(phone="+8613800138000")


@pytest.fixture
def newcomer():
    patient = PatientFactory(
        name=None,
        identity_kind="",
        identity_number=None,
        birth_date=None,
        state=PatientState.UNVERIFIED,
    )
    return FamilyLinkFactory(patient=patient).member


def signed_in(account):
    client = Client(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"})
    client.force_login(account)
    client.get(PAGE)
    return client


def typed_in(account):
    """Sign staff in by the page, which knows the browser."""
    client = Client(headers={"User-Agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"})
    client.post("/admin/login/", {"username": account.username, "password": "medbook-demo"})
    return client


def test_shows_the_account_with_masked_data(alice):
    page = signed_in(alice.user).get(PAGE)

    assert alice.number in page.text
    assert "138****8000" in page.text
    assert "13800138000" not in page.text
    assert "Not set up" in page.text


def test_staff_has_the_page_without_a_members_data():
    page = signed_in(UserFactory(is_staff=True)).get(PAGE)

    assert page.status_code == 200
    assert "Member number" not in page.text


def test_a_new_member_writes_the_own_name(newcomer):
    client = signed_in(newcomer.user)

    client.post(f"{PAGE}name/", {"name": "张伟"})

    assert own_patient(newcomer).name.reveal() == "张伟"
    assert OperationLog.objects.filter(action=Action.MEMBER_CONTACT_CHANGED).exists()


def test_a_name_with_a_document_behind_it_stays(alice):
    client = signed_in(alice.user)
    before = own_patient(alice).name.reveal()

    answer = client.post(f"{PAGE}name/", {"name": "Somebody Else"})

    assert answer.status_code == 422
    assert own_patient(alice).name.reveal() == before
    assert 'action="/en/account/name/"' not in client.get(PAGE).text


@pytest.mark.parametrize("name", ["", "123", "A\x00B", "A" * 10_000])
def test_a_name_that_is_none_is_told_in_place(newcomer, name):
    answer = signed_in(newcomer.user).post(f"{PAGE}name/", {"name": name})

    assert answer.status_code == 422
    assert 'class="error-summary"' in answer.text
    assert own_patient(newcomer).name is None


def test_an_email_address_is_set_and_taken_away(alice):
    client = signed_in(alice.user)

    client.post(f"{PAGE}email/", {"email": "alice@example.org"})
    alice.refresh_from_db()
    assert alice.email.reveal() == "alice@example.org"
    assert "alice@example.org" not in client.get(PAGE).text

    client.post(f"{PAGE}email/", {"email": ""})
    alice.refresh_from_db()
    assert alice.email is None


def test_a_broken_email_address_is_told_in_place(alice):
    answer = signed_in(alice.user).post(f"{PAGE}email/", {"email": "alice"})

    assert answer.status_code == 422
    assert 'href="#id_email"' in answer.text


def test_pages_look_as_chosen_and_speak_the_language_chosen(alice):
    client = signed_in(alice.user)
    form = {"language": "zh-hans", "theme": "dark", "text_size": "largest"}

    answer = client.post(f"{PAGE}appearance/", form)

    assert answer["Location"] == "/zh-hans/account/"
    assert client.cookies["django_language"].value == "zh-hans"
    home = client.get("/en/membership/").text
    assert '<html lang="en" data-theme="dark" data-text-size="largest">' in home


def test_pages_look_plain_to_strangers(client, alice):
    assert '<html lang="en">' in client.get("/en/sign-in/").text


@pytest.mark.parametrize(
    "wrong", [{"language": "fr"}, {"theme": "pink"}, {"text_size": "huge"}, {"language": ""}]
)
def test_a_look_that_there_is_not_is_refused(alice, wrong):
    form = {"language": "en", "theme": "", "text_size": "", **wrong}

    assert signed_in(alice.user).post(f"{PAGE}appearance/", form).status_code == 422


def test_a_new_password_ends_all_other_sign_ins(alice):
    here, elsewhere = signed_in(alice.user), signed_in(alice.user)
    issue_tokens(user=alice.user, now=clock.now())

    here.post(f"{PAGE}password/", {"password": "quite another one 7"})

    alice.user.refresh_from_db()
    assert alice.user.check_password("quite another one 7")
    assert here.get(PAGE).status_code == 200
    assert elsewhere.get(PAGE).status_code == 302
    assert alice.user.token_families.get().revoked_at
    assert Notification.objects.get().kind == "password_changed"


@pytest.mark.parametrize("password", ["", "short", "password", "x" * 129])
def test_a_weak_password_is_refused(alice, password):
    answer = signed_in(alice.user).post(f"{PAGE}password/", {"password": password})

    assert answer.status_code == 422
    alice.user.refresh_from_db()
    assert alice.user.check_password("medbook-demo")


def test_sign_ins_are_listed_and_one_is_ended_at_once():
    root = UserFactory(username="root-9", is_staff=True)
    here, elsewhere = typed_in(root), typed_in(root)
    other = BrowserSession.objects.get(session_id=elsewhere.cookies["sessionid"].value)

    page = here.get(PAGE).text
    here.post(f"{PAGE}sign-ins/{other.uid}/end/")

    assert page.count("<strong>Firefox on Windows</strong>") == 2
    assert page.count("This one") == 1
    assert "127.0.0.*" in page
    assert elsewhere.get(PAGE).status_code == 302
    assert here.get(PAGE).status_code == 200


def test_a_program_is_listed_and_ended_alike(alice):
    client = signed_in(alice.user)
    pair = issue_tokens(user=alice.user, now=clock.now())
    family = alice.user.token_families.get()

    page = client.get(PAGE).text
    client.post(f"{PAGE}sign-ins/{family.uid}/end/")

    assert "App or program" in page
    bearer = {"Authorization": f"Bearer {pair.access}"}
    assert client.get("/api/v1/me/", headers=bearer).status_code == 401


def test_the_sign_in_of_somebody_else_is_not_there(alice):
    bo = signed_in(member_with_patient().user)
    theirs = BrowserSession.objects.get()

    answer = signed_in(alice.user).post(f"{PAGE}sign-ins/{theirs.uid}/end/")

    assert answer.status_code == 404
    assert bo.get(PAGE).status_code == 200


def test_ending_this_sign_in_signs_out(alice):
    client = signed_in(alice.user)
    mine = BrowserSession.objects.get()

    answer = client.post(f"{PAGE}sign-ins/{mine.uid}/end/")

    assert answer["Location"] == "/en/sign-in/"
    assert client.get(PAGE).status_code == 302


def test_all_others_end_together(alice):
    here, elsewhere = signed_in(alice.user), signed_in(alice.user)

    here.post(f"{PAGE}sign-ins/others/end/")

    assert here.get(PAGE).status_code == 200
    assert elsewhere.get(PAGE).status_code == 302
