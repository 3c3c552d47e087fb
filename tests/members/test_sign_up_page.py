"""Does the sign-up page make members out of phones, and tell strangers nothing about others?"""

from datetime import timedelta

import pytest
import time_machine

from medbook import clock
from members.models import Consent, Delivery, Member, Patient, User
from members.selectors.people import own_patient
from tests.members.people import NAME, PASSWORD, PHONE, code_sent, joined, sign_up, wrong

pytestmark = pytest.mark.django_db

PAGE = "/en/sign-up/"
OTHER_PHONE = "+8613912340002"


def ask(client, phone=PHONE, **answers):
    """Send the first step."""
    return client.post(PAGE, {"phone": phone, "terms": "on", "sensitive_data": "on", **answers})


def signed_in(client):
    return "_auth_user_id" in client.session


def test_asks_for_a_phone_and_each_consent_by_itself(client):
    answer = client.get(PAGE)

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert list(answer.context["form"].fields) == ["phone", "terms", "sensitive_data", "news"]


def test_a_phone_is_all_it_takes(client):
    answer = sign_up(client, "139 1234 0001")

    alice = Member.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/en/")
    assert client.session["_auth_user_id"] == str(alice.user.pk)
    assert alice.phone.reveal() == PHONE
    assert alice.phone_verified_at
    assert not alice.user.has_usable_password()
    assert own_patient(alice).name is None
    assert not own_patient(alice).has_identity


def test_keeps_what_was_agreed_to(client):
    sign_up(client)
    assert sorted(Consent.objects.values_list("purpose", flat=True)) == ["sensitive_data", "terms"]

    client.post("/en/sign-out/")
    sign_up(client, OTHER_PHONE, news="on")

    assert Consent.objects.filter(purpose="news").count() == 1


def test_who_keeps_health_data_back_joins_all_the_same(client):
    sign_up(client, sensitive_data="")

    assert list(Consent.objects.values_list("purpose", flat=True)) == ["terms"]


def test_joins_in_the_language_of_the_page(client):
    sign_up(client, language="zh-hans")

    assert Member.objects.get().user.language == "zh-hans"
    assert Delivery.objects.get().language == "zh-hans"


@pytest.mark.parametrize("place", ["body", "address"])
def test_leads_back_to_a_time(client, place):
    wanted = "/en/doctors/chen-wei/?day=2026-11-24"
    address = f"{PAGE}?next=%2Fen%2Fdoctors%2Fchen-wei%2F%3Fday%3D2026-11-24"
    form = {"phone": PHONE, "terms": "on", "sensitive_data": "on"}

    if place == "body":
        on = client.post(PAGE, {**form, "next": wanted})
    else:
        on = client.post(address, form)
    answer = client.post(on["Location"], {"code": code_sent(PHONE)})

    assert on["Location"] == address
    assert answer["Location"] == wanted


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", r"/\evil.example"]
)
def test_leads_nowhere_else(client, elsewhere):
    assert sign_up(client, next=elsewhere)["Location"] == "/en/"


def test_the_second_step_takes_a_pasted_code(client):
    ask(client)
    page = client.get(PAGE)
    code = code_sent(PHONE)

    answer = client.post(PAGE, {"code": f" {code[:3]}-{code[3:]} "})

    assert 'autocomplete="one-time-code"' in page.text
    assert 'inputmode="numeric"' in page.text
    assert answer.status_code == 302
    assert signed_in(client)


def test_the_number_is_in_no_address(client):
    answer = ask(client)

    assert answer["Location"] == PAGE
    assert PHONE in client.get(PAGE).text


@pytest.mark.parametrize(("later", "title"), [(29, "Type the code"), (31, "Become a member")])
def test_a_forgotten_second_step_begins_again(client, later, title):
    ask(client)

    with time_machine.travel(clock.now() + timedelta(minutes=later)):
        assert f"<h1>{title}</h1>" in client.get(PAGE).text


def test_turns_to_another_number(client):
    ask(client)

    assert 'name="phone"' in client.get(f"{PAGE}?other").text
    ask(client, OTHER_PHONE)
    client.post(PAGE, {"code": code_sent(OTHER_PHONE)})

    assert Member.objects.get().phone.reveal() == OTHER_PHONE


def test_another_code_comes_after_a_minute(client):
    ask(client)
    too_early = client.post(PAGE, {"again": "yes"})
    with time_machine.travel(clock.now() + timedelta(seconds=61)):
        in_time = client.post(PAGE, {"again": "yes"})
        client.post(PAGE, {"code": code_sent(PHONE)})

    assert too_early.status_code == 429
    assert 0 < int(too_early["Retry-After"]) <= 60
    assert "Too many codes" in too_early.text
    assert 'name="code"' in too_early.text
    assert in_time.status_code == 302
    assert Member.objects.exists()


def test_nobody_joins_with_a_wrong_code(client):
    ask(client)

    answer = client.post(PAGE, {"code": wrong(code_sent(PHONE))})

    assert answer.status_code == 422
    assert answer.context["form"].errors.as_data()["code"][0].code == "code_invalid"
    assert not Member.objects.exists()
    assert not signed_in(client)


def test_nobody_joins_by_a_code_without_the_first_step(client):
    ask(client)
    code = code_sent(PHONE)
    client.cookies.clear()

    answer = client.post(PAGE, {"code": code})

    assert answer.status_code == 422
    assert not Member.objects.exists()


def test_a_known_number_signs_in_and_stays_as_it_is(client):
    alice = joined(phone=PHONE)
    Consent.objects.create(member=alice, purpose="terms", version="1", given_at=clock.now())

    sign_up(client)

    alice.user.refresh_from_db()
    assert client.session["_auth_user_id"] == str(alice.user.pk)
    assert alice.user.check_password(PASSWORD)
    assert own_patient(alice).name.reveal() == NAME
    assert (Member.objects.count(), Patient.objects.count()) == (1, 1)
    assert sorted(Consent.objects.values_list("purpose", flat=True)) == ["sensitive_data", "terms"]


def test_answers_alike_for_a_known_and_an_unknown_number(client):
    joined(phone=PHONE)
    seen = []

    for phone in (PHONE, OTHER_PHONE):
        first = ask(client, phone)
        page = client.get(PAGE)
        failed = client.post(PAGE, {"code": wrong(code_sent(phone))})
        last = client.post(PAGE, {"code": code_sent(phone)})
        seen.append(
            [
                (first.status_code, first["Location"]),
                (page.status_code, visible(page.content.replace(phone.encode(), b""))),
                failed.status_code,
                (last.status_code, last["Location"]),
            ]
        )
        client.post("/en/sign-out/")

    assert seen[0] == seen[1]


def test_a_closed_account_stays_closed(client):
    alice = joined(phone=PHONE)
    User.objects.filter(pk=alice.user.pk).update(is_active=False)

    answer = sign_up(client)

    assert answer.status_code == 422
    assert "This account is closed" in answer.text
    assert not signed_in(client)
    assert Member.objects.count() == 1


def test_a_number_that_may_have_changed_hands_is_asked_for_the_document(client):
    alice = joined(phone=PHONE)
    User.objects.filter(pk=alice.user.pk).update(last_login=clock.now() - timedelta(days=91))
    ending = own_patient(alice).identity_number.reveal()[-6:]
    ask(client)
    code = code_sent(PHONE)

    hidden = client.get(PAGE)
    asked = client.post(PAGE, {"code": code})
    answer = client.post(PAGE, {"code": code, "document_ending": ending})

    assert '<input type="hidden" name="document_ending"' in hidden.text
    assert asked.status_code == 422
    assert '<input type="text" name="document_ending"' in asked.text
    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(alice.user.pk)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"phone": "hello"}, {"phone": "not a phone number"}),
        ({"phone": ""}, {"phone": "required"}),
        ({"terms": ""}, {"terms": "nobody can join"}),
    ],
)
def test_names_what_is_wrong_at_the_field(client, answers, words):
    answer = ask(client, **answers)

    errors = answer.context["form"].errors
    assert answer.status_code == 422
    assert list(errors) == list(words)
    assert all(word in str(errors[field]) for field, word in words.items())
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥", "12345\x00", "9" * 5000]
)
def test_what_is_no_code_costs_no_try(client, code):
    ask(client)

    answer = client.post(PAGE, {"code": code})

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == ["code"]


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

    assert ask(client).status_code == 403
    assert not Delivery.objects.exists()


def visible(page):
    return [line for line in page.decode().splitlines() if "csrfmiddlewaretoken" not in line]
