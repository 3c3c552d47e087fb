"""Is a leave carried out once, though its worker was killed in the middle?"""

import contextlib
import uuid
from datetime import timedelta

import psutil

from medbook import clock
from tests.faults.booking import PASSWORD, answered
from tests.faults.conftest import wait_for

BACK_SECONDS = 40
SESSION = """
    SELECT d.uid, s.starts_at, s.ends_at, array_agg(a.uid ORDER BY a.starts_at, a.id),
           (array_agg(a.member_id ORDER BY a.starts_at DESC, a.id DESC))[1]
    FROM appointments_appointment a
    JOIN scheduling_slot p ON p.id = a.slot_id
    JOIN scheduling_schedule s ON s.id = p.schedule_id
    JOIN scheduling_doctor d ON d.id = s.doctor_id
    WHERE a.state = 'booked' AND s.starts_at > now() + interval '1 day'
    GROUP BY d.uid, s.id
    HAVING count(*) > 3 AND count(DISTINCT a.member_id) = count(*)
    ORDER BY count(*) DESC LIMIT 1
"""
TOLD = """
    SELECT key, count(*) FROM members_notification
    WHERE kind = 'appointment_called_off' AND key = ANY(%s) GROUP BY key
"""
OFFERED = """
    SELECT a.uid, a.state, count(o.id) FROM appointments_appointment a
    LEFT JOIN appointments_offer o ON o.called_off_id = a.id
    WHERE a.uid = ANY(%s) GROUP BY a.id
"""
HELD_UP = "SELECT 1 FROM members_member WHERE id = %s FOR UPDATE"
SILENT = "UPDATE jobs_job SET heartbeat_at = now() - interval '1 hour' WHERE state = 'running'"


def leave(medbook, token, doctor, starts_at, ends_at):
    body = {
        "doctor": str(doctor),
        "starts_at": starts_at.isoformat(),
        "ends_at": ends_at.isoformat(),
        "reason": "illness",
        "because": "Called at seven",
    }
    status, answer = answered(
        medbook, "POST", "/api/v1/admin/leave/", body, token=token, key=str(uuid.uuid4())
    )
    assert status == 201, answer
    return answer["id"]


def test_a_leave_goes_on_where_its_worker_was_killed(medbook):
    said = {"username": "scheduler", "password": PASSWORD}
    token = answered(medbook, "POST", "/api/v1/auth/token/", said)[1]["access"]
    with medbook.connect() as database, medbook.connect() as holding_up:
        holding_up.autocommit = False
        doctor, starts_at, ends_at, visits, last = database.execute(SESSION).fetchone()
        keys = [str(uid) for uid in visits]
        holding_up.execute(HELD_UP, [last])  # whoever tells the last member waits

        away = leave(medbook, token, doctor, starts_at, ends_at)
        wait_for(lambda: database.execute(TOLD, [keys]).fetchone(), BACK_SECONDS)
        for worker in medbook.background_workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
        assert len(database.execute(TOLD, [keys]).fetchall()) < len(visits)
        holding_up.rollback()
        database.execute(SILENT)  # a minute later
        later = clock.now() + timedelta(days=200)
        leave(medbook, token, doctor, later, later + timedelta(hours=1))  # wakes the worker

        path = f"/api/v1/admin/leave/{away}/"
        wait_for(
            lambda: answered(medbook, "GET", path, token=token)[1]["state"] == "done",
            BACK_SECONDS,
        )
        assert dict(database.execute(TOLD, [keys]).fetchall()) == dict.fromkeys(keys, 1)
        rows = database.execute(OFFERED, [visits]).fetchall()
        assert {state for _uid, state, _count in rows} == {"called_off"}
        assert max(count for _uid, _state, count in rows) <= 3
