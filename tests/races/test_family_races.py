"""When several accounts add one person at once, is there one row, and nobody the wiser?"""

from datetime import date
from functools import partial

import pytest

from medbook import clock
from members.api.patients import PatientSerializer
from members.models import FamilyLink, Patient
from members.rules.identity import read_document
from members.services import family
from members.services.family import Described, add_patient
from tests.factories import member_with_patient, resident_id
from tests.racing import counted, meeting, together, without_index

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = resident_id(7, date(1960, 3, 4))


def adding(member, number=NUMBER):
    now = clock.now()
    document = read_document(
        kind="resident_id", number=number, birth_date=None, sex="", today=clock.site_date(now)
    )
    said = Described(name="Rui Chen", document=document, relation="parent")
    return partial(add_patient, member=member, said=said, by=member.user, now=now)


def answered(link):
    return {name: value for name, value in PatientSerializer(link).data.items() if name != "id"}


def test_two_accounts_add_the_same_person():
    members = [member_with_patient() for _ in range(2)]

    for tries in range(8):
        number = resident_id(20 + tries, date(1960, 3, 4))
        links = together(*[adding(member, number) for member in members])

        assert counted(links) == {"done": 2}
        assert Patient.objects.filter(identity_index=number).count() == 1
        assert {link.patient.identity_number.reveal() for link in links} == {number}
        assert answered(links[0]) == answered(links[1])
        FamilyLink.objects.filter(id__in=[link.id for link in links]).delete()


def test_sixteen_accounts_add_the_same_person():
    members = [member_with_patient() for _ in range(16)]

    links = together(*[adding(member) for member in members])

    assert counted(links) == {"done": 16}
    assert Patient.objects.filter(identity_index=NUMBER).count() == 1
    assert FamilyLink.objects.filter(patient__identity_index=NUMBER).count() == 16
    assert all(answered(link) == answered(links[0]) for link in links)


def test_one_account_adds_the_same_person_16_times():
    alice = member_with_patient()

    outcomes = together(*[adding(alice)] * 16)

    assert counted(outcomes) == {"done": 1, "already_your_patient": 15}
    assert alice.links.count() == 2


def test_without_the_index_there_would_be_several_rows(monkeypatch):
    members = [member_with_patient() for _ in range(2)]
    monkeypatch.setattr(family, "known_patient", meeting(family.known_patient))

    with without_index("one_patient_per_identity"):
        together(*[adding(member) for member in members])

        made = Patient.objects.filter(identity_index=NUMBER).count()
        FamilyLink.objects.filter(patient__identity_index=NUMBER).delete()
        Patient.objects.filter(identity_index=NUMBER).delete()

    assert made == 2
