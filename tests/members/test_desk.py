"""Does the desk find, register, join and open people, and is each look written down?"""

from datetime import date, timedelta

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.errors import Missing
from members.choices import ConsentState, PatientState, Relation
from members.errors import (
    IdentityMismatch,
    PatientInUse,
    ReasonTooShort,
    SamePatient,
    TooManyReveals,
)
from members.models import Patient
from members.selectors.patients import known_patient
from members.selectors.people import find_people, own_patient
from members.services.patients import (
    MOST_REVEALS,
    join_patients,
    register_patient,
    reveal_identity,
    search_people,
    verify_patient,
)
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
from tests.members.people import staff

pytestmark = pytest.mark.django_db

BORN = date(1960, 3, 4)
KNOWN = resident_id(7, BORN)


@pytest.fixture
def desk():
    return UserFactory(username="desk-9", is_staff=True)


@pytest.fixture
def at_desk(client):
    user = staff("desk")
    client.force_login(user)
    return user


def person(number="E12345678", kind="passport", **more):
    fields = {"state": PatientState.UNVERIFIED, "birth_date": BORN, "name": "Rui Chen", **more}
    return PatientFactory(identity_kind=kind, identity_number=number, **fields)


def papers(kind="passport", number="E12345678"):
    return {"identity_kind": kind, "identity_number": number}


@pytest.mark.parametrize(
    ("kind", "number", "text"),
    [
        ("passport", "E12345678", "e 1234-5678"),
        ("hk_macao_permit", "H12345678", "H1234567802"),
        ("taiwan_permit", "12345678", "1234567802(B)"),
        ("birth_certificate", "R110123456", "r110123456"),
        ("resident_id", KNOWN, KNOWN.lower()),
    ],
)
def test_finds_people_by_every_document(kind, number, text):
    patient = person(number, kind)

    assert [found.patient for found in find_people(text)] == [patient]
    assert find_people(text[1:]) == []


def test_a_number_finds_only_its_own_kind_of_document():
    person("12345678A", "passport")

    assert find_people("12345678") == []


@pytest.mark.parametrize("text", ["chen 0003", "CHEN0003", "Rui 0003"])
def test_finds_by_surname_and_last_four_digits(text):
    rui = FamilyLinkFactory(
        member=MemberFactory(phone="+8613912340003"), patient=person(name="Rui Chen")
    )
    FamilyLinkFactory(
        member=MemberFactory(phone="+8613912350003"),
        patient=PatientFactory(name="Li Na"),
    )

    assert [found.link for found in find_people(text)] == [rui]
    assert len(find_people("0003")) == 2


def test_finds_by_a_chinese_surname():
    link = FamilyLinkFactory(
        member=MemberFactory(phone="+8613912340003"), patient=person(name="欧阳娜娜")
    )

    assert [found.link for found in find_people("欧阳0003")] == [link]
    assert find_people("娜0003") == []


def test_who_was_removed_from_a_list_is_found_alone():
    link = FamilyLinkFactory(patient=person(), removed_at=clock.now(), relation=Relation.CHILD)

    [found] = find_people("E12345678")

    assert (found.patient, found.link) == (link.patient, None)


def test_a_search_is_written_down_without_its_words(desk):
    patient = person()

    search_people(text="E12345678", by=desk)
    search_people(text="e12345678", by=desk)
    search_people(text="Rui Chen", by=desk)
    search_people(text="Nobody", by=desk)

    rows = list(OperationLog.objects.filter(action="people.searched").order_by("id"))
    assert [row.facts["count"] for row in rows] == [1, 1, 1, 0]
    assert rows[0].facts["patients"] == [str(patient.uid)]
    assert rows[0].facts["index"] == rows[1].facts["index"] != rows[2].facts["index"]
    assert "E12345678" not in str([(row.facts, row.reason) for row in rows])
    assert {row.actor_uid for row in rows} == {desk.uid}


def test_registers_somebody_without_a_document(desk):
    now = clock.now()

    patient = register_patient(
        name="Baby Chen", birth_date=clock.site_date(now), sex="female", by=desk, now=now
    )

    assert patient.state == PatientState.UNVERIFIED
    assert not patient.has_identity
    assert [found.patient for found in find_people("baby chen")] == [patient]
    assert OperationLog.objects.get(action="patient.registered").patient_uid == patient.uid


def test_the_desk_registers_on_a_page(client, at_desk):
    page = "/admin/register-patient/"
    assert client.get(page).status_code == 200
    tomorrow = clock.site_date(clock.now()) + timedelta(days=1)

    for wrong in (
        {"name": ""},
        {"name": "A\x00"},
        {"name": "x" * 10_000},
        {"birth_date": tomorrow},
        {"birth_date": "1800-01-01"},
        {"sex": "other"},
    ):
        said = {"name": "Baby Chen", "birth_date": "", "sex": "unknown", **wrong}
        assert client.post(page, said).status_code == 422, wrong
    answer = client.post(page, {"name": "Baby Chen", "birth_date": "", "sex": "unknown"})

    assert answer["Location"] == f"/admin/members/patient/{Patient.objects.get().pk}/change/"
    assert "Baby" not in client.get(answer["Location"]).text


@pytest.mark.parametrize(
    ("kind", "number"), [("passport", "E12345678"), ("birth_certificate", "R110123456")]
)
def test_verifies_every_kind_of_document(desk, kind, number):
    patient = person(number, kind)
    act = {"patient_uid": patient.uid, "by": desk, "now": clock.now()}

    with pytest.raises(IdentityMismatch):
        verify_patient(**act, **papers(kind, number[:-1] + "0"))
    with pytest.raises(IdentityMismatch):
        verify_patient(**act, **papers("taiwan_permit", number))
    assert verify_patient(**act, **papers(kind, number)).state == PatientState.VERIFIED


def test_takes_what_the_document_shows(desk):
    baby = PatientFactory(
        identity_kind="", identity_number=None, state="unverified", birth_date=None
    )

    verified = verify_patient(
        patient_uid=baby.uid,
        **papers("birth_certificate", "R110123456"),
        birth_date=BORN,
        by=desk,
        now=clock.now(),
    )

    assert verified.identity_number.reveal() == "R110123456"
    assert verified.birth_date.reveal() == BORN


def test_a_registered_patient_is_joined_to_the_record_of_the_document(desk):
    alice = member_with_patient()
    empty = PatientFactory(identity_kind="", identity_number=None, state="unverified")
    link = FamilyLinkFactory(member=alice, patient=empty, relation=Relation.CHILD)
    empty.strikes.create(reference="x", occurred_at=clock.now())
    owner = person()

    verified = verify_patient(patient_uid=empty.uid, **papers(), by=desk, now=clock.now())

    assert verified == owner
    link.refresh_from_db()
    assert link.patient == owner
    assert owner.strikes.count() == 1


def test_two_documents_of_one_person_become_one_record(desk):
    alice = member_with_patient()
    first, second = person(), person(KNOWN, "resident_id")
    link = FamilyLinkFactory(member=alice, patient=first, relation=Relation.PARENT)
    first.strikes.create(reference="x", occurred_at=clock.now())
    act = {"patient_uid": first.uid, "by": desk, "now": clock.now()}

    joined = join_patients(**act, **papers("resident_id", KNOWN))

    assert (joined, joined.state) == (second, PatientState.VERIFIED)
    link.refresh_from_db()
    assert link.patient == second
    assert second.strikes.count() == 1
    assert known_patient("passport", "E12345678") == second
    log = OperationLog.objects.get(action="patients.joined")
    assert log.facts == {"from": str(first.uid), "to": str(second.uid)}


def test_a_chain_of_records_leads_to_the_last(desk):
    first, second, third = person(), person(KNOWN, "resident_id"), person("G7654321")
    act = {"by": desk, "now": clock.now()}
    join_patients(patient_uid=first.uid, **papers("resident_id", KNOWN), **act)

    join_patients(patient_uid=second.uid, **papers("passport", "G7654321"), **act)

    for kind, number in (("passport", "E12345678"), ("resident_id", KNOWN)):
        assert known_patient(kind, number) == third


def test_what_cannot_be_joined(desk):
    first = person()
    alice = FamilyLinkFactory(patient=first).member
    person(KNOWN, "resident_id")
    act = {"patient_uid": first.uid, "by": desk, "now": clock.now()}

    with pytest.raises(SamePatient):
        join_patients(**act, **papers())
    with pytest.raises(Missing):
        join_patients(**act, **papers("passport", "E99999999"))
    book(alice, schedule_with_slots(2))
    with pytest.raises(PatientInUse):
        join_patients(**act, **papers("resident_id", KNOWN))


def reveal(patient, by, reason="calls from the desk", now=None):
    return reveal_identity(patient_uid=patient.uid, reason=reason, by=by, now=now or clock.now())


def test_nobody_is_opened_without_a_few_words(desk):
    patient = person()

    with pytest.raises(ReasonTooShort):
        reveal(patient, desk, reason="curious  ")
    with pytest.raises(ReasonTooShort):
        reveal(patient, desk, reason="123456789")
    assert not OperationLog.objects.exists()
    assert reveal(patient, desk, reason="1234567890").name == "Rui Chen"


def test_fifty_people_an_hour_are_enough(desk):
    patient, other = person(), UserFactory(is_staff=True)
    for _ in range(MOST_REVEALS):
        reveal(patient, desk)

    with pytest.raises(TooManyReveals):
        reveal(patient, desk)

    row = OperationLog.objects.get(action="reveals.exceeded")
    assert (row.outcome, row.actor_uid, row.patient_uid) == ("denied", desk.uid, patient.uid)
    assert OperationLog.objects.filter(action="identity.revealed").count() == MOST_REVEALS
    assert reveal(patient, other).name == "Rui Chen"
    assert reveal(patient, desk, now=clock.now() + timedelta(hours=1)).name == "Rui Chen"


def test_too_many_are_answered_with_429(client, at_desk):
    patient = person()
    for _ in range(MOST_REVEALS):
        reveal(patient, at_desk)

    answer = client.post(
        f"/admin/members/patient/{patient.pk}/reveal/", {"reason": "calls from the desk"}
    )

    assert answer.status_code == 429
    assert answer["Retry-After"] == "3600"
    assert "Rui Chen" not in answer.text


def test_the_desk_notes_and_takes_back_consents(client, at_desk):
    link = FamilyLinkFactory(patient=person(), relation=Relation.PARENT)
    page = "/admin/members/familylink/"
    chosen = {ACTION_CHECKBOX_NAME: [link.pk], "confirmed": "yes"}
    shown = client.get(page).text
    assert "Rui" not in shown

    wrong = client.post(page, {"action": "confirm", **chosen, **papers(number="1")})
    assert wrong.status_code == 422
    client.post(page, {"action": "confirm", **chosen, **papers(), "may_see_records": "on"})
    link.refresh_from_db()
    assert (link.consent, link.may_see_records) == (ConsentState.GIVEN, True)

    client.post(page, {"action": "withdraw", **chosen, "reason": "asked at the desk"})
    link.refresh_from_db()
    assert link.consent == ConsentState.WITHDRAWN


def test_the_desk_excuses_a_missed_visit(client, at_desk):
    strike = person().strikes.create(reference="x", occurred_at=clock.now())
    page = "/admin/members/strike/"
    assert client.get(page).status_code == 200

    client.post(
        page,
        {
            "action": "excuse",
            ACTION_CHECKBOX_NAME: [strike.pk],
            "confirmed": "yes",
            "reason": "the clinic was closed",
        },
    )

    strike.refresh_from_db()
    assert strike.excuse == "the clinic was closed"


def test_the_desk_joins_records_in_the_list(client, at_desk):
    first, second = person(), person(KNOWN, "resident_id")

    client.post(
        "/admin/members/patient/",
        {
            "action": "join",
            ACTION_CHECKBOX_NAME: [first.pk],
            "confirmed": "yes",
            **papers("resident_id", KNOWN),
        },
    )

    first.refresh_from_db()
    assert first.joined_to == second


def test_appeals_are_listed_for_staff(client):
    client.force_login(staff("administrator"))
    alice = member_with_patient()
    pause = own_patient(alice).suspensions.create(
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=30),
        reason="missed_visits",
        appeal="the train stood still",
        appealed_at=clock.now(),
    )
    page = "/admin/members/suspension/"
    assert client.get(f"{page}?appealed_at__isempty=0").status_code == 200
    assert "the train stood still" in client.get(f"{page}{pause.pk}/change/").text

    client.post(
        page,
        {
            "action": "end",
            ACTION_CHECKBOX_NAME: [pause.pk],
            "confirmed": "yes",
            "reason": "appeal granted",
        },
    )

    pause.refresh_from_db()
    assert pause.ends_at <= clock.now()
