"""Do tokens stand for living sign-ins, and only for them?"""

import base64
import json
from datetime import timedelta

import jwt
import pytest
import time_machine
from rest_framework.test import APIClient

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import Member, TokenFamily, User
from members.selectors.people import own_patient
from members.services.tokens import issue_tokens
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import UserFactory
from tests.members.people import NUMBER, PASSWORD, PHONE, asked, joined

pytestmark = pytest.mark.django_db

TOKEN, REFRESH, LOGOUT = (f"{ROOT}auth/{name}/" for name in ("token", "token/refresh", "logout"))
REGISTER, ME = f"{ROOT}auth/register/", f"{ROOT}me/"


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


def test_known_and_unknown_numbers_register_alike(api, alice):
    known = api.post(REGISTER, asked())
    unknown = api.post(REGISTER, asked(phone="+8613912340002"))

    assert (known.status_code, known.content) == (201, unknown.content)
    assert unknown.status_code == 201
    assert Member.objects.count() == 2
    alice.user.refresh_from_db()
    assert alice.user.check_password(PASSWORD)


def test_registers_in_the_callers_language():
    APIClient(headers={"Accept-Language": "zh-hans"}).post(REGISTER, asked())

    assert Member.objects.get().user.language == "zh-hans"


def test_registers_without_an_identity_number(api):
    body = asked()
    del body["identity_number"]

    assert api.post(REGISTER, body).status_code == 201
    assert not own_patient(Member.objects.get()).has_identity


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"phone": "x"}, {"phone": "invalid"}),
        ({"name": "1"}, {"name": "invalid"}),
        ({"name": "Al\u0000ice"}, {"name": "null_characters_not_allowed"}),
        ({"password": "short"}, {"password": "invalid"}),
        ({"identity_number": "110105194912310021"}, {"identity_number": "identity_invalid"}),
        ({"tier": "jade"}, {"tier": "unknown_field"}),
        ({"is_staff": True}, {"is_staff": "unknown_field"}),
        ({"username": "root"}, {"username": "unknown_field"}),
        ({"id": "1", "state": "verified"}, {"id": "unknown_field", "state": "unknown_field"}),
        ({"phone": None}, {"phone": "null"}),
    ],
)
def test_registering_judges_shape_and_refuses_what_nobody_is_asked(api, changes, fields):
    assert wrong_fields(api.post(REGISTER, asked(**changes))) == fields
    assert not Member.objects.exists()


def test_nothing_registered_is_told_to_others(api, alice):
    bo = joined(identity_number=NUMBER)

    told = caller(bo).get(f"{ROOT}patients/").content.decode()

    assert str(own_patient(alice).uid) not in told
