"""Does joining make an account, a member and a patient, and tell nothing of others?"""

from datetime import date

import pytest
from django.db import IntegrityError, connection

from medbook import clock
from medbook.audit.models import OperationLog
from members.choices import ConsentState, PatientState, Relation
from members.models import FamilyLink, Member, Patient, User
from members.selectors.patients import own_name
from members.selectors.people import own_patient
from members.services import accounts
from members.services.accounts import join_member
from tests.members.people import NAME, NUMBER, PASSWORD, PHONE, asked, joined

pytestmark = pytest.mark.django_db


def join(**answers):
    return join_member(**asked(**answers), now=clock.now())


def rows():
    return [model.objects.count() for model in (User, Member, Patient, FamilyLink, OperationLog)]


def test_makes_account_member_patient_and_link():
    alice = join(language="zh-hans")
    patient = own_patient(alice)

    assert alice.user.check_password(PASSWORD)
    assert alice.user.language == "zh-hans"
    assert not alice.user.is_staff
    assert len(alice.number) == 9
    assert alice.number.startswith("M")
    assert alice.tier.code == "member"
    assert alice.phone.reveal() == PHONE
    assert (patient.name.reveal(), patient.identity_number.reveal()) == (NAME, NUMBER)
    assert (patient.birth_date.reveal(), patient.sex) == (date(1949, 12, 31), "female")
    assert patient.state == PatientState.UNVERIFIED
    assert patient.has_identity
    assert alice.links.get().relation == Relation.SELF


def test_is_written_down_without_personal_data():
    alice = join()
    row = OperationLog.objects.get()

    assert (row.action, row.subject_uid) == ("member.joined", alice.uid)
    assert row.actor_uid == alice.user.uid
    assert row.patient_uid == own_patient(alice).uid
    assert PHONE[3:] not in str(vars(row))
    assert "Canary" not in str(vars(row))


def test_a_known_phone_number_changes_nothing():
    alice = join()
    before = rows()

    again = join(phone="+8613912340001", password="another long phrase", name="Mallory")

    alice.user.refresh_from_db()
    assert again is None
    assert rows() == before
    assert alice.user.check_password(PASSWORD)
    assert own_patient(alice).name.reveal() == NAME


def test_a_known_identity_number_leads_to_nobodys_record():
    alice = join()

    bo = joined(identity_number=NUMBER, name="Bo")

    link = bo.links.get()
    assert own_patient(bo) is None
    assert (link.consent, link.may_see_records) == (ConsentState.DECLARED, False)
    assert link.patient == own_patient(alice)
    assert own_name(bo) == "Bo"
    assert own_patient(alice).name.reveal() == NAME
    assert Patient.objects.count() == 1
    log = OperationLog.objects.order_by("id").last()
    assert (log.action, log.reason) == ("member.joined", "document_known")


def test_whoever_the_desk_knows_is_told_that_somebody_uses_their_document():
    alice = join()
    Patient.objects.update(state=PatientState.VERIFIED)

    joined(identity_number=NUMBER, name="Bo")
    joined(name="Chen")

    assert list(alice.notifications.values_list("kind", flat=True)) == ["family_link_added"]


def test_joins_without_an_identity_number():
    bo = joined(identity_number="")

    assert not own_patient(bo).has_identity
    assert own_patient(bo).birth_date is None


def test_leaves_nothing_when_the_last_write_fails(monkeypatch):
    def fails(*_args, **_about):
        raise IntegrityError("the log is away")

    monkeypatch.setattr(accounts, "record_event", fails)
    before = rows()

    with pytest.raises(IntegrityError):
        join()

    assert rows() == before


def test_the_database_holds_nothing_in_clear():
    join()

    with connection.cursor() as cursor:
        for table in ("members_member", "members_patient", "members_user", "audit_operationlog"):
            cursor.execute(f"SELECT array_agg(t::text) FROM {table} t")
            stored = str(cursor.fetchone()[0])
            for canary in (PHONE[3:], NAME, NUMBER, "1949"):
                assert canary not in stored, table
                assert canary.encode().hex() not in stored, table


@pytest.mark.parametrize("table", ["members_member", "members_patient"])
def test_uids_never_change(table):
    join()

    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="never changes"):
        cursor.execute(f"UPDATE {table} SET uid = gen_random_uuid()")
