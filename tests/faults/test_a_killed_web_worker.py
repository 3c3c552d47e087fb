"""Does a booking that was acknowledged outlive the process that took it?"""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

PASSWORD = "medbook-demo"
MEMBERS = [f"+8613800000{number:03d}" for number in range(5, 13)]
GIVE_UP_SECONDS = 40


def token_of(medbook, phone):
    status, _, answer = medbook.ask(
        "POST", "/api/v1/auth/token/", {"phone": phone, "password": PASSWORD}
    )
    assert status == 200, answer
    return answer["access"]


def book_until_answered(medbook, token, patient, schedule):
    """Ask with one key until there is an answer, as a client on a bad line does."""
    key, deadline = str(uuid.uuid4()), time.monotonic() + GIVE_UP_SECONDS
    body = {"patient": patient, "schedule": schedule, "pay": "desk"}
    while time.monotonic() < deadline:
        try:
            status, _, answer = medbook.ask(
                "POST", "/api/v1/appointments/", body, token=token, key=key
            )
        except OSError:
            time.sleep(0.1)
            continue
        if status != 503 and answer.get("code") not in ("in_progress", "try_later"):
            return status, answer
        time.sleep(0.1)
    raise AssertionError("no answer")


def test_no_acknowledged_booking_is_lost_and_no_key_has_two_effects(medbook):
    _, _, page = medbook.ask("GET", "/api/v1/schedules/?state=on_sale&page_size=100")
    schedules = [row["id"] for row in page["results"] if row["remaining"] > 8]
    assert len(schedules) > 10
    tokens = {phone: token_of(medbook, phone) for phone in MEMBERS}
    before = {phone: _appointments(medbook, token) for phone, token in tokens.items()}
    stop = threading.Event()

    def kill_workers():
        while not stop.wait(0.7):
            for worker in list(medbook.web_workers()):
                worker.kill()

    def book(phone):
        token = tokens[phone]
        _, _, patients = medbook.ask("GET", "/api/v1/patients/", token=token)
        patient = patients["results"][0]["id"]
        start = MEMBERS.index(phone) * 7
        return [
            book_until_answered(
                medbook, token, patient, schedules[(start + number) % len(schedules)]
            )
            for number in range(8)
        ]

    killer = threading.Thread(target=kill_workers)
    killer.start()
    try:
        with ThreadPoolExecutor(len(MEMBERS)) as pool:
            answers = dict(zip(MEMBERS, pool.map(book, MEMBERS), strict=True))
    finally:
        stop.set()
        killer.join()
    medbook.wait_until_ready(20)

    assert {status for rows in answers.values() for status, _ in rows} <= {201, 409}
    for phone, rows in answers.items():
        acknowledged = {answer["id"] for status, answer in rows if status == 201}
        kept = _appointments(medbook, tokens[phone]) - before[phone]
        assert acknowledged
        assert kept == acknowledged


def _appointments(medbook, token):
    status, _, answer = medbook.ask("GET", "/api/v1/appointments/?page_size=100", token=token)
    assert status == 200, answer
    return {row["id"] for row in answer["results"]}
