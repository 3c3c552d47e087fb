"""One place of a full session is given back: who gets it, and who in vain tries to grab it?"""

import re
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from appointments.choices import AppointmentState, EntryState
from appointments.models import Appointment, WaitlistEntry
from appointments.tasks import sweep_waitlist
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.models import Notification
from tests.api import ROOT, caller, refusal
from tests.appointments.booking import fill
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db

NOON = datetime.fromisoformat("2026-12-01T12:00:00+08:00")
LIST = "/en/waitlist/"


class Visitor(Client):
    """A member before the pages."""

    def __init__(self, member):
        super().__init__()
        self.member = member
        self.force_login(member.user, "django.contrib.auth.backends.ModelBackend")

    def wait_for(self, schedule):
        """Follow the full day's link to the waitlist, and join."""
        day = self.get(f"/en/doctors/{schedule.doctor.slug}/?day={schedule.service_date}").text
        [join] = re.findall(rf'href="({LIST}join/\?schedule={schedule.uid})"', day)
        assert self.post(join)["Location"] == LIST

    def offered(self):
        """Follow the newest message to what is offered; None where there is no such message."""
        dispatch_due_messages(now=clock.now())
        told = Notification.objects.filter(member=self.member, kind="waitlist_offer").last()
        return told and f"/en/{told.path}"


@pytest.fixture
def later(time_machine):
    """Return what moves the clock on; the story begins at noon."""
    time_machine.move_to(NOON, tick=False)
    return lambda **ahead: time_machine.move_to(clock.now() + timedelta(**ahead), tick=False)


@pytest.fixture
def session(later):
    schedule = schedule_with_slots(3)
    fill(schedule)
    return schedule


@pytest.fixture
def grabber():
    return Visitor(member_with_patient())


def grab(grabber, schedule):
    """Try every door to a place of the session; each says no, and what helps."""
    tapped = {"schedule_uid": schedule.uid, "idempotency_key": uuid4()}
    page = grabber.post("/en/book/", tapped)
    assert page.status_code == 409
    assert f"{LIST}join/?schedule={schedule.uid}" in page.text
    starts = {"starts_at": schedule.starts_at.isoformat(), "idempotency_key": uuid4()}
    assert grabber.post("/en/book/", {**tapped, **starts}).status_code == 409

    patient = str(grabber.member.links.get().patient.uid)
    about = {"schedule": str(schedule.uid), "patient": patient}
    for place in [{}, *({"slot": str(slot.uid)} for slot in schedule.slots.all())]:
        for way in ({}, {"pay": "desk"}):
            answer = caller(grabber.member).post(
                f"{ROOT}appointments/",
                {**about, **place, **way},
                headers={"Idempotency-Key": str(uuid4())},
            )
            assert refusal(answer) == (409, "sold_out")
            assert answer.json()["alternatives"]["waitlist"] is True
    assert not Appointment.objects.filter(member=grabber.member).exists()


def test_a_freed_place_goes_down_the_line_and_to_nobody_else(session, grabber, later):
    given_back = Appointment.objects.filter(slot__schedule=session).first()
    first, second, third = waiting = [Visitor(member_with_patient()) for _ in range(3)]
    for visitor in waiting:
        visitor.wait_for(session)
    assert not any(visitor.offered() for visitor in waiting)

    owner = Visitor(given_back.member)
    owner.post(f"/en/appointments/{given_back.reference}/cancel/")

    offer = first.offered()
    assert "It is yours until" in first.get(offer).text
    assert second.offered() is third.offered() is None
    assert second.get(offer).status_code == 404
    grab(grabber, session)

    later(minutes=16)
    grab(grabber, session)
    assert first.post(offer, {"answer": "accept"}).status_code == 410
    sweep_waitlist()
    assert "You keep your place on the waitlist." in first.get(offer).text

    offer = second.offered()
    grab(grabber, session)
    assert second.post(offer, {"answer": "keep"})["Location"] == LIST

    offer = third.offered()
    grab(grabber, session)
    held = third.post(offer, {"answer": "accept"})["Location"]
    grab(grabber, session)
    assert third.get(held).status_code == 200
    assert third.post(held, {"shown_points": "0"})["Location"].endswith("/booked/")

    visit = Appointment.objects.get(member=third.member)
    assert (visit.state, visit.slot) == (AppointmentState.BOOKED, given_back.slot)
    states = dict(WaitlistEntry.objects.values_list("member", "state"))
    assert [states[visitor.member.pk] for visitor in waiting] == [
        EntryState.WAITING,
        EntryState.WAITING,
        EntryState.FULFILLED,
    ]
    grab(grabber, session)
