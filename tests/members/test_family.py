"""Do members book for those, and only those, whom the rules let them book for?"""

from datetime import date, timedelta

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from members.choices import ConsentState, PatientState, Relation
from members.errors import (
    AlreadyYourPatient,
    DocumentAtDesk,
    GuardianMissing,
    IdentityMismatch,
    OwnPatient,
    PatientInUse,
    PlacesCoolingDown,
    ReasonMissing,
    TooManyPatients,
)
from members.models import FamilyLink, Notification, Patient
from members.rules.identity import read_document
from members.selectors.patients import entries, entry, own_link, own_name, places
from members.selectors.people import bookable_patients, own_patient
from members.services import family
from members.services.family import (
    Described,
    add_patient,
    change_patient,
    give_document,
    remove_patient,
)
from members.services.family_consents import answer_consent, confirm_consent, withdraw_consent
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    MemberFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    resident_id,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db

BORN = date(1960, 3, 4)
KNOWN = resident_id(7, BORN)
# Somebody else's number that looks the same when it is masked.
TWIN = next(n for i in range(8, 999) if (n := resident_id(i, BORN))[-2:] == KNOWN[-2:])


def document(number=None, *, kind="resident_id", born=None):
    number = number or KNOWN
    return read_document(
        kind=kind, number=number, birth_date=born, sex="", today=clock.site_date(clock.now())
    )


def passport(number="E12345678", born=BORN):
    return document(number, kind="passport", born=born)


def add(member, paper=None, *, name="Rui Chen", relation="parent", now=None, **more):
    said = Described(name=name, document=paper or document(), relation=relation, **more)
    return add_patient(member=member, said=said, by=member.user, now=now or clock.now())


def remove(member, link, now=None):
    remove_patient(
        member=member, patient_uid=link.patient.uid, by=member.user, now=now or clock.now()
    )


def answer(member, link, is_given, **more):
    return answer_consent(
        member=member,
        link_uid=link.uid,
        is_given=is_given,
        by=member.user,
        now=clock.now(),
        **more,
    )


def told(member):
    return sorted(Notification.objects.filter(member=member).values_list("kind", flat=True))


@pytest.fixture
def alice():
    return member_with_patient()


@pytest.fixture
def bo():
    return member_with_patient()


@pytest.fixture
def rui():
    """A member of his own, whose document the desk has seen."""
    patient = PatientFactory(name="Rui Chen", identity_number=resident_id(7, BORN), birth_date=BORN)
    return FamilyLinkFactory(patient=patient).member


@pytest.fixture
def desk():
    return UserFactory(is_staff=True)


def test_somebody_new_gets_a_row(alice):
    link = add(alice)

    patient = link.patient
    assert patient.name.reveal() == "Rui Chen"
    assert patient.identity_number.reveal() == resident_id(7, BORN)
    assert (patient.birth_date.reveal(), patient.state) == (BORN, PatientState.UNVERIFIED)
    assert (link.consent, link.may_see_records) == (ConsentState.DECLARED, False)
    assert bookable_patients(alice, clock.now()) == [own_patient(alice), patient]
    row = OperationLog.objects.get(action="patient.added")
    assert (row.subject_uid, row.patient_uid, row.actor_uid) == (
        link.uid,
        patient.uid,
        alice.user.uid,
    )


def shown(link):
    return (
        link.called,
        link.masked,
        str(link.shown_number),
        link.shown_kind,
        link.born,
        link.shown_state,
        link.shown_consent,
        link.may_see_records,
        link.lets_book(clock.now()),
        link.age(clock.now()),
    )


def test_somebody_known_is_linked_and_looks_like_somebody_new(alice, rui):
    other = add(alice, document(TWIN), name="Li Na")

    link = add(alice, name="Li Na")

    assert link.patient == own_patient(rui)
    assert link.patient.name.reveal() == "Rui Chen"
    fresh, known = (FamilyLink.objects.get(pk=each.pk) for each in (other, link))
    assert shown(known) == shown(fresh)
    assert shown(known)[0] == "Li Na"


def test_a_known_passport_does_not_tell_the_birth_date_on_record(alice):
    add(member_with_patient(), passport())

    link = add(alice, passport(born=date(1970, 1, 1)))

    assert FamilyLink.objects.get(pk=link.pk).born == date(1970, 1, 1)


def test_nobody_is_added_twice(alice):
    add(alice)

    with pytest.raises(AlreadyYourPatient):
        add(alice, relation="other", name="Somebody Else")


def test_one_is_not_ones_own_relative(alice):
    number = own_patient(alice).identity_number.reveal()

    with pytest.raises(AlreadyYourPatient):
        add(alice, document(number))


def test_there_are_six_places(alice):
    for number in range(5):
        add(alice, document(resident_id(20 + number, BORN)))

    with pytest.raises(TooManyPatients):
        add(alice, document(resident_id(30, BORN)))
    assert Patient.objects.filter(identity_index=resident_id(30, BORN)).count() == 0


def test_a_removed_place_counts_for_thirty_days(alice):
    now = clock.now()
    links = [add(alice, document(resident_id(20 + number, BORN))) for number in range(5)]
    remove(alice, links[0], now=now)

    with pytest.raises(PlacesCoolingDown) as refused:
        add(alice, document(resident_id(30, BORN)), now=now + timedelta(days=30, microseconds=-1))
    assert refused.value.facts["until"] == now + timedelta(days=30)
    add(alice, document(resident_id(30, BORN)), now=now + timedelta(days=30))


def test_who_was_removed_comes_back_into_the_same_place(alice):
    links = [add(alice, document(resident_id(20 + number, BORN))) for number in range(5)]
    remove(alice, links[0])

    back = add(alice, document(resident_id(20, BORN)))

    assert back == links[0]
    assert places(alice, clock.now()).used == 6


def test_a_minor_needs_somebody_who_speaks_for_them(alice):
    today = clock.site_date(clock.now())
    child = document("R110123456", kind="birth_certificate", born=today - timedelta(days=3))

    with pytest.raises(GuardianMissing):
        add(alice, child, relation="child")
    link = add(alice, child, relation="child", is_guardian=True)

    assert link.lets_book(clock.now())


def test_a_guardians_word_ends_at_eighteen(alice):
    born = date(2010, 6, 1)
    now = clock.now().replace(year=2027, month=6, day=1, hour=4)
    link = add(alice, document(resident_id(3, born)), relation="child", is_guardian=True, now=now)

    before, after = now.replace(year=2028, month=5, day=31), now.replace(year=2028, month=6, day=2)
    assert link.patient in bookable_patients(alice, before)
    assert link.patient not in bookable_patients(alice, after)


@pytest.fixture
def newcomer():
    """Somebody who has signed up with a phone number and nothing else."""
    return FamilyLinkFactory(
        patient__name=None,
        patient__identity_kind="",
        patient__identity_number=None,
        patient__birth_date=None,
        patient__state=PatientState.UNVERIFIED,
    ).member


def test_a_newcomer_says_who_they_are(newcomer):
    empty = own_patient(newcomer)

    link = add(newcomer, passport(), name="Li Na", relation="self")

    assert own_patient(newcomer) == link.patient
    assert own_name(newcomer) == "Li Na"
    assert link.patient.name.reveal() == "Li Na"
    assert not Patient.objects.filter(pk=empty.pk).exists()
    assert places(newcomer, clock.now()).used == 1
    with pytest.raises(AlreadyYourPatient):
        add(newcomer, passport("E12345679"), relation="self")


def test_who_says_to_be_somebody_known_learns_and_reaches_nothing(newcomer, rui):
    honest = FamilyLinkFactory(
        patient__name=None, patient__identity_number=None, patient__identity_kind=""
    ).member
    fresh = add(honest, document(TWIN), name="Li Na", relation="self")

    link = add(newcomer, name="Li Na", relation="self")

    fresh, known = (FamilyLink.objects.get(pk=each.pk) for each in (fresh, link))
    assert shown(known) == shown(fresh)
    assert own_patient(newcomer) is None
    assert not known.speaks(clock.now())
    assert entry(newcomer, known.patient.uid, clock.now()).bookers == []
    assert told(rui) == ["family_link_added"]


def test_a_document_is_given_later(alice):
    child = FamilyLinkFactory(
        member=alice,
        relation=Relation.CHILD,
        patient=PatientFactory(identity_number=None, identity_kind="", name="Baby Chen"),
    )
    paper = document(resident_id(9, date(1999, 1, 1)))

    link = give_document(
        member=alice,
        patient_uid=child.patient.uid,
        name="Baby Chen",
        document=paper,
        by=alice.user,
        now=clock.now(),
    )

    assert link == child
    assert link.patient.identity_number.reveal() == paper.number
    with pytest.raises(AlreadyYourPatient):
        give_document(
            member=alice,
            patient_uid=link.patient.uid,
            name="Baby Chen",
            document=passport(),
            by=alice.user,
            now=clock.now(),
        )


def test_a_history_without_document_is_joined_at_the_desk(alice):
    empty = PatientFactory(identity_number=None, identity_kind="", name="Baby Chen")
    FamilyLinkFactory(member=alice, relation=Relation.CHILD, patient=empty)
    empty.strikes.create(reference="x", occurred_at=clock.now())

    with pytest.raises(DocumentAtDesk):
        give_document(
            member=alice,
            patient_uid=empty.uid,
            name="Baby Chen",
            document=passport(),
            by=alice.user,
            now=clock.now(),
        )
    assert empty in bookable_patients(alice, clock.now())
    assert not Patient.objects.filter(identity_index="E12345678").exists()


def test_changes_how_somebody_is_called(alice):
    link = add(alice)

    changed = change_patient(
        member=alice,
        patient_uid=link.patient.uid,
        label="Papa",
        relation="other",
        contact_phone="+8613900000001",
        by=alice.user,
        now=clock.now(),
    )

    assert (changed.called, changed.relation) == ("Papa", "other")
    assert changed.contact_phone.reveal() == "+8613900000001"
    assert changed.patient.name.reveal() == "Rui Chen"


def test_nobody_becomes_oneself_or_ceases_to_be(alice):
    link = add(alice)

    for patient, relation in ((link.patient, "self"), (own_patient(alice), "child")):
        with pytest.raises(OwnPatient):
            change_patient(
                member=alice,
                patient_uid=patient.uid,
                relation=relation,
                by=alice.user,
                now=clock.now(),
            )


def test_a_stranger_finds_nobody_in_anothers_list(alice, bo):
    link = add(alice)

    with pytest.raises(Missing):
        remove(bo, link)
    with pytest.raises(Missing):
        change_patient(
            member=bo, patient_uid=link.patient.uid, label="x", by=bo.user, now=clock.now()
        )


def test_who_was_removed_cannot_be_booked_for(alice):
    link = add(alice)

    remove(alice, link)

    assert bookable_patients(alice, clock.now()) == [own_patient(alice)]
    with pytest.raises(Missing):
        remove(alice, link)


def test_oneself_cannot_be_removed(alice):
    with pytest.raises(OwnPatient):
        remove(alice, own_link(alice))


def test_nobody_is_removed_with_an_open_visit(alice):
    link = add(alice)
    book(alice, schedule_with_slots(2), patient=link.patient)

    with pytest.raises(PatientInUse):
        remove(alice, link)
    assert link.patient in bookable_patients(alice, clock.now())


def test_anothers_visit_keeps_nobody_in_the_list(alice, bo):
    link = add(alice)
    book(bo, schedule_with_slots(2), patient=add(bo).patient)

    remove(alice, link)

    assert link.patient not in bookable_patients(alice, clock.now())


def test_the_patient_is_told_and_answers(alice, rui):
    link = add(alice, name="Papa")
    assert told(rui) == ["family_link_added"]
    [booker] = entries(rui, clock.now())[0].bookers
    assert (booker.link, booker.name) == (link, "A.")
    assert booker.phone.count("*") == 4

    given = answer(rui, link, True, may_see_records=True)
    assert (given.consent, given.may_see_records) == ("given", True)
    assert FamilyLink.objects.get(pk=link.pk).shown_state == PatientState.VERIFIED

    stopped = answer(rui, link, False)
    assert (stopped.consent, stopped.may_see_records) == ("withdrawn", False)
    assert link.patient not in bookable_patients(alice, clock.now())
    assert told(alice) == ["family_consent_given", "family_consent_withdrawn"]


def test_a_withdrawn_consent_stays_withdrawn_when_somebody_tries_again(alice, rui):
    link = add(alice)
    answer(rui, link, False)
    remove(alice, link)

    again = add(alice)

    assert again.consent == ConsentState.WITHDRAWN
    assert again.patient not in bookable_patients(alice, clock.now())


def test_a_consent_that_was_given_up_is_asked_for_again(alice, rui):
    link = add(alice)
    answer(rui, link, True, may_see_records=True)
    remove(alice, link)

    again = add(alice)

    assert (again.consent, again.may_see_records) == (ConsentState.DECLARED, False)


def test_only_the_patient_answers(alice, bo, rui):
    link, others = add(alice), add(bo)

    for member, about in ((bo, link), (alice, others), (alice, link), (rui, own_link(rui))):
        with pytest.raises(Missing):
            answer(member, about, True)


def test_who_is_not_verified_answers_for_nobody(alice, rui):
    Patient.objects.update(state=PatientState.UNVERIFIED)

    link = add(alice)

    assert told(rui) == []
    with pytest.raises(Missing):
        answer(rui, link, True)


def test_a_guardian_speaks_for_a_minor_and_no_longer(alice, bo, desk):
    born = date(2015, 1, 1)
    paper = document(resident_id(3, born))
    own = add(alice, paper, relation="child", is_guardian=True)
    other = add(bo, paper, relation="child", is_guardian=True)
    with pytest.raises(Missing):
        answer(alice, other, True)
    confirm_consent(
        link_uid=own.uid,
        identity_kind=paper.kind,
        identity_number=paper.number,
        may_see_records=True,
        by=desk,
        now=clock.now(),
    )

    assert answer(alice, other, True).consent == "given"
    grown_up = clock.now().replace(year=2033, month=1, day=2)
    assert not FamilyLink.objects.get(pk=own.pk).speaks(grown_up)


def test_the_desk_confirms_what_the_document_shows(alice, desk):
    link = add(alice, passport())
    seen = {"link_uid": link.uid, "by": desk, "now": clock.now()}

    with pytest.raises(IdentityMismatch):
        confirm_consent(identity_kind="passport", identity_number="E99999999", **seen)
    with pytest.raises(IdentityMismatch):
        confirm_consent(identity_kind="resident_id", identity_number=resident_id(1, BORN), **seen)
    confirmed = confirm_consent(
        identity_kind="passport", identity_number="E12345678", may_see_records=True, **seen
    )

    assert (confirmed.consent, confirmed.may_see_records) == ("given", True)
    assert confirmed.patient.state == PatientState.VERIFIED
    assert set(OperationLog.objects.values_list("action", flat=True)) >= {
        "patient.verified",
        "consent.given",
    }


def test_the_desk_stops_somebody_for_a_reason(alice, rui, desk):
    link = add(alice)

    with pytest.raises(ReasonMissing):
        withdraw_consent(link_uid=link.uid, reason=" ", by=desk, now=clock.now())
    withdraw_consent(link_uid=link.uid, reason="asked at the desk", by=desk, now=clock.now())

    assert FamilyLink.objects.get(pk=link.pk).consent == ConsentState.WITHDRAWN
    log = OperationLog.objects.get(action="consent.withdrawn")
    assert (log.reason, log.actor_uid) == ("asked at the desk", desk.uid)


def test_nothing_stays_of_an_addition_that_fails(alice, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(family, "record_event", broken)
    before = (Patient.objects.count(), FamilyLink.objects.count())

    with pytest.raises(RuntimeError):
        add(alice)

    assert (Patient.objects.count(), FamilyLink.objects.count()) == before


def test_the_list_costs_the_same_for_one_and_for_many(alice, rui, django_assert_num_queries):
    add(alice)
    for number in range(3):
        add(MemberFactory(), document(own_patient(alice).identity_number.reveal()))
        add(alice, document(resident_id(20 + number, BORN)))

    with django_assert_num_queries(4):
        found = entries(alice, clock.now())

    assert len(found) == 5
    assert [len(each.bookers) for each in found] == [3, 0, 0, 0, 0]
