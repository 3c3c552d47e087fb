"""Every no under /api/ is a problem document; every answer says where its caller stands."""

import json

import psycopg
import pytest
import time_machine
from django.core.cache import caches
from django.db import OperationalError, connection

from medbook import clock
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return caller(member_with_patient())


def post(client, body, path="appointments/", content_type="application/json", **headers):
    headers.setdefault("Idempotency-Key", "k")
    return client.generic("POST", ROOT + path, body, content_type=content_type, headers=headers)


@pytest.mark.parametrize(
    "path", ["", "nothing/", "appointments", "appointments/1/", "%00/", "me/x.css"]
)
def test_an_unknown_address_is_not_found(path):
    assert refusal(caller().get(ROOT + path)) == (404, "not_found")


def test_a_missing_slash_is_not_led_elsewhere(alice):
    assert refusal(alice.post(ROOT + "appointments", {})) == (404, "not_found")


@pytest.mark.parametrize("method", ["put", "delete", "options", "trace", "patch"])
def test_other_methods_are_not_allowed(method):
    answer = getattr(caller(), method)(ROOT + "schedules/")

    assert refusal(answer) == (405, "method_not_allowed")
    assert "GET" in answer["Allow"]


def test_only_json_is_answered():
    assert refusal(caller(Accept="text/html").get(ROOT + "schedules/")) == (406, "not_acceptable")


def test_only_json_is_read(alice):
    answer = post(alice, "pay=desk", content_type="application/x-www-form-urlencoded")

    assert refusal(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "",
        "[" * 1_000_000,
        '{"a":' * 100_000,
        '{"reason": NaN}',
        '{"reason": Infinity}',
        '{"reason": 1e400}',
        '{"reason": ' + "9" * 5000 + "}",
        '{"pay": "desk", "pay": "desk"}',
        b'{"reason": "\xff"}',
        '\ufeff{"reason": "x"}',
    ],
    ids=str,
)
def test_what_is_no_json_cannot_be_read(alice, body):
    answer = post(alice, body)

    assert refusal(answer) in [(400, "malformed"), (422, "invalid")]
    assert body == "" or answer.status_code == 400


def test_a_body_over_one_mebibyte_is_too_large(alice):
    assert refusal(post(alice, "x" * (1024 * 1024 + 1))) == (413, "too_large")
    assert refusal(caller().post(ROOT + "auth/token/", "x" * 1024**2)) == (413, "too_large")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("reason", "a\x00b", "null_characters_not_allowed"),
        ("reason", 5, "wrong_type"),
        ("reason", ["x"], "wrong_type"),
        ("reason", {"x": 1}, "wrong_type"),
        ("reason", True, "wrong_type"),
        ("reason", "x" * 501, "max_length"),
        ("patient", 12345, "wrong_type"),
        ("patient", "12345", "invalid"),
        ("pay", "cheque", "invalid_choice"),
        ("pay", None, "null"),
        ("starts_at", "2026-11-30T09:00:00", "no_offset"),
        ("starts_at", "2026-02-30T09:00:00+08:00", "invalid"),
        ("starts_at", "9999-12-31T23:59:59-12:00", "overflow"),
        ("starts_at", "0001-01-01T00:00:00+12:00", "overflow"),
        ("starts_at", 1e18, "wrong_type"),
        ("price", "0.01", "unknown_field"),
        ("a\x00", "", "unknown_field"),
    ],
)
def test_a_wrong_field_is_named(alice, field, value, code):
    schedule = schedule_with_slots(1)
    patient = "00000000-0000-0000-0000-000000000000"
    body = {"schedule": str(schedule.uid), "patient": patient, "pay": "desk", field: value}

    assert wrong_fields(post(alice, json.dumps(body)))[field] == code


@pytest.mark.parametrize("body", ['{"reason": "\\ud800"}', '{"\\udfff": 1}', '"\\ud83d"'])
def test_half_a_character_is_refused(alice, body):
    assert wrong_fields(post(alice, body)) == {"": "surrogate_characters_not_allowed"}


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", "true", "[[]]"])
def test_a_body_that_is_no_object_is_refused(alice, body):
    assert refusal(post(alice, body)) == (422, "invalid")


@pytest.mark.parametrize(
    "query",
    ["?color=red", "?doctor=&doctor=", "?format=xml", "?page_size=1&page_size=2", "?\x00=1"],
)
def test_an_unknown_or_doubled_parameter_is_refused(query):
    assert refusal(caller().get(ROOT + "schedules/" + query)) == (400, "unknown_parameter")


def test_an_address_without_query_knows_no_parameter(alice):
    assert refusal(alice.get(ROOT + "me/?x=1")) == (400, "unknown_parameter")
    assert refusal(alice.post(ROOT + "appointments/?page_size=5", {})) == (400, "unknown_parameter")


def test_a_stranger_is_asked_for_a_token():
    answer = caller().get(ROOT + "me/")

    assert refusal(answer) == (401, "authentication_required")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer a.b.c", "Bearer", "Bearer a b"])
def test_a_bad_token_is_refused_even_where_none_is_needed(header):
    answer = caller(Authorization=header).get(ROOT + "schedules/")

    assert refusal(answer) == (401, "authentication_required")
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_the_pages_cookie_opens_nothing(client):
    member = member_with_patient()
    client.force_login(member.user)

    assert refusal(client.get(ROOT + "me/")) == (401, "authentication_required")


def test_staff_without_the_permission_is_turned_away_and_that_is_logged():
    desk = UserFactory(username="desk", is_staff=True)
    address = ROOT + "admin/schedules/00000000-0000-0000-0000-000000000000/call-off/"

    answer = caller(desk).post(address, {"reason": "ill"})

    assert refusal(answer) == (403, "permission_denied")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT actor_uid, outcome FROM audit_operationlog WHERE action = 'access.denied'"
        )
        assert cursor.fetchall() == [(desk.uid, "denied")]


def test_the_language_is_that_of_the_header_and_of_no_cookie():
    client = caller()
    client.cookies["django_language"] = "zh-hans"

    english = client.get(ROOT + "me/")
    chinese = client.get(ROOT + "me/", headers={"Accept-Language": "zh-hans"})

    assert english["Content-Language"] == "en"
    assert chinese["Content-Language"] == "zh-hans"
    assert "Accept-Language" in english["Vary"]


def test_private_answers_are_kept_by_nobody(alice):
    for answer in (alice.get(ROOT + "me/"), caller().get(ROOT + "me/"), caller().get("/api/")):
        assert answer["Cache-Control"] == "no-store"
        assert "Authorization" in answer["Vary"]
        assert not answer.cookies


@pytest.mark.parametrize("path", ["schedules/", "nothing/", "me/", "schema/"])
def test_every_answer_says_where_the_caller_stands(path):
    answer = caller().get(ROOT + path, headers={"X-Request-Id": "00000000-from-a-friend"})

    assert answer["X-Request-Id"] == "00000000-from-a-friend"
    assert answer["RateLimit-Limit"] == "3000"
    assert int(answer["RateLimit-Remaining"]) == 2999
    assert 1 <= int(answer["RateLimit-Reset"]) <= 60


@pytest.fixture(autouse=True)
def _nobody_counted():
    """Count from nothing, in the midst of one minute: the next one would count anew."""
    caches["process"].clear()
    with time_machine.travel(clock.now().replace(second=30), tick=False):
        yield
    caches["process"].clear()


def test_a_network_that_asks_too_often_waits(settings):
    settings.API_RATE_LIMITS_PER_MINUTE = {"network": 2, "read": 600, "write": 120}
    for _ in range(2):
        assert caller().get(ROOT + "schedules/").status_code == 200

    for path in ("schedules/", "nothing/", "me/"):
        answer = caller().get(ROOT + path)
        assert refusal(answer) == (429, "rate_limited")
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert answer["RateLimit-Remaining"] == "0"


def test_an_account_has_its_own_limits_for_reads_and_writes(settings):
    settings.API_RATE_LIMITS_PER_MINUTE = {"network": 1, "read": 2, "write": 1}
    alice, bo = caller(member_with_patient()), caller(member_with_patient())

    assert [alice.get(ROOT + "me/").status_code for _ in range(3)] == [200, 200, 429]
    assert [alice.post(ROOT + "appointments/", {}).status_code for _ in range(2)] == [400, 429]
    assert bo.get(ROOT + "me/").status_code == 200


def test_limits_can_be_switched_off_for_measuring(settings):
    settings.API_RATE_LIMITS_PER_MINUTE = {"network": 1, "read": 1, "write": 1}
    settings.API_RATE_LIMITED = False

    assert [caller().get(ROOT + "schedules/").status_code for _ in range(3)] == [200] * 3


def test_limits_hold_in_this_process_while_redis_is_away(settings):
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"IGNORE_EXCEPTIONS": True, "SOCKET_CONNECT_TIMEOUT": 0.2},
        },
    }
    settings.API_RATE_LIMIT_CACHES = ["default", "process"]
    settings.API_RATE_LIMITS_PER_MINUTE = {"network": 1, "read": 1, "write": 1}

    assert [caller().get(ROOT + "schedules/").status_code for _ in range(2)] == [200, 429]


def test_a_bug_is_answered_without_a_word_about_it():
    def broken(*args):
        raise RuntimeError("secret of the house")

    client = caller()
    client.raise_request_exception = False
    with connection.execute_wrapper(broken):
        answer = client.get(ROOT + "schedules/")

    assert refusal(answer) == (500, "server_error")
    assert b"secret" not in answer.content
    assert "RateLimit-Limit" in answer


def test_a_strange_host_is_refused():
    answer = caller(Host="evil.example").get(ROOT + "schedules/")

    assert refusal(answer) == (400, "malformed")


def test_asking_for_the_head_answers_like_the_whole():
    whole, head = caller().get(ROOT + "schedules/"), caller().head(ROOT + "schedules/")

    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == whole["Content-Length"]


def test_a_database_that_is_away_is_said_so_with_a_time_to_come_back(alice):
    def away(*args):
        raise OperationalError("the server closed the connection") from psycopg.OperationalError()

    with connection.execute_wrapper(away):
        answer = alice.get(ROOT + "me/")

    assert refusal(answer) == (503, "unavailable")
    assert int(answer["Retry-After"]) >= 1
