import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from billing.models import Invoice, Payment
from medbook.outbox.models import OutboxMessage
from tests.appointments.booking import fill
from tests.billing.test_invoices import pay, raised
from tests.factories import UserFactory, schedule_with_slots

pytestmark = pytest.mark.django_db
INVOICES = "admin:billing_invoice_changelist"


@pytest.fixture
def finance(client):
    """Fiona, who may look at invoices and payments, signed in."""
    fiona = UserFactory(username="fiona", is_staff=True)
    names = ["view_invoice", "view_invoiceline", "view_payment"]
    fiona.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(fiona)
    return client


def test_finds_an_invoice_by_its_reference(finance):
    invoice, _other = raised(), raised(subject="appointment:other")

    page = finance.get(reverse(INVOICES, query={"q": invoice.reference}))

    assert list(page.context["cl"].result_list) == [invoice]


def test_shows_lines_and_payments_of_an_invoice(finance):
    invoice = raised()
    pay(UserFactory(username="daisy"))

    page = finance.get(reverse("admin:billing_invoice_change", args=[invoice.pk]))

    text = page.content.decode()
    assert page.status_code == 200
    assert "Tier discount" in text
    assert "daisy" in text
    assert 'name="_save"' not in text


def test_the_list_takes_as_many_queries_for_many_as_for_few(finance, django_assert_max_num_queries):
    fill(schedule_with_slots(9))

    with django_assert_max_num_queries(12):
        page = finance.get(reverse(INVOICES))

    assert len(page.context["cl"].result_list) == 9


@pytest.mark.parametrize("model", ["invoice", "payment"])
def test_even_a_superuser_changes_nothing_here(admin_client, model):
    raised()
    pay(UserFactory())
    row = {"invoice": Invoice, "payment": Payment}[model].objects.get()

    def answer(act, *args):
        return admin_client.post(reverse(f"admin:billing_{model}_{act}", args=args), {"post": "y"})

    assert answer("add").status_code == 403
    assert answer("change", row.pk).status_code == 403
    assert answer("delete", row.pk).status_code == 403


def test_the_outbox_shows_what_waits_and_what_fails(admin_client):
    fill(schedule_with_slots(1))
    assert OutboxMessage.objects.exists()
    OutboxMessage.objects.update(attempts=2, last_error="ConnectionError")
    address = "admin:outbox_outboxmessage_changelist"

    def shown(waiting):
        page = admin_client.get(reverse(address, query={"waiting": waiting}))
        return page.context["cl"].result_count

    assert [shown("yes"), shown("failing"), shown("no")] == [1, 1, 0]
