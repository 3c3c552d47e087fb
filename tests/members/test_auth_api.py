"""Do tokens stand for living sign-ins, and only for them?"""

import base64
import json
from datetime import date, timedelta

import jwt
import pytest
import time_machine
from rest_framework.test import APIClient

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import ConsentPurpose
from members.models import Member, TokenFamily, User
from members.selectors.people import own_patient
from members.services.consents import record_consents
from members.services.tokens import issue_tokens
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import book
from tests.factories import UserFactory, resident_id, schedule_with_slots
from tests.members.people import (
    NAME,
    NUMBER,
    PASSWORD,
    PHONE,
    code_sent,
    hashes,
    joined,
    wrong,
)

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, LOGOUT = (f"{ROOT}auth/{name}/" for name in ("token", "token/refresh", "logout"))
REGISTER, ME = f"{ROOT}auth/register/", f"{ROOT}me/"
CODES, PASSWORD_RESET = f"{ROOT}auth/codes/", f"{ROOT}auth/password/"


@pytest.fixture
def api():
    return APIClient()


@pytest.fixture
def alice():
    return joined(phone=PHONE)


@pytest.fixture
def pair(alice):
    return issue_tokens(user=alice.user, now=clock.now())


def bearing(token):
    return APIClient(headers={"Authorization": f"Bearer {token}"})


def claims_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def forged(claims, key=None, algorithm="HS256", headers=None, **changes):
    from_settings = base64.b64decode(base64.b64encode(bytes([4]) * 32))
    changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(changed, key or from_settings, algorithm, headers=headers)


def test_a_member_signs_in_by_phone(api, alice):
    answer = api.post(TOKEN, {"phone": "139 1234 0001", "password": PASSWORD})

    body = answer.json()
    claims = claims_of(body["access"])
    assert answer.status_code == 200
    assert (body["expires_in"], body["role"]) == (300, "MEMBER")
    assert claims["sub"] == str(alice.user.uid)
    assert (claims["iss"], claims["aud"], claims["role"]) == ("medbook", "medbook-api", "MEMBER")
    assert claims["exp"] - claims["iat"] == 300
    assert claims["token_version"] == alice.user.token_version
    assert claims["jti"] != claims_of(body["refresh"])["jti"]
    assert bearing(body["access"]).get(ME).json()["number"] == alice.number
    assert PHONE[3:] not in json.dumps(claims)


def test_staff_signs_in_by_user_name(api):
    UserFactory(username="desk", is_staff=True, password=PASSWORD)

    answer = api.post(TOKEN, {"username": "desk", "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.json()["role"] == "ADMIN"
    assert claims_of(answer.json()["access"])["role"] == "ADMIN"


def test_signing_in_is_written_down(api, alice):
    api.post(TOKEN, {"phone": PHONE, "password": PASSWORD})

    row = OperationLog.objects.get(action="sign_in.succeeded")
    assert (row.subject_uid, row.channel, row.ip) == (alice.user.uid, "api", "127.0.0.1")


def test_wrong_credentials_are_answered_alike(api, alice):
    closed = joined(phone="+8613912340009")
    User.objects.filter(pk=closed.user.pk).update(is_active=False)
    tries = [
        {"phone": PHONE, "password": "a wrong phrase"},
        {"phone": "+8613900000000", "password": PASSWORD},
        {"phone": "+8613912340009", "password": PASSWORD},
        {"username": alice.number, "password": PASSWORD},
        {"username": "nobody", "password": PASSWORD},
    ]

    answers = [api.post(TOKEN, body) for body in tries]

    assert {refusal(answer) for answer in answers} == {(401, "invalid_credentials")}
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert all(body == bodies[0] for body in bodies)
    assert all(answer["WWW-Authenticate"].startswith("Bearer") for answer in answers)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"phone": PHONE}, {"password": "required"}),
        ({"password": PASSWORD}, {"phone": "required"}),
        ({"phone": PHONE, "username": "desk", "password": PASSWORD}, {"phone": "required"}),
        ({"phone": "x", "password": PASSWORD}, {"phone": "invalid"}),
        ({"username": "desk", "code": "123456"}, {"code": "required"}),
        ({"phone": PHONE, "password": PASSWORD, "code": "123456"}, {"code": "required"}),
        ({"phone": PHONE, "code": "12345"}, {"code": "invalid"}),
        ({"phone": PHONE, "password": PASSWORD, "role": "ADMIN"}, {"role": "unknown_field"}),
        ({"phone": 13912340001, "password": PASSWORD}, {"phone": "wrong_type"}),
    ],
)
def test_the_shape_of_credentials_is_judged_first(api, alice, body, fields):
    assert wrong_fields(api.post(TOKEN, body)) == fields


def test_cookies_let_nobody_in(client, alice):
    client.force_login(alice.user)

    assert refusal(client.get(ME)) == (401, "authentication_required")


def test_tokens_open_no_page(client, pair):
    page = client.get("/en/membership/", headers={"Authorization": f"Bearer {pair.access}"})

    assert not page.context["member"]


def test_no_token_is_refused_with_a_challenge(api):
    answer = api.get(ME)

    assert refusal(answer) == (401, "authentication_required")
    assert answer["WWW-Authenticate"] == 'Bearer realm="medbook"'


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another-api"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"exp": 1},
        {"exp": None},
        {"nbf": 9999999999},
        {"jti": None},
        {"token_type": "refresh"},
        {"token_type": None},
        {"sub": "00000000-0000-0000-0000-000000000000"},
        {"sub": None},
        {"family": "00000000-0000-0000-0000-000000000000"},
        {"family": "x"},
        {"family": None},
        {"token_version": 99},
        {"token_version": None},
    ],
    ids=str,
)
def test_a_token_with_other_claims_is_refused(pair, change):
    claims = claims_of(pair.access)

    assert bearing(forged(claims)).get(ME).status_code == 200  # the forger has the key
    answer = bearing(forged(claims, **change)).get(ME)

    assert refusal(answer) == (401, "authentication_required")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_of_another_key_or_algorithm_is_refused(pair, settings):
    claims = claims_of(pair.access)
    nobody = jwt.encode(claims, None, algorithm="none")
    tokens = [
        nobody,
        nobody.rsplit(".", 1)[0] + "." + pair.access.rsplit(".", 1)[1],
        forged(claims, key=b"x" * 32),
        forged(claims, key=settings.SECRET_KEY.encode()),
        forged(claims, algorithm="HS512"),
        forged(claims, key=b"x" * 32, headers={"jku": "https://evil.example/keys"}),
        forged(claims, key=b"x" * 32, headers={"kid": "../../dev/null"}),
        pair.access[:-2],
        pair.access + "A",
        "a.b.c",
        "",
        "null",
    ]

    for token in tokens:
        assert bearing(token).get(ME).status_code == 401, token


def test_every_changed_character_breaks_a_token(pair):
    for place in range(0, len(pair.access) - 1, 7):
        other = "A" if pair.access[place] != "A" else "B"
        mutated = pair.access[:place] + other + pair.access[place + 1 :]

        assert bearing(mutated).get(ME).status_code == 401, place


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "Basic YTpi", "bearer ", "Token x"])
def test_other_headers_let_nobody_in(header):
    assert APIClient(headers={"Authorization": header}).get(ME).status_code == 401


def test_an_access_token_lasts_five_minutes(pair):
    with time_machine.travel(clock.now() + timedelta(minutes=4, seconds=58)):
        assert bearing(pair.access).get(ME).status_code == 200
    with time_machine.travel(clock.now() + timedelta(minutes=5, seconds=1)):
        assert bearing(pair.access).get(ME).status_code == 401


def test_a_refresh_token_opens_nothing(pair):
    assert bearing(pair.refresh).get(ME).status_code == 401


def test_an_access_token_is_exchanged_for_nothing(api, pair):
    assert refusal(api.post(REFRESH, {"refresh": pair.access})) == (401, "invalid_credentials")


def test_refresh_tokens_follow_one_another(api, pair):
    second = api.post(REFRESH, {"refresh": pair.refresh}).json()
    third = api.post(REFRESH, {"refresh": second["refresh"]}).json()

    assert bearing(third["access"]).get(ME).status_code == 200
    assert TokenFamily.objects.count() == 1


def test_a_refresh_token_that_comes_again_ends_its_family(api, pair, alice):
    second = api.post(REFRESH, {"refresh": pair.refresh}).json()

    again = api.post(REFRESH, {"refresh": pair.refresh})

    assert refusal(again) == (401, "invalid_credentials")
    assert bearing(second["access"]).get(ME).status_code == 401
    assert api.post(REFRESH, {"refresh": second["refresh"]}).status_code == 401
    row = OperationLog.objects.get(action="token_family.revoked")
    assert (row.reason, row.outcome) == ("token_reused", "denied")
    assert row.subject_uid == TokenFamily.objects.get().uid
    assert row.actor_uid == alice.user.uid


def test_another_sign_in_lives_on(api, pair, alice):
    other = issue_tokens(user=alice.user, now=clock.now())
    api.post(REFRESH, {"refresh": pair.refresh})
    api.post(REFRESH, {"refresh": pair.refresh})

    assert bearing(other.access).get(ME).status_code == 200


def test_a_refresh_token_lasts_fourteen_days(api, pair):
    with time_machine.travel(clock.now() + timedelta(days=14, seconds=1)):
        assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 401


def test_signing_out_ends_all_tokens_of_the_sign_in(api, pair):
    answer = bearing(pair.access).post(LOGOUT)

    assert (answer.status_code, answer.content) == (204, b"")
    assert bearing(pair.access).get(ME).status_code == 401
    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 401
    assert OperationLog.objects.get(action="token_family.revoked").reason == "logout"


def test_a_new_password_ends_all_tokens(api, pair, alice):
    alice.user.set_password("quite another phrase")
    alice.user.save()

    assert bearing(pair.access).get(ME).status_code == 401
    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 401


def test_a_closed_account_has_no_tokens(api, pair, alice):
    User.objects.filter(pk=alice.user.pk).update(is_active=False)

    assert bearing(pair.access).get(ME).status_code == 401
    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 401


def registering(**changes):
    """Have a code sent, and tell what a program then sends to join."""
    body = {"phone": PHONE, "terms": True, "sensitive_data": True, **changes}
    APIClient().post(CODES, {"phone": body["phone"], "purpose": "sign_up"})
    return {"code": code_sent(body["phone"]), **body}


def test_known_and_unknown_numbers_register_alike(api, alice):
    known = api.post(REGISTER, registering(password="another long phrase"))
    unknown = api.post(REGISTER, registering(phone="+8613912340002", password=PASSWORD))

    assert (known.status_code, known.content) == (201, unknown.content)
    assert unknown.status_code == 201
    assert Member.objects.count() == 2
    alice.user.refresh_from_db()
    assert alice.user.check_password(PASSWORD)


def test_known_and_unknown_numbers_take_as_many_hashes_to_register(api, alice, settings):
    settings.PASSWORD_HASHERS = ["tests.members.people.CountingArgon2"]
    known = registering(password="another long phrase")
    unknown = registering(phone="+8613912340002", password=PASSWORD)

    assert [hashes(lambda b=body: api.post(REGISTER, b)) for body in (known, unknown)] == [1, 1]


def test_registers_in_the_callers_language():
    APIClient(headers={"Accept-Language": "zh-hans"}).post(REGISTER, registering())

    assert Member.objects.get().user.language == "zh-hans"


def test_registers_with_nothing_but_a_phone(api):
    assert api.post(REGISTER, registering()).status_code == 201

    alice = Member.objects.get()
    assert not own_patient(alice).has_identity
    assert own_patient(alice).name is None
    assert not alice.user.has_usable_password()
    assert alice.consents.count() == 2


def test_registers_with_password_name_and_identity_number(api):
    body = registering(password=PASSWORD, name=NAME, identity_number=NUMBER, news=True)

    assert api.post(REGISTER, body).status_code == 201

    alice = Member.objects.get()
    assert alice.user.check_password(PASSWORD)
    assert own_patient(alice).name.reveal() == NAME
    assert own_patient(alice).identity_number.reveal() == NUMBER
    assert alice.consents.count() == 3


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"phone": "x"}, {"phone": "invalid"}),
        ({"name": "1"}, {"name": "invalid"}),
        ({"name": "Al\u0000ice"}, {"name": "null_characters_not_allowed"}),
        ({"password": "short"}, {"password": "invalid"}),
        ({"identity_number": "110105194912310021"}, {"identity_number": "identity_invalid"}),
        ({"code": "12345"}, {"code": "invalid"}),
        ({"code": 123456}, {"code": "wrong_type"}),
        ({"terms": False}, {"terms": "required"}),
        ({"sensitive_data": "yes"}, {"sensitive_data": "wrong_type"}),
        ({"tier": "jade"}, {"tier": "unknown_field"}),
        ({"is_staff": True}, {"is_staff": "unknown_field"}),
        ({"username": "root"}, {"username": "unknown_field"}),
        ({"id": "1", "state": "verified"}, {"id": "unknown_field", "state": "unknown_field"}),
        ({"phone": None}, {"phone": "null"}),
    ],
)
def test_registering_judges_shape_and_refuses_what_nobody_is_asked(api, changes, fields):
    body = {"code": "123456", "phone": PHONE, "terms": True, "sensitive_data": True, **changes}

    assert wrong_fields(api.post(REGISTER, body)) == fields
    assert not Member.objects.exists()


@pytest.mark.parametrize("missing", ["phone", "code", "terms"])
def test_registering_takes_a_phone_a_code_and_the_terms(api, missing):
    body = registering()
    del body[missing]

    assert wrong_fields(api.post(REGISTER, body)) == {missing: "required"}


def test_nobody_registers_the_phone_of_somebody_else(api):
    body = registering()

    answer = api.post(REGISTER, {**body, "code": wrong(body["code"])})

    assert wrong_fields(answer) == {"code": "code_invalid"}
    assert not Member.objects.exists()


def test_a_closed_account_is_not_registered_again(api, alice):
    User.objects.filter(pk=alice.user.pk).update(is_active=False)

    assert refusal(api.post(REGISTER, registering())) == (403, "account_closed")


def test_codes_are_sent_to_known_and_unknown_numbers_alike(api, alice):
    known = api.post(CODES, {"phone": PHONE, "purpose": "sign_in"})
    unknown = api.post(CODES, {"phone": "+8613900000000", "purpose": "sign_in"})

    assert (known.status_code, known.content) == (202, unknown.content)
    assert unknown.status_code == 202
    assert known.json()["expires_in"] == 300
    assert code_sent(PHONE)
    assert code_sent("+8613900000000") is None


def test_codes_are_sent_once_a_minute(api, alice):
    body = {"phone": PHONE, "purpose": "sign_in"}
    api.post(CODES, body)

    answer = api.post(CODES, body)

    assert refusal(answer) == (429, "rate_limited")
    assert 0 < int(answer["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"phone": PHONE}, {"purpose": "required"}),
        ({"phone": PHONE, "purpose": "new_phone"}, {"purpose": "invalid_choice"}),
        ({"phone": "x", "purpose": "sign_in"}, {"phone": "invalid"}),
        ({"phone": PHONE, "purpose": "sign_in", "code": "1"}, {"code": "unknown_field"}),
    ],
)
def test_the_shape_of_a_wish_for_a_code_is_judged(api, body, fields):
    assert wrong_fields(api.post(CODES, body)) == fields


def test_a_member_signs_in_by_code(api, alice):
    api.post(CODES, {"phone": PHONE, "purpose": "sign_in"})

    answer = api.post(TOKEN, {"phone": PHONE, "code": code_sent(PHONE)})

    assert answer.status_code == 200
    assert bearing(answer.json()["access"]).get(ME).json()["number"] == alice.number


@pytest.mark.parametrize("phone", [PHONE, "+8613900000000"])
def test_a_wrong_code_is_answered_like_a_wrong_password(api, alice, phone):
    api.post(CODES, {"phone": phone, "purpose": "sign_in"})

    answer = api.post(TOKEN, {"phone": phone, "code": wrong(code_sent(PHONE) or "000000")})

    assert refusal(answer) == (401, "invalid_credentials")


def test_after_a_long_time_a_code_alone_is_too_little(api, alice):
    User.objects.filter(pk=alice.user.pk).update(last_login=clock.now() - timedelta(days=91))
    api.post(CODES, {"phone": PHONE, "purpose": "sign_in"})
    body = {"phone": PHONE, "code": code_sent(PHONE)}
    ending = own_patient(alice).identity_number.reveal()[-6:]

    asked = api.post(TOKEN, body)
    answer = api.post(TOKEN, {**body, "document_ending": ending})

    assert refusal(asked) == (401, "document_ending_required")
    assert answer.status_code == 200


def test_a_code_sets_a_new_password(api, alice, pair):
    api.post(CODES, {"phone": PHONE, "purpose": "reset_password"})
    body = {"phone": PHONE, "code": code_sent(PHONE), "password": "quite another phrase"}

    refused = api.post(PASSWORD_RESET, {**body, "code": wrong(body["code"])})
    weak = api.post(PASSWORD_RESET, {**body, "password": "password123"})
    answer = api.post(PASSWORD_RESET, body)

    assert wrong_fields(refused) == {"code": "code_invalid"}
    assert wrong_fields(weak) == {"password": "invalid"}
    assert (answer.status_code, answer.content) == (204, b"")
    assert bearing(pair.access).get(ME).status_code == 401
    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 401
    alice.user.refresh_from_db()
    assert alice.user.check_password("quite another phrase")


def patients_of_newcomer(api, **said):
    """Register a program's user, sign in, and read the list of patients but for the ids."""
    body = registering(password=PASSWORD, **said)
    assert api.post(REGISTER, body).status_code == 201
    member = Member.objects.order_by("id").last()
    (row,) = caller(member).get(f"{ROOT}patients/").json()["results"]
    one = caller(member).get(f"{ROOT}patients/{row['id']}/").json()
    assert one == row
    return {name: value for name, value in row.items() if name != "id"}


@pytest.mark.parametrize("name", [{"name": "Bo"}, {}])
def test_known_and_unknown_identity_numbers_register_alike(api, name):
    alice = joined(phone=PHONE, identity_number=NUMBER)
    born = date(1949, 12, 31)
    twin = next(n for i in range(3, 999) if (n := resident_id(i, born))[-2:] == NUMBER[-2:])

    known = patients_of_newcomer(api, phone="+8613912340003", identity_number=NUMBER, **name)
    unknown = patients_of_newcomer(api, phone="+8613912340004", identity_number=twin, **name)

    assert known == unknown
    assert known["has_identity"]
    assert known["name"] == name.get("name", "Unnamed patient")
    assert own_patient(alice).links.count() == 2


def test_nothing_registered_is_told_to_others(api):
    alice = joined(identity_number=NUMBER)
    record_consents(member=alice, purposes=list(ConsentPurpose), now=clock.now())
    book(alice, schedule_with_slots())
    bo = joined(identity_number=NUMBER, name="Bo")

    lists = {
        whose: [caller(whose).get(f"{ROOT}{path}/") for path in ("patients", "appointments")]
        for whose in (alice, bo)
    }

    assert NAME in lists[alice][0].content.decode()
    assert NAME not in lists[bo][0].content.decode()
    assert [len(lists[whose][1].json()["results"]) for whose in (alice, bo)] == [1, 0]
