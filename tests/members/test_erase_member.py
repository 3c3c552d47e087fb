from datetime import timedelta

import pytest
from django.apps import apps
from django.test import Client

from appointments.services.cancelling import cancel_appointment
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.encryption import SealedField
from medbook.jobs.services import run_due_jobs
from members.choices import Channel, CodePurpose, ConsentState, Relation
from members.errors import AlreadyErased, ReasonMissing, StillOpen
from members.models import (
    ChannelChoice,
    Delivery,
    FamilyLink,
    Member,
    Notification,
    OneTimeCode,
    Patient,
    TokenFamily,
)
from members.services.erasing import erase_member
from members.services.exporting import start_export
from members.services.messages import notify_member
from members.services.tokens import issue_tokens
from tests.api import token_of
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    UserFactory,
    member_with_patient,
    resident_id,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db(transaction=True)

PHONE, EMAIL, NAME = "+8613912340088", "canary@example.org", "Alice Canary"
NUMBER, REASON, MESSAGE = resident_id(88), "A canary cough", "A canary message"
CANARIES = (PHONE, EMAIL, NAME, NUMBER, REASON, MESSAGE)


def erase(member, **options):
    return erase_member(
        member_uid=member.uid, by=options.pop("by", member.user), now=clock.now(), **options
    )


def opened():
    """Return everything that the database holds, with all that is sealed opened."""
    said = []
    for model in apps.get_models():
        if not model._meta.managed:
            continue
        for row in model._default_manager.all():
            for field in model._meta.local_concrete_fields:
                value = getattr(row, field.attname)
                if isinstance(field, SealedField) and value is not None:
                    value = value.reveal()
                said.append(f"{model._meta.label}.{field.name}={value!r}")
    return said


def found():
    lines = opened()
    return {canary for canary in CANARIES if any(canary in line for line in lines)}


@pytest.fixture
def alice():
    """Somebody with all that a member can have: a past visit, messages, codes, tokens, a file."""
    member = member_with_patient(phone=PHONE)
    member.email = EMAIL
    member.save()
    patient = member.links.get().patient
    patient.name, patient.identity_number = NAME, NUMBER
    patient.save()
    now = clock.now()
    visit = book(member, schedule_with_slots(3), reason=REASON)
    cancel_appointment(appointment_uid=visit.uid, by=member.user, now=now)
    notify_member(member=member, kind="code", key="1", facts={"code": MESSAGE}, now=now)
    ChannelChoice.objects.create(member=member, kind="code", channel=Channel.EMAIL, is_wanted=False)
    OneTimeCode.objects.create(
        purpose=CodePurpose.SIGN_IN,
        phone_index=bytes(Member.objects.get(pk=member.pk).phone_index),
        code_digest=b"x" * 32,
        network="127.0.0.0/24",
        created_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    issue_tokens(user=member.user, now=now)
    start_export(member=member, by=member.user, now=now)
    run_due_jobs(now=clock.now())
    return member


def test_nothing_that_names_a_member_is_left(alice):
    assert found() == set(CANARIES)

    erase(alice)

    assert found() == set()


def test_what_is_about_nobody_stays(alice):
    models = [
        apps.get_model(label)
        for label in ("appointments.Appointment", "billing.Invoice", "members.Consent")
    ]
    before = [model.objects.count() for model in models]
    acts = OperationLog.objects.count()

    erase(alice)

    alice.refresh_from_db()
    assert alice.erased_at is not None
    assert (alice.phone, alice.phone_index, alice.phone_suffix_index, alice.email) == (None,) * 4
    assert alice.number
    assert before == [model.objects.count() for model in models]
    assert OperationLog.objects.count() == acts + 1


@pytest.mark.parametrize(
    "model", [FamilyLink, Notification, Delivery, ChannelChoice, OneTimeCode, TokenFamily]
)
def test_what_is_only_for_the_member_goes(alice, model):
    assert model.objects.exists()

    erase(alice)

    assert not model.objects.exists()


def test_other_members_keep_theirs(alice):
    bo = member_with_patient(phone="+8613912340099")
    issue_tokens(user=bo.user, now=clock.now())

    erase(alice)

    bo.refresh_from_db()
    assert bo.phone.reveal() == "+8613912340099"
    assert bo.links.get().patient.name.reveal() == "Alice Chen"
    assert bo.consents.count() == 2
    assert TokenFamily.objects.filter(user=bo.user).exists()


def test_nobody_gets_in_any_more(alice):
    token = token_of(alice)
    browser = Client()
    browser.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")

    erase(alice)

    assert "/sign-in/" in browser.get("/en/appointments/")["Location"]
    assert Client().get("/api/v1/me/", headers=token).status_code == 401
    alice.user.refresh_from_db()
    assert not alice.user.check_password("medbook-demo")


def test_patients_whom_others_book_for_stay_theirs(alice):
    child = PatientFactory(name="Little Bo", identity_number=resident_id(89))
    mine = FamilyLinkFactory(member=alice, patient=child, relation=Relation.CHILD)
    theirs = FamilyLinkFactory(member=member_with_patient(), patient=child, relation=Relation.CHILD)

    erase(alice)

    child.refresh_from_db()
    assert child.name.reveal() == "Little Bo"
    assert not FamilyLink.objects.filter(pk=mine.pk).exists()
    assert FamilyLink.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("removed", [False, True])
def test_patients_whom_nobody_else_books_for_go(alice, removed):
    child = PatientFactory(name="Little Bo", identity_number=resident_id(89))
    FamilyLinkFactory(member=alice, patient=child, relation=Relation.CHILD, consent="given")
    if removed:
        FamilyLinkFactory(
            member=member_with_patient(),
            patient=child,
            relation=Relation.CHILD,
            removed_at=clock.now(),
        )

    erase(alice)

    child.refresh_from_db()
    assert (child.name, child.identity_number, child.birth_date) == (None, None, None)
    assert (child.identity_index, child.name_index) == (None, None)
    assert (child.identity_kind, child.sex, child.state) == ("", "unknown", "unverified")


def test_whom_the_desk_has_verified_nobody_erases_by_declaring(alice):
    known = PatientFactory(name="Rui Chen", identity_number=resident_id(888))
    FamilyLinkFactory(member=alice, patient=known, relation=Relation.PARENT, consent="declared")

    erase(alice)

    known.refresh_from_db()
    assert known.name.reveal() == "Rui Chen"


def test_records_joined_to_a_patient_go_along(alice):
    patient = alice.links.get().patient
    other = PatientFactory(name="Alice C.", identity_number=resident_id(90), joined_to=patient)

    erase(alice)

    other.refresh_from_db()
    assert (other.name, other.identity_number) == (None, None)


def test_a_visit_to_come_keeps_the_account(alice):
    book(alice, schedule_with_slots(3), key="again")

    with pytest.raises(StillOpen) as refusal:
        erase(alice)

    assert "appointments that are not over" in refusal.value.detail
    assert "bill of yours" in refusal.value.detail
    assert found() == set(CANARIES)


def test_an_erased_account_is_erased_once(alice):
    erase(alice)

    with pytest.raises(AlreadyErased):
        erase(alice, by=UserFactory(is_staff=True), reason="Asked by letter")


def test_staff_says_why(alice):
    desk = UserFactory(is_staff=True)

    with pytest.raises(ReasonMissing):
        erase(alice, by=desk, reason="  ")
    erase(alice, by=desk, reason="Asked by letter")

    row = OperationLog.objects.get(action="member.erased")
    assert (row.actor_uid, row.reason, row.subject_uid) == (
        desk.uid,
        "Asked by letter",
        alice.uid,
    )


def test_the_same_phone_and_document_may_join_anew(alice):
    erase(alice)

    again = member_with_patient(phone=PHONE)
    patient = again.links.get().patient
    patient.identity_number = NUMBER
    patient.save()

    assert again.number != alice.number
    assert Patient.objects.filter(identity_index=NUMBER).count() == 1


def test_an_export_under_way_ends_with_the_account(alice):
    now = clock.now() + timedelta(hours=1)
    start_export(member=alice, by=alice.user, now=now)

    erase(alice)

    assert run_due_jobs(now=now) == 0
    assert found() == set()


def test_the_page_says_what_goes_and_asks_for_the_number(alice):
    browser = Client()
    browser.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")

    shown = browser.get("/en/account/erase/")
    wrong = browser.post("/en/account/erase/", {"number": "M0000000"})
    right = browser.post("/en/account/erase/", {"number": f" {alice.number.lower()} "})

    assert "What stays" in shown.text
    assert wrong.status_code == 422
    assert "error-summary" in wrong.text
    assert (right.status_code, right["Location"]) == (302, "/en/account/erased/")
    assert "sessionid" not in browser.cookies or not browser.cookies["sessionid"].value
    assert browser.get("/en/account/erased/").status_code == 200


def test_the_page_lists_what_is_in_the_way(alice):
    book(alice, schedule_with_slots(3), key="again")
    browser = Client()
    browser.force_login(alice.user, "django.contrib.auth.backends.ModelBackend")

    shown = browser.get("/en/account/erase/")
    tried = browser.post("/en/account/erase/", {"number": alice.number})

    assert shown.text.count("appointments that are not over") == 1
    assert 'name="number"' not in shown.text
    assert tried.status_code == 409
    assert Member.objects.get(pk=alice.pk).erased_at is None


def test_whom_a_relative_books_for_stays_that_relatives_patient(alice):
    FamilyLinkFactory(
        member=member_with_patient(),
        patient=alice.links.get().patient,
        relation=Relation.PARENT,
        consent=ConsentState.GIVEN,
    )

    erase(alice)

    assert found() == {NAME, NUMBER}
