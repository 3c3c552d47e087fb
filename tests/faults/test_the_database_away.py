"""What does MedBook answer while PostgreSQL is away, and does it come back by itself?"""

import time

import pytest

ADDRESSES = ["/en/", "/zh-hans/doctors/", "/admin/login/", "/api/v1/departments/"]


@pytest.fixture
def away(medbook):
    """Stop the database for one test."""
    medbook.database.stop()
    yield medbook
    if not medbook.database.is_running:
        medbook.database.start()
    medbook.wait_until_ready(10)


def test_answers_503_within_three_seconds_and_recovers_without_restart(away):
    worker = {child.pid for child in away.web_workers()}
    for address in ADDRESSES:
        began = time.monotonic()
        status, headers, body = away.ask("GET", address, accept="text/html")

        assert (status, address) == (503, address)
        assert int(headers["Retry-After"]) > 0
        assert time.monotonic() - began < 3
        assert "Traceback" not in str(body)
    assert away.ask("GET", "/api/v1/departments/")[2]["code"] == "unavailable"
    assert away.ask("GET", "/readyz")[0] == 503
    assert away.ask("GET", "/livez")[0] == 200

    away.database.start()
    away.wait_until_ready(10)

    for address in ADDRESSES:
        assert away.ask("GET", address, accept="text/html")[0] == 200
    assert {child.pid for child in away.web_workers()} == worker


def test_a_write_in_that_moment_is_answered_and_leaves_nothing(away):
    status, headers, answer = away.ask(
        "POST",
        "/api/v1/auth/token/",
        {"phone": "+8613800000003", "password": "medbook-demo"},
    )

    assert (status, answer["code"]) == (503, "unavailable")
    assert headers["Retry-After"]
