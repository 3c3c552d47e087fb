"""How does a careful client book over HTTP?"""

import time
import uuid
from datetime import timedelta

from medbook import clock

PASSWORD = "medbook-demo"
GIVE_UP_SECONDS = 40
TRY_AGAIN = ("in_progress", "try_later")


def sign_in(medbook, phone):
    """Return a token."""
    status, answer = answered(
        medbook, "POST", "/api/v1/auth/token/", {"phone": phone, "password": PASSWORD}
    )
    assert status == 200, answer
    return answer["access"]


def answered(medbook, method, path, body=None, **how):
    """Ask the same until there is an answer, as a client on a bad line does."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < deadline:
        try:
            status, _headers, answer = medbook.ask(method, path, body, **how)
        except OSError:
            time.sleep(0.05)
            continue
        if status != 503 and not (status == 409 and answer["code"] in TRY_AGAIN):
            return status, answer
        time.sleep(0.05)
    raise AssertionError(f"no answer: {medbook.log()}")


def roomy_schedules(medbook):
    """Return sessions with places to spare, late enough to be cancelled."""
    first_day = (clock.now() + timedelta(days=3)).date()
    path = f"/api/v1/schedules/?state=on_sale&page_size=100&from={first_day}"
    status, page = answered(medbook, "GET", path)
    assert status == 200, page
    return [row["id"] for row in page["results"] if row["remaining"] > 2]


def own_patient(medbook, token):
    """Return the caller's first patient."""
    _status, page = answered(medbook, "GET", "/api/v1/patients/", token=token)
    return page["results"][0]["id"]


def book(medbook, token, patient, schedule, **more):
    """Book with a key of its own until there is an answer."""
    body = {"patient": patient, "schedule": schedule, **more}
    key = str(uuid.uuid4())
    return answered(medbook, "POST", "/api/v1/appointments/", body, token=token, key=key)


def bookable_schedule(medbook, token, patient):
    """Return a session that this patient can book: booked once, and cancelled."""
    for schedule in roomy_schedules(medbook):
        status, answer = book(medbook, token, patient, schedule, pay="desk")
        if status == 201:
            path = f"/api/v1/appointments/{answer['id']}/cancel/"
            assert answered(medbook, "POST", path, {}, token=token)[0] == 200
            return schedule
    raise AssertionError("nothing can be booked")


def states(medbook, token):
    """Return the states of all of the caller's appointments."""
    found, path = {}, "/api/v1/appointments/?page_size=100"
    while path:
        status, page = answered(medbook, "GET", path, token=token)
        assert status == 200, page
        found |= {row["id"]: row["state"] for row in page["results"]}
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
    return found
