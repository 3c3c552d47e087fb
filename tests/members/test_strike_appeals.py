"""May a missed visit be contested once, by whom it concerns, and does the answer count?"""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from members.choices import AppealState, ConsentState, Relation
from members.errors import AlreadyAppealed, AlreadyDecided, AlreadyExcused, ReasonMissing
from members.models import Notification, StrikeAppeal
from members.selectors.strikes import open_appeals, strikes_of
from members.services.erasing import erase_member
from members.services.roles import grant_roles
from members.services.strike_appeals import accept_appeal, contest_strike, refuse_appeal
from members.services.strikes import excuse_strike, record_strike
from tests.factories import FamilyLinkFactory, UserFactory, member_with_patient

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def desk():
    return UserFactory(is_staff=True)


def missed(patient, *, booked_by=None, days_ago=1):
    now = clock.now()
    return record_strike(
        patient_uid=patient.uid,
        reference=f"appointment:{uuid4()}",
        occurred_at=now - timedelta(days=days_ago),
        booked_by=booked_by,
        now=now,
    )


@pytest.fixture
def strike(alice):
    return missed(alice.links.get().patient, booked_by=alice)


def contest(member, strike, note="I was in hospital"):
    return contest_strike(
        member=member, strike_uid=strike.uid, note=note, by=member.user, now=clock.now()
    )


def answer(act, appeal, desk, text="We have looked."):
    return act(appeal_uid=appeal.uid, answer=text, by=desk, now=clock.now())


def browser_of(member):
    browser = Client()
    browser.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return browser


def test_a_missed_visit_is_contested_once(alice, strike):
    appeal = contest(alice, strike)

    assert appeal.note.reveal() == "I was in hospital"
    with pytest.raises(AlreadyAppealed):
        contest(alice, strike)
    with pytest.raises(ReasonMissing):
        contest(alice, strike, note="  ")
    assert OperationLog.objects.get(action="strike.appealed").actor_uid == alice.user.uid


def test_who_booked_and_whom_the_patient_lets_see_may_contest_it(alice):
    patient = alice.links.get().patient
    booker, friend, stranger = (member_with_patient() for _ in range(3))
    strike = missed(patient, booked_by=booker)
    for member, consent in ((booker, ConsentState.DECLARED), (friend, ConsentState.DECLARED)):
        FamilyLinkFactory(member=member, patient=patient, relation=Relation.OTHER, consent=consent)

    for other in (friend, stranger):
        with pytest.raises(Missing):
            contest(other, strike)
        assert strike not in strikes_of(other)
    assert contest(booker, strike)
    with pytest.raises(AlreadyAppealed):  # one appeal for the visit, not one for each member
        contest(alice, strike)


def test_what_is_excused_needs_no_appeal(alice, strike, desk):
    excuse_strike(strike_uid=strike.uid, reason="in hospital", by=desk, now=clock.now())

    with pytest.raises(AlreadyExcused):
        contest(alice, strike)


def test_an_accepted_appeal_ends_the_pause_and_is_told(alice, desk):
    patient = alice.links.get().patient
    strikes = [missed(patient, booked_by=alice, days_ago=days) for days in (20, 10, 1)]
    assert patient.suspensions.running(clock.now()).exists()
    appeal = contest(alice, strikes[2])

    decided = answer(accept_appeal, appeal, desk, "")

    strikes[2].refresh_from_db()
    assert strikes[2].excused_at is not None
    assert not patient.suspensions.running(clock.now()).exists()
    assert decided.state == AppealState.ACCEPTED
    told = Notification.objects.get(member=alice, kind="strike_appeal_accepted")
    assert told.path == f"missed-visits/{strikes[2].uid}/"
    with pytest.raises(AlreadyDecided):
        answer(refuse_appeal, appeal, desk)


def test_a_refused_appeal_needs_an_answer_and_leaves_the_strike(alice, strike, desk):
    appeal = contest(alice, strike)
    with pytest.raises(ReasonMissing):
        answer(refuse_appeal, appeal, desk, " ")

    answer(refuse_appeal, appeal, desk, "Nobody called us.")

    strike.refresh_from_db()
    assert strike.excused_at is None
    assert StrikeAppeal.objects.get().answer.reveal() == "Nobody called us."
    assert Notification.objects.filter(member=alice, kind="strike_appeal_refused").exists()
    with pytest.raises(Missing):
        accept_appeal(appeal_uid=uuid4(), by=desk, now=clock.now())


def test_those_who_may_answer_see_that_somebody_waits(alice, strike, desk):
    boss = UserFactory(is_staff=True, is_superuser=True)
    assert open_appeals(by=boss, now=clock.now()) is None
    contest(alice, strike)

    assert "1 missed visit" in open_appeals(by=boss, now=clock.now())
    assert open_appeals(by=desk, now=clock.now()) is None


def test_the_page_takes_what_the_member_says_and_shows_the_answer(alice, strike, desk):
    browser, page = browser_of(alice), reverse("members:missed_visit", args=[strike.uid])
    patient = reverse("members:patient", args=[strike.patient.uid])
    assert page in browser.get(patient).content.decode()
    assert browser.post(page, {"note": ""}).status_code == 422
    assert browser.post(page, {"note": "x" * 501}).status_code == 422

    assert browser.post(page, {"note": "I was in hospital"}).status_code == 302
    assert browser.post(page, {"note": "again"}).status_code == 409
    answer(refuse_appeal, StrikeAppeal.objects.get(), desk, "Nobody called us.")

    shown = browser.get(page).content.decode()
    assert "I was in hospital" in shown
    assert "Nobody called us." in shown
    assert browser_of(member_with_patient()).get(page).status_code == 404


def test_staff_answers_in_the_workbench(alice, strike):
    grant_roles()
    appeal = contest(alice, strike)
    boss = UserFactory(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(boss, "django.contrib.auth.backends.ModelBackend")
    rows = reverse("admin:members_strikeappeal_changelist")
    row = reverse("admin:members_strikeappeal_change", args=[appeal.pk])
    assert "I was in hospital" in browser.get(row).content.decode()
    said = {"action": "refuse", "_selected_action": [appeal.pk], "confirmed": "yes"}

    assert browser.post(rows, said).status_code == 422
    browser.post(rows, {**said, "answer": "Nobody called us."})

    appeal.refresh_from_db()
    assert appeal.state == AppealState.REFUSED


def test_an_erased_member_leaves_no_words(alice, strike, desk):
    contest(alice, strike)

    erase_member(member_uid=alice.uid, reason="asked for it", by=desk, now=clock.now())

    assert StrikeAppeal.objects.get().note is None
