import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from appointments.services import receipts as of_visits
from appointments.services.cancelling import cancel_appointment
from billing.models import Invoice, Payment, Receipt, ReceiptCounter, Refund
from billing.rules.prices import quote
from billing.rules.receipts import Occasion
from billing.services.invoices import raise_invoice, record_desk_payment
from billing.services.receipts import issue_receipts
from billing.services.refunds import give_back, hand_back_refund
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.locks import retry_on_conflict
from medbook.outbox.services import dispatch_due_messages
from members.selectors.privacy import told_tables
from tests.appointments.booking import book, pay, reschedule
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    MemberFactory,
    UserFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.racing import counted, meeting, together

OCCASION = Occasion(
    code="east",
    issuer_en="East Clinic Ltd",
    issuer_zh="东院有限公司",
    address_en="",
    address_zh="",
    phone="",
    time_zone="Asia/Shanghai",
    doctor_en="Chen Wei",
    doctor_zh="陈伟",
    department_en="Cardiology",
    department_zh="心内科",
    starts_at="2026-03-02T01:00:00+00:00",
)


def paid(subject, fee="180.00"):
    """Ask for money for something, and take it."""
    price = quote(fee=Decimal(fee), currency="CNY", discount_rate=Decimal(1))
    with transaction.atomic():
        asked = {"subject": subject, "by": None, "now": clock.now()}
        raise_invoice(member=MemberFactory(), purpose="thing", quote=price, **asked)
        return record_desk_payment(
            subject=subject, gateway="desk_cash", by=UserFactory(), now=clock.now()
        )


@retry_on_conflict
@transaction.atomic
def issue(subject, *, now=None):
    return issue_receipts(subject=subject, occasion=OCCASION, patient=None, now=now or clock.now())


def numbers():
    return list(Receipt.objects.order_by("id").values_list("number", flat=True))


@pytest.fixture
def visit():
    """A visit at a clinic that has a legal name in English only."""
    clinic = ClinicFactory(
        code="west", name_en="West Clinic", name_zh="西院", legal_name_en="West Medical Ltd"
    )
    doctor = DoctorFactory(department=DepartmentFactory(clinic=clinic))
    return book(member_with_patient(), schedule_with_slots(doctor=doctor))


def give_visits_money_back(visit):
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    refund = Refund.objects.get()
    hand_back_refund(refund_uid=refund.uid, by=UserFactory(is_staff=True), now=clock.now())
    return refund


@pytest.mark.django_db
def test_a_payment_and_its_refund_get_their_receipts_by_the_outbox(visit):
    pay(visit)
    dispatch_due_messages(now=clock.now())
    refund = give_visits_money_back(visit)
    dispatch_due_messages(now=clock.now())
    of_visits.issue_receipts(subject=visit.subject)
    of_visits.issue_refund_receipt(refund_uid=str(refund.uid))

    first, second = Receipt.objects.order_by("id")
    year = clock.local_date(clock.now(), "Asia/Shanghai").year
    assert numbers() == [f"WEST-{year}-000001", f"WEST-{year}-000002"]
    assert (first.kind, first.amount, first.member) == ("payment", Decimal("180"), visit.member)
    assert (second.kind, second.original, second.refund) == ("refund", first, refund)
    assert first.patient == second.patient == visit.patient
    assert len(first.verify_code) == 20
    assert first.verify_code != second.verify_code
    assert OperationLog.objects.filter(action="receipt.issued").count() == 2


@pytest.mark.django_db
def test_a_receipt_is_a_copy_that_names_nobody(visit):
    pay(visit)
    of_visits.issue_receipts(subject=visit.subject)
    clinic, patient = visit.department.clinic, visit.patient
    clinic.legal_name_en, clinic.time_zone = "Sold Ltd", "Europe/London"
    clinic.save()

    receipt = Receipt.objects.get()

    told = receipt.told
    assert (told.issuer_en, told.issuer_zh) == ("West Medical Ltd", "西院")
    assert told.time_zone == "Asia/Shanghai"
    assert (told.doctor, told.department) == ("Chen Wei", "Cardiology")
    assert told.visit_at == visit.starts_at
    assert receipt.lines == [("Registration fee", "", Decimal("180.00"))]
    assert (receipt.way, told.reference) == ("Cash at the desk", Invoice.objects.get().reference)
    said = json.dumps(receipt.facts, ensure_ascii=False)
    for personal in (patient.name, patient.identity_number, visit.member.phone):
        assert personal.reveal() not in said


@pytest.mark.django_db
def test_each_part_gets_one_and_what_was_paid_too_much_gets_none():
    payment = paid("thing:1")
    extra = Payment.objects.get(pk=payment.pk)
    extra.pk, extra.uid, extra.is_extra = None, Receipt().uid, True
    extra.save()
    with transaction.atomic():
        give_back(
            payments=[extra], amount=extra.amount, reason="extra", key="k", by=None, now=clock.now()
        )
    hand_back_refund(refund_uid=Refund.objects.get().uid, by=UserFactory(), now=clock.now())

    assert [receipt.amount for receipt in issue("thing:1")] == [Decimal(180)]


@pytest.mark.django_db
def test_the_rest_of_a_dearer_time_gets_its_own(visit):
    later = visit.service_date + timedelta(days=1)
    pay(visit)
    pay(
        reschedule(
            visit, schedule_with_slots(doctor=visit.doctor, fee=Decimal(300), service_date=later)
        )
    )

    of_visits.issue_receipts(subject=visit.subject)

    assert list(Receipt.objects.values_list("amount", flat=True)) == [Decimal(180), Decimal(120)]


@pytest.mark.django_db
def test_the_year_is_the_clinics_and_begins_anew():
    for subject in ("thing:1", "thing:2", "thing:3"):
        paid(subject)

    issue("thing:1", now=datetime(2026, 12, 31, 15, 59, tzinfo=UTC))
    issue("thing:2", now=datetime(2026, 12, 31, 16, 0, tzinfo=UTC))
    issue("thing:3", now=datetime(2026, 12, 31, 16, 1, tzinfo=UTC))

    assert numbers() == ["EAST-2026-000001", "EAST-2027-000001", "EAST-2027-000002"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "act", ["UPDATE billing_receipt SET amount = 1", "DELETE FROM billing_receipt"]
)
def test_nothing_changes_a_receipt(act):
    paid("thing:1")
    issue("thing:1")

    with pytest.raises(IntegrityError), connection.cursor() as cursor, transaction.atomic():
        cursor.execute(act.format("billing_receipt"))


@pytest.mark.django_db
def test_an_issue_that_fails_leaves_no_gap(monkeypatch):
    paid("thing:1")
    paid("thing:2")
    with monkeypatch.context() as broken:
        broken.setattr("billing.services.receipts.record_event", fail)
        with pytest.raises(ZeroDivisionError):
            issue("thing:1")

    issue("thing:2")
    issue("thing:1")

    assert [number[-6:] for number in numbers()] == ["000001", "000002"]
    call_command("check_invariants", "--without-workers")


def fail(*_args, **_kwargs):
    raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_16_at_once_are_numbered_without_a_gap():
    subjects = [f"thing:{number}" for number in range(16)]
    for subject in subjects:
        paid(subject)

    outcomes = together(*(partial(issue, subject) for subject in subjects))

    assert counted(outcomes) == {"done": 16}
    assert sorted(Receipt.objects.values_list("seq", flat=True)) == list(range(1, 17))
    assert ReceiptCounter.objects.get().last == 16


@pytest.mark.django_db(transaction=True)
def test_the_same_payment_at_once_gets_one():
    paid("thing:1")

    outcomes = together(*(partial(issue, "thing:1") for _ in range(8)))

    assert counted(outcomes) == {"done": 8}
    assert Receipt.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_two_take_the_same_number(monkeypatch):
    for subject in ("thing:1", "thing:2", "thing:3"):
        paid(subject)
    issue("thing:1")

    class Seen(list):
        def first(self):
            return self[0]

    look = meeting(lambda rows, _rung: Seen(rows))
    monkeypatch.setattr("billing.services.receipts.lock", look)

    outcomes = together(partial(issue, "thing:2"), partial(issue, "thing:3"))

    assert counted(outcomes) == {"done": 1, "IntegrityError": 1}


@pytest.mark.django_db
def test_a_member_is_told_of_receipts(visit):
    pay(visit)
    of_visits.issue_receipts(subject=visit.subject)

    [table] = [table for table in told_tables(visit.member) if table.label == "billing.receipt"]

    assert {told.name for told in table.rows[0]} >= {"number", "amount", "issued_at", "facts"}
