"""The API document is true: what it says is answered, and nothing else."""

from io import StringIO
from uuid import uuid4

import pytest
import schemathesis
from django.apps import apps
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import close_old_connections
from django.db.models import Field
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from jsonschema import Draft202012Validator, FormatChecker
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from medbook.api import CODE_BY_STATUS, STATUS_BY_CODE
from tests.api import PROBLEM, ROOT, caller, refusal, token_of, wrong_fields
from tests.appointments.booking import book
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

DOCUMENT = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
WRITES = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, method, operation in OPERATIONS
    if "requestBody" in operation
]


def resolved(part):
    """Follow a reference within the document."""
    *_, kind, name = ["", *part.get("$ref", "").split("/")]
    return DOCUMENT["components"][kind][name] if name else part


def body_of(operation):
    content = operation["requestBody"]["content"]
    assert list(content) == ["application/json"]
    return resolved(content["application/json"]["schema"])


def a_caller_for(path):
    if "/admin/" in path:
        return caller(UserFactory(username="root", is_staff=True, is_superuser=True))
    return caller(member_with_patient())


def a_caller_of(path):
    """Make a caller and an address: of what is theirs where that is asked before the body."""
    if not path.endswith("/appointments/{uid}/reschedule/"):
        return a_caller_for(path), path.replace("{uid}", str(uuid4()))
    member = member_with_patient()
    visit = book(member, schedule_with_slots(1))
    return caller(member), path.replace("{uid}", str(visit.uid))


def test_the_document_is_written_without_warnings():
    errors = StringIO()

    call_command("spectacular", validate=True, fail_on_warn=True, stdout=errors, stderr=errors)

    assert "openapi: 3.1" in errors.getvalue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "kind", "beginning"),
    [
        ("*/*", "application/vnd.oai.openapi", "openapi:3.1"),
        ("application/yaml", "application/yaml", "openapi:3.1"),
        ("application/json", "application/json", '{"openapi":"3.1'),
    ],
)
def test_the_document_is_served_as_yaml_and_json(accept, kind, beginning):
    answer = caller(Accept=accept).get(ROOT + "schema/")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(kind)
    assert "".join(answer.content.decode().split()).startswith(beginning)


@pytest.mark.django_db
def test_the_page_for_people_keeps_to_the_strict_policy(client):
    answer = client.get(ROOT + "docs/")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    policy = answer["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert f'data-schema="{ROOT}schema/"' in page


@pytest.mark.django_db
def test_the_page_for_people_answers_other_methods_like_the_rest(client):
    assert refusal(client.post(ROOT + "docs/")) == (405, "method_not_allowed")


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_every_operation_is_named_described_and_says_how_it_refuses(path, method, operation):
    assert operation["operationId"]
    assert operation["description"]
    answers = {int(status): resolved(said) for status, said in operation["responses"].items()}
    problems = {status: answer for status, answer in answers.items() if status >= 400}
    assert {406, 429, 503} <= problems.keys()
    for status, answer in problems.items():
        [kind] = answer["content"]
        assert kind == PROBLEM
        codes = answer["content"][PROBLEM]["schema"]["allOf"][1]["properties"]["code"]["enum"]
        for code in codes:
            if code in STATUS_BY_CODE:
                assert STATUS_BY_CODE[code] == status
            if code in CODE_BY_STATUS.values():
                assert CODE_BY_STATUS[status] == code


@pytest.mark.parametrize(("path", "method", "operation"), WRITES)
def test_bodies_are_closed_and_their_texts_and_numbers_bounded(path, method, operation):
    body = body_of(operation)

    assert body["additionalProperties"] is False
    for name, field in body.get("properties", {}).items():
        field = resolved(field)
        for choice in field.get("oneOf", [field]):
            choice = resolved(choice)
            if choice.get("type") == "string" and not {"format", "enum"} & choice.keys():
                assert "maxLength" in choice, name
            if choice.get("type") in ("integer", "number"):
                assert {"minimum", "maximum"} <= choice.keys(), name


WRONG_TYPES = [5, 1.5, True, [], {}, ["x"], {"x": "y"}, -(2**70), 2**70, 1e300, "\x00", "5\x00"]
FITTING = {"integer": 5, "boolean": True}


def kinds_of(field):
    """List the JSON types that a field may have; null is written beside another."""
    kinds = resolved(field).get("type")
    return kinds if isinstance(kinds, list) else [kinds]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method", "operation"), WRITES)
def test_wrong_types_are_refused_field_by_field(path, method, operation, settings):
    settings.API_RATE_LIMITED = False
    client, address = a_caller_of(path)
    headers = {"Idempotency-Key": "k"}
    for name, field in body_of(operation).get("properties", {}).items():
        for value in WRONG_TYPES:
            if any(FITTING.get(kind) == value for kind in kinds_of(field)):
                continue
            answer = getattr(client, method)(address, {name: value}, headers=headers)
            assert name in {field.partition(".")[0] for field in wrong_fields(answer)}, value


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method", "operation"), WRITES)
def test_no_column_of_any_table_can_be_slipped_in(path, method, operation, settings):
    settings.API_RATE_LIMITED = False
    own = body_of(operation).get("properties", {}).keys()
    columns = {
        field.name
        for model in apps.get_models()
        if model._meta.app_label in ("members", "scheduling", "billing", "appointments")
        for field in model._meta.get_fields()
        if isinstance(field, Field)
    }
    client, address = a_caller_of(path)
    slipped = dict.fromkeys(columns - own, "1")

    answer = getattr(client, method)(address, slipped, headers={"Idempotency-Key": "k"})

    assert {"tier", "is_staff", "price", "member"} <= columns
    assert wrong_fields(answer) == dict.fromkeys(slipped, "unknown_field")


fuzzed = schemathesis.openapi.from_dict(DOCUMENT)
fuzzed.app = WSGIHandler()


@pytest.fixture
def callers(db):
    """Return the headers of callers, for a server that keeps the test's database connection."""
    root = UserFactory(username="root", is_staff=True, is_superuser=True)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield {"staff": token_of(root), "member": token_of(member_with_patient())}
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@fuzzed.parametrize()
@hypothesis_settings(
    max_examples=5,  # on top of the tool's own list of edge cases
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_is_answered_as_documented(case, callers, settings):
    settings.API_RATE_LIMITED = False
    case.call_and_validate(
        headers=callers["staff" if "/admin/" in case.path else "member"],
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_headers_conformance,
            response_schema_conformance,
        ],
    )


def conforms(answer, path, method="get"):
    """Return what was answered, once it is found to be what the document says."""
    answers = DOCUMENT["paths"][ROOT + path][method]["responses"]
    documented = resolved(answers[str(answer.status_code)])
    for header in documented["headers"].keys() - {"Idempotent-Replay", "Retry-After"}:
        assert answer.has_header(header)
    content = documented["content"][answer["Content-Type"].partition(";")[0]]["schema"]
    rules = {**content, "components": DOCUMENT["components"]}
    checker = Draft202012Validator(rules, format_checker=FormatChecker())
    checker.validate(answer.json())
    return answer.json()


@pytest.mark.django_db
def test_a_story_from_sign_in_to_cancelling_is_told_as_documented():
    schedule, member = schedule_with_slots(3), member_with_patient()
    door = caller()
    credentials = {"phone": member.phone.reveal(), "password": "medbook-demo"}
    tokens = conforms(door.post(ROOT + "auth/token/", credentials), "auth/token/", "post")
    alice = caller(Authorization=f"Bearer {tokens['access']}")
    [patient] = conforms(alice.get(ROOT + "patients/"), "patients/")["results"]
    [session] = conforms(alice.get(ROOT + "schedules/"), "schedules/")["results"]
    slots = f"schedules/{session['id']}/slots/"
    first, *_ = conforms(alice.get(ROOT + slots), "schedules/{uid}/slots/")["results"]
    wish = {"patient": patient["id"], "schedule": session["id"], "slot": first["id"]}

    def ask(**more):
        return alice.post(
            ROOT + "appointments/", {**wish, **more}, headers={"Idempotency-Key": "k"}
        )

    held = conforms(ask(), "appointments/", "post")
    conforms(ask(), "appointments/", "post")
    other = conforms(ask(pay="desk"), "appointments/", "post")
    assert other["code"] == "idempotency_key_reused"
    for verb, body, status in [
        ("confirm", {}, 422),
        ("confirm", {"pay": "desk"}, 200),
        ("extend", {}, 409),
        ("cancel", {}, 200),
        ("cancel", {}, 409),
    ]:
        answer = alice.post(f"{ROOT}appointments/{held['id']}/{verb}/", body)
        assert answer.status_code == status
        conforms(answer, f"appointments/{{uid}}/{verb}/", "post")
    conforms(alice.get(f"{ROOT}appointments/{held['id']}/"), "appointments/{uid}/")
    assert conforms(alice.get(ROOT + "appointments/"), "appointments/")["results"]
    assert schedule.slots.filter(state="free").count() == 3
