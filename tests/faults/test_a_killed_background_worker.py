"""Does what nobody waits for go on after the worker was killed?"""

import contextlib

import psutil

from tests.faults.booking import answered, book, own_patient, roomy_schedules, sign_in
from tests.faults.conftest import wait_for

BACK_SECONDS = 40
LAPSE = """
    UPDATE appointments_appointment
    SET hold_expires_at = now() - interval '1 minute'
    WHERE uid = %s
"""
WAITING = "SELECT count(*) FROM outbox_outboxmessage WHERE handled_at IS NULL"


def test_sweeps_and_messages_go_on_after_the_worker_was_killed(medbook):
    token = sign_in(medbook, "+8613800000012")
    patient = own_patient(medbook, token)
    other = sign_in(medbook, "+8613800000013")
    first, second = roomy_schedules(medbook)[:2]
    before = set(medbook.background_workers())
    assert before

    for worker in before:
        with contextlib.suppress(psutil.NoSuchProcess):
            worker.kill()
    status, booked = book(medbook, token, patient, first, pay="desk")
    assert status == 201, booked
    status, held = book(medbook, other, own_patient(medbook, other), second)
    assert status == 201, held
    with medbook.connect() as database:
        database.execute(LAPSE, [held["id"]])
        assert database.execute(WAITING).fetchone()[0] > 0

        path = f"/api/v1/appointments/{held['id']}/"
        wait_for(
            lambda: answered(medbook, "GET", path, token=other)[1]["state"] == "expired",
            BACK_SECONDS,
        )
        wait_for(lambda: database.execute(WAITING).fetchone()[0] == 0, BACK_SECONDS)

    assert medbook.background_workers()
    assert not before & set(medbook.background_workers())
