"""What does MedBook answer while PostgreSQL is away, and does it come back by itself?"""

import re
import time

import pytest

from tests.faults.booking import bookable_schedule, own_patient, sign_in, states

PAGES = ["/en/", "/zh-hans/doctors/", "/en/appointments/", "/admin/"]
API = ["/api/v1/schedules/", "/api/v1/departments/", "/api/v1/auth/token/"]
WELL = (200, 302)
LONGEST_SECONDS = 3
BACK_SECONDS = 10


def crash(database):
    """Kill PostgreSQL as a power cut would."""
    database._process.kill()
    database._process.wait()


@pytest.fixture(params=["stopped", "killed"])
def away(medbook, request):
    """Take the database away for one test."""
    assert medbook.ask("GET", PAGES[0])[0] == 200
    if request.param == "stopped":
        medbook.database.stop()
    else:
        crash(medbook.database)
    yield medbook
    if not medbook.database.is_running:
        medbook.database.start()
    medbook.wait_until_ready(BACK_SECONDS)


def ask(medbook, path):
    """Ask the natural way; return status, headers, body and how long it took."""
    body = {"phone": "+8613800000003", "password": "medbook-demo"} if "token" in path else None
    cookie = None if path.startswith("/api/") else f"sessionid={'x' * 32}"
    began = time.monotonic()
    answer = medbook.ask("POST" if body else "GET", path, body, cookie=cookie)
    return *answer, time.monotonic() - began


def test_answers_503_in_time_and_recovers_without_restart(away):
    workers = set(away.web_workers())

    for path in (*PAGES, *API):
        status, headers, body, seconds = ask(away, path)
        assert (path, status) == (path, 503)
        assert int(headers["Retry-After"]) > 0
        assert seconds < LONGEST_SECONDS
        assert headers["X-Request-Id"]
        assert "no-store" in headers["Cache-Control"]
        assert not re.search("Traceback|psycopg|connection|socket", str(body))
        if path in API:
            assert (body["code"], body["status"]) == ("unavailable", 503)
    assert away.ask("GET", "/readyz")[0] == 503
    assert away.ask("GET", "/livez")[0] == 200
    assert away.ask("GET", "/static/medbook/css/medbook.css")[0] == 200

    away.database.start()
    away.wait_until_ready(BACK_SECONDS)

    for path in (*PAGES, *API):
        assert ask(away, path)[0] in WELL, path
    assert set(away.web_workers()) == workers


def test_a_booking_in_that_moment_is_answered_and_leaves_nothing(medbook):
    token = sign_in(medbook, "+8613800000011")
    patient = own_patient(medbook, token)
    schedule = bookable_schedule(medbook, token, patient)
    before = states(medbook, token)
    path, how = "/api/v1/appointments/", {"token": token, "key": "in-the-dark"}
    body = {"schedule": schedule, "patient": patient, "pay": "desk"}

    medbook.database.stop()
    try:
        status, headers, answer = medbook.ask("POST", path, body, **how)
    finally:
        medbook.database.start()
    medbook.wait_until_ready(BACK_SECONDS)

    assert (status, answer["code"]) == (503, "unavailable")
    assert headers["Retry-After"]
    assert states(medbook, token) == before
    status, _headers, answer = medbook.ask("POST", path, body, **how)
    assert status == 201, answer
    assert states(medbook, token) == {**before, answer["id"]: "booked"}
