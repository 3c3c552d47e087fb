"""Does a booking that was acknowledged outlive the process that took it?"""

import contextlib
import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.faults.booking import answered, book, own_patient, roomy_schedules, sign_in, states
from tests.faults.conftest import wait_for

MEMBERS = [f"+8613800000{number:03d}" for number in range(5, 11)]
KILLS = 3
LONGEST_SECONDS = 30
KEPT_AT_ONCE = 1
FEWEST_BOOKINGS = 15


class Booker:
    """A member who books and cancels, again and again, and remembers what was acknowledged."""

    def __init__(self, medbook, phone, schedules):
        self.medbook, self.schedules = medbook, schedules
        self.token = sign_in(medbook, phone)
        self.patient = own_patient(medbook, self.token)
        self.acknowledged = {}
        self.cancel_what_is_open()
        self.before = states(medbook, self.token)

    def work(self, stop):
        for schedule in itertools.cycle(self.schedules):
            if stop.is_set():
                return
            status, answer = book(self.medbook, self.token, self.patient, schedule, pay="desk")
            assert status in (201, 409), answer
            if status == 201:
                self.acknowledged[answer["id"]] = "booked"
            self.make_room()

    def cancel_what_is_open(self):
        """Make room: a member may have only so many open appointments."""
        for uid, state in states(self.medbook, self.token).items():
            if state == "booked":
                path = f"/api/v1/appointments/{uid}/cancel/"
                answered(self.medbook, "POST", path, {}, token=self.token)

    def make_room(self):
        kept = [uid for uid, state in self.acknowledged.items() if state == "booked"]
        for uid in kept[:-KEPT_AT_ONCE]:
            path = f"/api/v1/appointments/{uid}/cancel/"
            status, answer = answered(self.medbook, "POST", path, {}, token=self.token)
            # Asked again after a lost answer, it says so.
            assert status == 200 or answer["code"] == "already_cancelled", answer
            self.acknowledged[uid] = "cancelled"

    def kept(self):
        now = states(self.medbook, self.token)
        return {uid: state for uid, state in now.items() if uid not in self.before}


def kill_web_workers(medbook, times):
    """Kill whoever answers, in the middle of the work, and wait until somebody answers again."""
    killed = 0
    deadline = time.monotonic() + LONGEST_SECONDS
    while killed < times and time.monotonic() < deadline:
        time.sleep(random.uniform(0.3, 0.9))
        for worker in medbook.web_workers():
            with contextlib.suppress(psutil.NoSuchProcess):
                worker.kill()
                killed += 1
        medbook.wait_until_ready(30)
    return killed


def acknowledged(bookers):
    """Count what was answered with success."""
    return sum(len(booker.acknowledged) for booker in bookers)


def test_no_acknowledged_booking_is_lost_and_no_key_has_two_effects(medbook):
    schedules = roomy_schedules(medbook)
    assert len(schedules) > len(MEMBERS)
    bookers = [
        Booker(medbook, phone, schedules[number :: len(MEMBERS)])
        for number, phone in enumerate(MEMBERS)
    ]
    stop = threading.Event()

    with ThreadPoolExecutor(len(bookers)) as pool:
        working = [pool.submit(booker.work, stop) for booker in bookers]
        try:
            killed = kill_web_workers(medbook, KILLS)
            wait_for(lambda: acknowledged(bookers) > FEWEST_BOOKINGS, LONGEST_SECONDS)
        finally:
            stop.set()
        for each in working:
            each.result()

    assert killed >= KILLS
    for booker in bookers:
        assert booker.kept() == booker.acknowledged
