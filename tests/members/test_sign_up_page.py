"""Does the sign-up page make members, and tell strangers nothing about others?"""

import pytest
from django.contrib.messages import get_messages

from members.models import Member, User
from members.selectors.people import own_patient
from tests.factories import resident_id
from tests.members.people import NAME, NUMBER, PASSWORD, PHONE, asked, hashes, joined

pytestmark = pytest.mark.django_db

PAGE = "/en/sign-up/"


def sign_up(client, **answers):
    return client.post(PAGE, asked(**answers))


def test_shows_the_questions(client):
    answer = client.get(PAGE)

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    for name in ("name", "identity_number", "phone", "password"):
        assert f'name="{name}"' in answer.content.decode()


def test_makes_a_member_and_ends_at_the_sign_in_page(client):
    answer = sign_up(client, phone="139 1234 0001", identity_number=NUMBER.lower())

    alice = Member.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/en/sign-in/")
    assert alice.phone.reveal() == PHONE
    assert own_patient(alice).identity_number.reveal() == NUMBER
    assert "_auth_user_id" not in client.session


def test_keeps_the_way_back_to_a_time(client):
    answer = client.post(f"{PAGE}?next=/en/doctors/chen-wei/", asked())

    assert answer["Location"] == "/en/sign-in/?next=%2Fen%2Fdoctors%2Fchen-wei%2F"


def test_answers_alike_for_a_known_and_an_unknown_number(client):
    joined(phone=PHONE)

    known = sign_up(client)
    known_page = client.get(known["Location"]).content
    unknown = sign_up(client, phone="+8613912340002")
    unknown_page = client.get(unknown["Location"]).content

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert known.content == unknown.content
    assert said(known) == said(unknown)
    assert visible(known_page) == visible(unknown_page)


def test_answers_alike_for_a_known_and_an_unknown_identity_number(client):
    joined(identity_number=NUMBER)

    known = sign_up(client)
    shown = said(known)
    client.get("/en/sign-in/")
    unknown = sign_up(client, phone="+8613912340002", identity_number=resident_id(7))

    assert (known.status_code, known["Location"]) == (302, unknown["Location"])
    assert shown == said(unknown)


def test_leaves_a_known_account_unchanged(client):
    alice = joined(phone=PHONE)

    sign_up(client, password="mallory's long phrase", name="Mallory")

    alice.user.refresh_from_db()
    assert alice.user.check_password(PASSWORD)
    assert own_patient(alice).name.reveal() == NAME
    assert Member.objects.count() == 1


def test_takes_as_many_hashes_for_a_known_number(client, settings):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    joined(phone=PHONE)

    known = hashes(lambda: sign_up(client))
    unknown = hashes(lambda: sign_up(client, phone="+8613912340002"))

    assert known == unknown == 1


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("identity_number", "110105194912310021", "not a valid identity number"),
        ("identity_number", "", "required"),
        ("phone", "hello", "not a phone number"),
        ("phone", "", "required"),
        ("name", "", "required"),
        ("name", "12345", "with letters"),
        ("name", "Al\u202eice", "with letters"),
        ("password", "short", "too short"),
        ("password", "password123", "too common"),
        ("password", "x" * 129, "at most 128"),
    ],
)
def test_names_what_is_wrong_at_the_field(client, field, text, words):
    answer = sign_up(client, **{field: text})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert words in str(answer.context["form"].errors[field])
    assert not Member.objects.exists()


def test_never_shows_a_password_again(client):
    answer = sign_up(client, name="")

    assert PASSWORD not in answer.content.decode()


def test_ignores_what_nobody_is_asked(client):
    sign_up(
        client, tier="jade", is_staff="on", is_superuser="on", username="root", state="verified"
    )

    alice = Member.objects.get()
    assert alice.tier.code == "member"
    assert own_patient(alice).state == "unverified"
    assert not User.objects.filter(is_staff=True).exists()
    assert not User.objects.filter(is_superuser=True).exists()


def test_a_form_from_elsewhere_is_refused(client):
    client.handler.enforce_csrf_checks = True

    assert sign_up(client).status_code == 403
    assert not Member.objects.exists()


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def visible(page):
    return [line for line in page.decode().splitlines() if "csrfmiddlewaretoken" not in line]
