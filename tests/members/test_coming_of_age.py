"""Are members told, once and in time, that a child will have to agree in person?"""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from members import tasks
from members.choices import ConsentState, Relation
from members.models import FamilyLink, Notification, User
from members.services import coming_of_age
from members.services.coming_of_age import announce_coming_of_age
from tests.factories import FamilyLinkFactory, MemberFactory, PatientFactory, resident_id

pytestmark = pytest.mark.django_db

BORN = date(2010, 6, 1)
AGREED = datetime(2027, 1, 5, 4, tzinfo=UTC)
EIGHTEENTH = datetime(2028, 6, 1, 4, tzinfo=UTC)  # noon at the clinic
DAY = timedelta(days=1)


def child_of(member, *, born=BORN, patient=None, **link):
    if patient is None:
        number = resident_id(3, born)
        patient = PatientFactory(name="Mei", identity_number=number, birth_date=born)
    said = {
        "relation": Relation.CHILD,
        "label": "Mei",
        "birth_date": born,
        "consent_at": AGREED,
        **link,
    }
    return FamilyLinkFactory(member=member, patient=patient, **said)


@pytest.fixture
def alice():
    return MemberFactory()


def told(member):
    return Notification.objects.filter(member=member, kind="consent_at_18")


@pytest.mark.parametrize(
    ("days_before", "is_told"), [(31, False), (30, True), (1, True), (0, False), (-1, False)]
)
def test_a_guardian_is_told_within_thirty_days_before(alice, days_before, is_told):
    child_of(alice)

    assert announce_coming_of_age(now=EIGHTEENTH - days_before * DAY) == is_told

    assert told(alice).exists() == is_told


@pytest.mark.parametrize(
    ("hour", "is_told"), [(15, False), (16, True)], ids=["late in the evening", "after midnight"]
)
def test_days_are_those_of_the_clinic(alice, hour, is_told):
    child_of(alice)

    announce_coming_of_age(now=(EIGHTEENTH - 31 * DAY).replace(hour=hour))

    assert told(alice).exists() == is_told


def test_says_who_and_from_when_and_nothing_personal_in_the_key(alice):
    link = child_of(alice)

    announce_coming_of_age(now=EIGHTEENTH - DAY)

    row = told(alice).get()
    facts = json.loads(row.facts.reveal())
    assert (facts["name"], facts["day"]["in"]["en"]) == ("Mei", "1 Jun 2028")
    assert facts["day"]["in"]["zh-hans"] != facts["day"]["in"]["en"]
    assert (row.key, row.path) == (str(link.patient.uid), "patients/")


def test_is_told_once_to_each_who_books(alice):
    bo = MemberFactory()
    link = child_of(alice)
    child_of(bo, patient=link.patient, relation=Relation.OTHER)

    for days_before in (30, 29, 1):
        announce_coming_of_age(now=EIGHTEENTH - days_before * DAY)

    assert (told(alice).count(), told(bo).count()) == (1, 1)


@pytest.mark.parametrize(
    "link",
    [
        {"removed_at": AGREED},
        {"consent": ConsentState.WITHDRAWN},
        {"relation": Relation.SELF},
        {"consent_at": EIGHTEENTH},
        {"born": BORN - 40 * DAY},
    ],
    ids=["removed", "withdrawn", "oneself", "agreed as an adult", "an adult"],
)
def test_nobody_else_is_told(alice, link):
    child_of(alice, **link)

    assert announce_coming_of_age(now=EIGHTEENTH - DAY) == 0

    assert not told(alice).exists()


def test_a_closed_account_is_told_nothing(alice):
    child_of(alice)
    User.objects.filter(pk=alice.user.pk).update(is_active=False)

    assert announce_coming_of_age(now=EIGHTEENTH - DAY) == 0


def test_what_the_member_wrote_counts_until_somebody_has_agreed(alice):
    patient = PatientFactory(birth_date=date(1960, 3, 4))
    child_of(alice, patient=patient)

    assert announce_coming_of_age(now=EIGHTEENTH - DAY) == 1


def test_a_link_removed_meanwhile_is_left_alone(alice, monkeypatch):
    link = child_of(alice)
    before = [FamilyLink.objects.get(pk=link.pk)]
    FamilyLink.objects.filter(pk=link.pk).update(removed_at=AGREED)
    monkeypatch.setattr(coming_of_age, "_batches", lambda: [before])

    assert announce_coming_of_age(now=EIGHTEENTH - DAY) == 0


def test_goes_through_all_in_batches(alice, monkeypatch):
    monkeypatch.setattr(coming_of_age, "BATCH", 2)
    members = [MemberFactory() for _ in range(5)]
    link = child_of(members[0])
    for member in members[1:]:
        child_of(member, patient=link.patient)

    assert announce_coming_of_age(now=EIGHTEENTH - DAY) == 5


def test_is_done_every_day(alice, time_machine):
    child_of(alice)
    time_machine.move_to(EIGHTEENTH - DAY, tick=False)

    tasks.announce_coming_of_age()

    assert told(alice).count() == 1
