"""Short ways to call the API in tests."""

from rest_framework.test import APIClient

from medbook import clock
from members.services.tokens import issue_tokens

ROOT = "/api/v1/"
PROBLEM = "application/problem+json"


def caller(someone=None, **headers):
    """Make a client that calls as a member or user, by a fresh token, or as a stranger."""
    return APIClient(headers={**headers, **token_of(someone)})


def token_of(someone):
    """Return the header that says who calls; none for a stranger."""
    if someone is None:
        return {}
    user = getattr(someone, "user", someone)
    access = issue_tokens(user=user, now=clock.now()).access
    return {"Authorization": f"Bearer {access}"}


def refusal(answer):
    """Return status and code of a no, which is worded as RFC 9457 asks."""
    body = answer.json()
    assert answer["Content-Type"] == PROBLEM
    assert {"type", "title", "status", "detail", "code", "request_id"} <= body.keys()
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer["X-Request-Id"]
    assert body["detail"]
    return answer.status_code, body["code"]


def wrong_fields(answer):
    """Return the fields that a 422 names, each with its code."""
    assert refusal(answer) == (422, "invalid"), answer.content
    return {line["field"]: line["code"] for line in answer.json()["errors"]}
