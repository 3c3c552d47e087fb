"""Each guard of missed visits, taken away: does the harm happen that it stands against?"""

from datetime import timedelta

import pytest

from appointments.choices import AppointmentState
from appointments.models import Appointment, AppointmentQuerySet
from appointments.services.missing import note_missed_visits
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.models import Strike
from tests.appointments.booking import book, call_off
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def missed():
    visit = book(member_with_patient(), schedule_with_slots(1))
    note_missed_visits(now=visit.slot.schedule.ends_at + timedelta(minutes=15))
    dispatch_due_messages(now=clock.now())
    return visit


@pytest.mark.breaks("a_strike_that_counts_is_a_missed_visit")
def test_without_the_news_a_strike_counts_that_the_clinic_has_caused(missed, settings):
    settings.OUTBOX_HANDLERS = {**settings.OUTBOX_HANDLERS, "appointment.no_show_undone": []}

    call_off(missed.slot.schedule)
    dispatch_due_messages(now=clock.now())

    assert Strike.objects.get().excused_at is None


@pytest.mark.breaks("a_called_off_schedule_offers_nothing")
def test_without_looking_for_missed_visits_one_stays_in_a_session_called_off(missed, monkeypatch):
    monkeypatch.setattr(AppointmentQuerySet, "to_call_off", AppointmentQuerySet.live)

    call_off(missed.slot.schedule)

    assert Appointment.objects.get().state == AppointmentState.NO_SHOW
