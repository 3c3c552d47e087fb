from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.choices import InvoiceState, LineKind
from billing.errors import AlreadyPaid, NothingToPay
from billing.models import Invoice, Payment
from billing.rules.prices import quote
from billing.selectors import invoice_of
from billing.services.invoices import raise_invoice, record_desk_payment, void_invoice
from medbook import clock
from medbook.audit.models import OperationLog
from medbook.locks import Rung, lock
from tests.factories import MemberFactory, UserFactory
from tests.racing import at_once, meeting, without_index

SUBJECT = "appointment:3d1f7a52-0f4b-4d59-9a35-9a6a0f7f2d11"


def raised(fee="180.00", rate="0.9", subject=SUBJECT):
    price = quote(fee=Decimal(fee), currency="CNY", discount_rate=Decimal(rate))
    alice = MemberFactory()
    with transaction.atomic():
        return raise_invoice(
            member=alice,
            subject=subject,
            purpose="appointment",
            quote=price,
            by=alice.user,
            now=clock.now(),
        )


def pay(by, subject=SUBJECT):
    with transaction.atomic():
        return record_desk_payment(subject=subject, gateway="desk_cash", by=by, now=clock.now())


def void(by=None, subject=SUBJECT):
    with transaction.atomic():
        void_invoice(subject=subject, by=by, now=clock.now())


@pytest.mark.django_db
def test_asks_for_the_fee_less_the_discount():
    invoice = raised()

    assert (invoice.state, invoice.total) == (InvoiceState.OPEN, Decimal("162.00"))
    lines = invoice.lines.order_by("number").values_list("kind", "amount")
    assert list(lines) == [
        (LineKind.FEE, Decimal("180.00")),
        (LineKind.TIER_DISCOUNT, Decimal("-18.00")),
    ]
    event = OperationLog.objects.get(action="invoice.raised")
    assert event.subject_uid == invoice.uid
    assert event.facts["about"] == SUBJECT


@pytest.mark.django_db
def test_leaves_out_a_discount_of_nothing():
    assert raised(rate="1").lines.count() == 1


@pytest.mark.django_db
def test_an_invoice_of_nothing_is_paid_at_once_and_takes_no_money():
    invoice = raised(fee="0")

    assert invoice.state == InvoiceState.PAID
    with pytest.raises(NothingToPay):
        pay(UserFactory())


@pytest.mark.django_db
def test_asks_once_for_one_thing():
    raised()

    with pytest.raises(IntegrityError, match="one_live_invoice_per_subject_and_part"):
        raised()


@pytest.mark.django_db
def test_a_void_invoice_makes_room_for_another():
    first = raised()
    void()
    second = raised()

    first.refresh_from_db()
    assert first.state == InvoiceState.VOID
    assert first.voided_at is not None
    assert invoice_of(SUBJECT) == second
    assert OperationLog.objects.filter(action="invoice.voided", subject_uid=first.uid).count() == 1


@pytest.mark.django_db
def test_giving_up_what_was_never_asked_for_changes_nothing():
    void()

    assert not OperationLog.objects.exists()


@pytest.mark.django_db
def test_an_invoice_of_nothing_can_be_given_up():
    raised(fee="0")
    void()

    assert invoice_of(SUBJECT) is None


@pytest.mark.django_db
def test_takes_the_whole_at_the_desk():
    invoice, bo = raised(), UserFactory(is_staff=True)

    payment = pay(bo)

    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid_at) == (InvoiceState.PAID, payment.captured_at)
    assert (payment.amount, payment.recorded_by) == (Decimal("162.00"), bo)
    event = OperationLog.objects.get(action="payment.recorded")
    assert (event.actor_uid, event.facts["gateway"]) == (bo.uid, "desk_cash")


@pytest.mark.django_db
def test_a_second_press_takes_nothing():
    raised()
    bo = UserFactory(is_staff=True)
    pay(bo)

    with pytest.raises(AlreadyPaid) as refusal:
        pay(bo)

    assert refusal.value.code == "already_paid"
    assert Payment.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("is_void", [True, False])
def test_takes_no_money_that_nobody_asked_for(is_void):
    if is_void:
        raised()
        void()

    with pytest.raises(NothingToPay):
        pay(UserFactory())


@pytest.mark.django_db
def test_what_was_paid_is_not_given_up():
    raised()
    pay(UserFactory())

    with pytest.raises(AlreadyPaid):
        void()

    assert invoice_of(SUBJECT).state == InvoiceState.PAID


@pytest.mark.django_db
def test_nothing_stays_of_a_payment_that_could_not_be_recorded(monkeypatch):
    raised()
    monkeypatch.setattr("billing.services.invoices.record_event", fail)

    with pytest.raises(ZeroDivisionError):
        pay(UserFactory())

    assert not Payment.objects.exists()
    assert invoice_of(SUBJECT).state == InvoiceState.OPEN


def fail(*args, **kwargs):
    raise ZeroDivisionError


@pytest.mark.django_db(transaction=True)
def test_two_desks_at_once_take_the_money_once():
    raised()
    desks = [UserFactory() for _ in range(8)]

    outcomes = at_once(pay, desks)

    assert sorted(outcomes) == ["AlreadyPaid"] * 7 + ["Payment"]
    assert Payment.objects.count() == 1


@pytest.fixture
def _nobody_locks(monkeypatch):
    """Let two desks read the invoice before either writes."""
    monkeypatch.setattr("billing.services.invoices.lock", meeting(lambda rows, rung: list(rows)))


@pytest.mark.breaks("paid_means_the_money_came_in", "members_owe_what_is_open")
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_nobody_locks")
def test_without_lock_and_constraint_the_money_is_taken_twice():
    raised()
    desks = [UserFactory() for _ in range(2)]

    with without_index("one_capture_per_invoice"):
        outcomes = at_once(pay, desks)
        Payment.objects.all().delete()

    assert outcomes == ["Payment", "Payment"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_nobody_locks")
def test_without_the_lock_the_constraint_lets_one_through():
    raised()
    desks = [UserFactory() for _ in range(2)]

    assert sorted(at_once(pay, desks)) == ["AlreadyPaid", "Payment"]


@pytest.mark.django_db
def test_an_invoice_is_locked_after_the_appointment_it_is_about():
    raised()

    lock(Invoice.objects.order_by("id"), Rung.APPOINTMENT).first()

    assert pay(UserFactory()).amount == Decimal("162.00")
