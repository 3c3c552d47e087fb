"""Do missed visits pause booking for the patient, whoever books, and does an excuse undo it?"""

from datetime import timedelta

import pytest

from appointments.errors import PatientSuspended
from appointments.services.booking import confirm_appointment
from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import Relation
from members.errors import (
    AlreadyAppealed,
    AlreadyExcused,
    NotSuspended,
    ReasonMissing,
)
from members.models import Notification, Strike, Suspension
from members.selectors.patients import patient_suspension
from members.selectors.people import own_patient
from members.services.strikes import excuse_strike, record_strike
from members.services.suspensions import appeal, end_suspension
from tests.appointments.booking import book, hold
from tests.factories import (
    FamilyLinkFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def patient(alice):
    return own_patient(alice)


@pytest.fixture
def desk():
    return UserFactory(is_staff=True)


def miss(patient, *days_ago):
    now = clock.now()
    return [
        record_strike(
            patient_uid=patient.uid,
            reference=f"appointment:{patient.pk}:{days}",
            occurred_at=now - days * DAY,
            now=now,
        )
        for days in sorted(days_ago, reverse=True)
    ]


def told(member):
    return list(Notification.objects.filter(member=member).values_list("kind", flat=True))


def excuse(strike, desk, reason="was in hospital"):
    return excuse_strike(strike_uid=strike.uid, reason=reason, by=desk, now=clock.now())


def test_two_missed_visits_pause_nothing(alice, patient):
    miss(patient, 10, 1)

    assert patient_suspension(patient, clock.now()) is None
    assert told(alice) == []
    assert OperationLog.objects.filter(action="strike.recorded").count() == 2


def test_the_third_pauses_for_thirty_days(alice, patient):
    miss(patient, 80, 10, 0)

    pause = patient_suspension(patient, clock.now())
    assert pause.ends_at - pause.starts_at == 30 * DAY
    assert told(alice) == ["booking_paused"]
    assert patient_suspension(patient, pause.ends_at) is None
    assert OperationLog.objects.get(action="patient.suspended").patient_uid == patient.uid


def test_old_ones_do_not_count(patient):
    miss(patient, 91, 90, 0)

    assert patient_suspension(patient, clock.now()) is None


def test_the_same_visit_is_missed_once(patient):
    miss(patient, 2, 1)
    miss(patient, 2, 1)

    assert Strike.objects.count() == 2
    assert not Suspension.objects.exists()


def test_a_pause_follows_the_patient_into_every_account(alice, patient):
    bo = member_with_patient()
    FamilyLinkFactory(member=bo, patient=patient, relation=Relation.PARENT)
    schedule = schedule_with_slots(4)
    miss(patient, 3, 2, 1)

    for member in (alice, bo):
        with pytest.raises(PatientSuspended) as refused:
            hold(member, schedule, patient=patient)
        assert refused.value.facts["until"] == patient_suspension(patient, clock.now()).ends_at
    assert book(bo, schedule, patient=own_patient(bo), key="own")


def test_a_pause_is_also_seen_when_a_hold_is_confirmed(alice, patient):
    held = hold(alice, schedule_with_slots(2))
    miss(patient, 3, 2, 1)

    with pytest.raises(PatientSuspended):
        confirm_appointment(
            appointment_uid=held.uid, way_to_pay="desk", by=alice.user, now=clock.now()
        )


def test_an_excuse_ends_the_pause_that_would_not_be_without_it(alice, patient, desk):
    strikes = miss(patient, 3, 2, 1)

    excused = excuse(strikes[0], desk)

    assert (excused.excuse, excused.excused_at is not None) == ("was in hospital", True)
    assert patient_suspension(patient, clock.now()) is None
    assert sorted(told(alice)) == ["booking_paused", "booking_resumed"]
    log = OperationLog.objects.get(action="strike.excused")
    assert (log.reason, log.actor_uid) == ("was in hospital", desk.uid)


def test_an_excuse_leaves_a_pause_with_three_others(patient, desk):
    strikes = miss(patient, 4, 3, 2, 1)
    pauses = list(Suspension.objects.order_by("id"))

    excuse(strikes[0], desk)
    assert list(Suspension.objects.running(clock.now()).order_by("id")) == pauses

    excuse(strikes[1], desk)
    assert not Suspension.objects.running(clock.now()).exists()


def test_the_third_pauses_though_it_was_missed_before_the_others(patient):
    miss(patient, 1, 2)
    assert not Suspension.objects.exists()

    miss(patient, 3)
    assert Suspension.objects.running(clock.now()).filter(patient=patient).exists()


def test_an_excuse_leaves_what_staff_has_decided(patient, desk):
    strikes = miss(patient, 3, 2, 1)
    by_staff = Suspension.objects.create(
        patient=patient,
        starts_at=clock.now() - DAY,
        ends_at=clock.now() + DAY,
        reason="abuse",
    )

    excuse(strikes[0], desk)

    assert patient_suspension(patient, clock.now()) == by_staff


def test_an_excuse_has_a_reason_and_is_given_once(patient, desk):
    [strike] = miss(patient, 1)

    with pytest.raises(ReasonMissing):
        excuse(strike, desk, reason=" ")
    excuse(strike, desk)
    with pytest.raises(AlreadyExcused):
        excuse(strike, desk)


def test_an_excused_visit_does_not_count_later(patient, desk):
    [strike] = miss(patient, 5)
    excuse(strike, desk)

    miss(patient, 2, 1)

    assert patient_suspension(patient, clock.now()) is None


def test_an_appeal_is_kept_for_the_clinic(alice, patient):
    miss(patient, 3, 2, 1)
    asked = {"member": alice, "patient_uid": patient.uid, "by": alice.user, "now": clock.now()}

    pause = appeal(note="the train stood still", **asked)

    assert pause.appeal.reveal() == "the train stood still"
    assert pause.appealed_at is not None
    assert OperationLog.objects.filter(action="suspension.appealed").count() == 1
    with pytest.raises(AlreadyAppealed):
        appeal(note="again", **asked)


def test_a_paused_account_appeals_too(alice, patient):
    now = clock.now()
    Suspension.objects.create(member=alice, starts_at=now, ends_at=now + DAY, reason="abuse")

    pause = appeal(member=alice, patient_uid=patient.uid, note="sorry", by=alice.user, now=now)

    assert pause.member == alice


def test_there_has_to_be_a_pause_to_appeal(alice, patient):
    with pytest.raises(NotSuspended):
        appeal(member=alice, patient_uid=patient.uid, note="x", by=alice.user, now=clock.now())


def test_staff_ends_a_pause_for_a_reason(patient, desk):
    miss(patient, 3, 2, 1)
    pause = Suspension.objects.get()
    act = {"suspension_uid": pause.uid, "by": desk, "now": clock.now()}

    with pytest.raises(ReasonMissing):
        end_suspension(reason=" ", **act)
    end_suspension(reason="appeal granted", **act)

    assert patient_suspension(patient, clock.now()) is None
    with pytest.raises(NotSuspended):
        end_suspension(reason="appeal granted", **act)
