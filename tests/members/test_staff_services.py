"""Does what staff does to members and patients follow the rules, and is it written down?"""

from datetime import date, timedelta

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import PatientState, Relation
from members.errors import AlreadyVerified, IdentityMismatch, NotSuspended, ReasonMissing
from members.models import Tier
from members.selectors.people import bookable_patients, current_suspension, own_patient
from members.services import patients
from members.services.patients import reveal_identity, verify_patient
from members.services.suspensions import lift_suspension, suspend_member
from members.services.tiers import grant_tier
from tests.factories import FamilyLinkFactory, PatientFactory, UserFactory, resident_id
from tests.members.people import NAME, NUMBER, PHONE, joined

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return joined(phone=PHONE, identity_number=NUMBER)


@pytest.fixture
def desk():
    return UserFactory(username="desk", is_staff=True)


def last_log():
    return OperationLog.objects.order_by("id").last()


def suspend(member, by, days=30, reason="three no-shows", now=None):
    return suspend_member(
        member_uid=member.uid, days=days, reason=reason, by=by, now=now or clock.now()
    )


def test_a_suspension_holds_for_its_days(alice, desk):
    now = clock.now()

    suspend(alice, desk, now=now)

    assert current_suspension(alice, now).ends_at == now + timedelta(days=30)
    assert current_suspension(alice, now + timedelta(days=30, microseconds=-1)) is not None
    assert current_suspension(alice, now + timedelta(days=30)) is None
    assert current_suspension(alice, now - timedelta(microseconds=1)) is None
    row = last_log()
    assert (row.action, row.reason) == ("member.suspended", "three no-shows")
    assert (row.subject_uid, row.actor_uid) == (alice.uid, desk.uid)


def test_the_longest_of_two_suspensions_counts(alice, desk):
    now = clock.now()
    long = suspend(alice, desk, days=60, now=now)
    suspend(alice, desk, days=3, now=now)

    assert current_suspension(alice, now) == long


def test_lifting_ends_all_suspensions(alice, desk):
    now = clock.now()
    suspend(alice, desk, now=now - timedelta(days=1))
    suspend(alice, desk, days=60, now=now - timedelta(days=1))
    alice.suspensions.create(
        starts_at=now + timedelta(days=5), ends_at=now + timedelta(days=9), reason="to come"
    )

    lift_suspension(member_uid=alice.uid, reason="appeal granted", by=desk, now=now)

    for days in (0, 5, 6, 30):
        assert current_suspension(alice, now + timedelta(days=days)) is None
    assert current_suspension(alice, now - timedelta(hours=1)) is not None
    assert (last_log().action, last_log().reason) == ("member.suspension_lifted", "appeal granted")


def test_there_has_to_be_something_to_lift(alice, desk):
    suspend(alice, desk, days=1, now=clock.now() - timedelta(days=2))

    with pytest.raises(NotSuspended):
        lift_suspension(member_uid=alice.uid, reason="appeal", by=desk, now=clock.now())


@pytest.mark.parametrize("reason", ["", "   "])
def test_everything_needs_a_reason(alice, desk, reason):
    now, tier = clock.now(), Tier.objects.get(code="gold")
    patient = own_patient(alice)
    before = OperationLog.objects.count()

    for act in (
        lambda: suspend(alice, desk, reason=reason),
        lambda: lift_suspension(member_uid=alice.uid, reason=reason, by=desk, now=now),
        lambda: grant_tier(
            member_uid=alice.uid,
            tier=tier,
            until=now + timedelta(days=9),
            reason=reason,
            by=desk,
            now=now,
        ),
        lambda: reveal_identity(patient_uid=patient.uid, reason=reason, by=desk, now=now),
    ):
        with pytest.raises(ReasonMissing):
            act()

    assert OperationLog.objects.count() == before


def verify(patient, number, by):
    return verify_patient(patient_uid=patient.uid, identity_number=number, by=by, now=clock.now())


def test_a_document_that_fits_verifies(alice, desk):
    patient = verify(own_patient(alice), NUMBER, desk)

    assert patient.state == PatientState.VERIFIED
    assert own_patient(alice).state == PatientState.VERIFIED
    assert (last_log().action, last_log().patient_uid) == ("patient.verified", patient.uid)


def test_another_document_does_not(alice, desk):
    with pytest.raises(IdentityMismatch):
        verify(own_patient(alice), resident_id(9), desk)

    assert own_patient(alice).state == PatientState.UNVERIFIED


def test_nobody_is_verified_twice(alice, desk):
    verify(own_patient(alice), NUMBER, desk)

    with pytest.raises(AlreadyVerified):
        verify(own_patient(alice), NUMBER, desk)


def test_a_missing_identity_is_taken_from_the_document(desk):
    bo = joined(identity_number="")

    verify(own_patient(bo), NUMBER, desk)

    patient = own_patient(bo)
    assert patient.has_identity
    assert patient.identity_number.reveal() == NUMBER
    assert (patient.birth_date.reveal(), patient.sex) == (date(1949, 12, 31), "female")


def test_the_desk_joins_a_second_account_to_the_person_on_record(alice, desk):
    again = joined(identity_number="")
    child = PatientFactory(name="Little Bo")
    FamilyLinkFactory(member=again, patient=child, relation=Relation.CHILD)
    record = own_patient(alice)

    verified = verify(own_patient(again), NUMBER, desk)

    assert verified == record
    assert own_patient(again) == record
    assert bookable_patients(again, clock.now()) == [record, child]
    assert own_patient(alice) == record


def test_reveals_after_the_log_says_so(alice, desk):
    patient = own_patient(alice)

    shown = reveal_identity(
        patient_uid=patient.uid, reason="calls from the desk", by=desk, now=clock.now()
    )

    assert (shown.name, shown.identity_number, shown.phone) == (NAME, NUMBER, PHONE)
    assert shown.birth_date == date(1949, 12, 31)
    row = last_log()
    assert (row.action, row.reason) == ("identity.revealed", "calls from the desk")
    assert (row.patient_uid, row.actor_uid) == (patient.uid, desk.uid)
    assert NAME not in str(vars(row))


def test_reveals_nothing_that_cannot_be_logged(alice, desk, monkeypatch):
    opened = []
    sealed = type(alice.phone)
    monkeypatch.setattr(sealed, "reveal", lambda value: opened.append(value))

    def fails(*_args, **_about):
        raise ConnectionError("the log is away")

    monkeypatch.setattr(patients, "record_event", fails)

    with pytest.raises(ConnectionError):
        reveal_identity(
            patient_uid=own_patient(alice).uid,
            reason="calls from the desk",
            by=desk,
            now=clock.now(),
        )

    assert opened == []


def test_oneself_comes_first_among_those_one_books_for(alice):
    early = PatientFactory()
    link = FamilyLinkFactory(member=alice, patient=early, relation=Relation.PARENT)

    assert bookable_patients(alice, clock.now()) == [own_patient(alice), link.patient]
