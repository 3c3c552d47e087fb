"""Each guard of the desk and of missed visits, taken away: does the harm happen?"""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection

from appointments.models import Appointment
from appointments.services import desk as desk_services
from appointments.services import missing, strikes
from appointments.services.desk import book_for_member
from appointments.services.missing import note_missed_visits, undo_no_show
from billing.models import Invoice
from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.choices import Relation
from members.models import Strike
from members.services import strike_appeals
from members.services.strike_appeals import contest_strike
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    InsurancePolicyFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.members.test_strike_appeals import missed

pytestmark = pytest.mark.django_db


def sweep(visit):
    return note_missed_visits(now=visit.slot.schedule.ends_at + timedelta(minutes=15))


def test_without_the_look_at_the_state_who_is_there_gets_a_strike(monkeypatch):
    visit = book(member_with_patient(), schedule_with_slots(1))
    sweep(visit)
    now = visit.slot.schedule.ends_at + timedelta(minutes=20)
    undo_no_show(appointment_uid=visit.uid, has_come=True, by=UserFactory(is_staff=True), now=now)
    as_it_was = SimpleNamespace(
        state="no_show",
        patient=visit.patient,
        member=visit.member,
        uid=visit.uid,
        subject=visit.subject,
        starts_at=visit.starts_at,
    )
    monkeypatch.setattr(strikes, "_locked_visit", lambda uid: as_it_was)
    monkeypatch.setattr(strikes, "is_clinics_cause", lambda visit: False)

    strikes.count_missed_visit(appointment_uid=str(visit.uid))

    assert Strike.objects.counting(visit.starts_at).exists()


def test_without_the_question_after_the_cause_the_clinics_absence_counts(monkeypatch):
    visit = book(member_with_patient(), schedule_with_slots(1))
    sweep(visit)
    schedule = visit.slot.schedule
    schedule.state = "called_off"
    schedule.save(update_fields=["state"])
    monkeypatch.setattr(strikes, "is_clinics_cause", lambda visit: False)

    dispatch_due_messages(now=clock.now())

    assert Strike.objects.exists()


def test_without_asking_again_a_visit_that_was_undone_is_free_of_charge(monkeypatch):
    visit = book(member_with_patient(), schedule_with_slots(1))
    sweep(visit)
    monkeypatch.setattr(missing, "_ask_again", lambda *args: None)
    now = visit.slot.schedule.ends_at + timedelta(minutes=20)

    undo_no_show(appointment_uid=visit.uid, has_come=True, by=UserFactory(is_staff=True), now=now)

    assert not Invoice.objects.live().filter(subject=visit.subject).exists()


def test_without_the_rule_of_the_desk_anything_is_sold_before_the_release(monkeypatch):
    schedule = schedule_with_slots(1)
    schedule.release_at = clock.now() + timedelta(hours=1)
    schedule.save(update_fields=["release_at"])
    monkeypatch.setattr(desk_services, "desk_sale", lambda **facts: "all")
    member = member_with_patient()

    book_for_member(
        member=member,
        patient=member.links.get().patient,
        schedule_uid=schedule.uid,
        idempotency_key="one",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )

    assert Appointment.objects.exists()


def test_without_asking_who_may_see_a_policy_the_desk_insures_by_anybodys(monkeypatch):
    policy = InsurancePolicyFactory()
    link = FamilyLinkFactory(
        member=member_with_patient(), patient=policy.patient, relation=Relation.OTHER
    )
    monkeypatch.setattr(desk_services, "require_own_policy", lambda policy, appointment: None)

    book_for_member(
        member=link.member,
        patient=link.patient,
        schedule_uid=schedule_with_slots(1).uid,
        policy=policy,
        idempotency_key="one",
        by=UserFactory(is_staff=True),
        now=clock.now(),
    )

    assert Appointment.objects.get().insured


def test_without_its_index_a_missed_visit_is_contested_twice(monkeypatch):
    member = member_with_patient()
    strike = missed(member.links.get().patient, booked_by=member)
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE members_strikeappeal DROP CONSTRAINT members_strikeappeal_strike_id_key"
        )

    for _ in range(2):
        contest_strike(
            member=member, strike_uid=strike.uid, note="ill", by=member.user, now=clock.now()
        )

    assert strike_appeals.StrikeAppeal.objects.count() == 2


def test_without_the_check_an_appeal_is_decided_and_nobody_knows_when():
    member = member_with_patient()
    strike = missed(member.links.get().patient, booked_by=member)
    contest_strike(
        member=member, strike_uid=strike.uid, note="ill", by=member.user, now=clock.now()
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE members_strikeappeal DROP CONSTRAINT a_decided_appeal_says_when"
        )

    assert strike_appeals.StrikeAppeal.objects.update(state="accepted") == 1


def test_with_the_check_it_is_refused():
    member = member_with_patient()
    strike = missed(member.links.get().patient, booked_by=member)
    contest_strike(
        member=member, strike_uid=strike.uid, note="ill", by=member.user, now=clock.now()
    )

    with pytest.raises(IntegrityError, match="a_decided_appeal_says_when"):
        strike_appeals.StrikeAppeal.objects.update(state="accepted")
