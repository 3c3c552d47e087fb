"""How does the desk give money back?"""

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Permission
from django.urls import reverse

from appointments.services.cancelling import cancel_appointment
from billing.models import Refund
from billing.selectors import account_of, waiting_refunds
from medbook import clock
from medbook.audit.models import OperationLog
from tests.appointments.booking import book, pay
from tests.factories import UserFactory, member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db
REFUNDS = "admin:billing_refund_changelist"


@pytest.fixture
def refund():
    visit = book(member_with_patient(), schedule_with_slots(1))
    pay(visit)
    cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
    return Refund.objects.get()


def staff_with(*names):
    account = UserFactory(is_staff=True)
    account.user_permissions.set(Permission.objects.filter(codename__in=names))
    return account


def give_back(client, refund, **said):
    data = {"action": "hand_back", ACTION_CHECKBOX_NAME: [refund.pk], **said}
    return client.post(reverse(REFUNDS), data, follow=True)


def test_the_desk_confirms_that_the_money_was_given_back(client, refund):
    client.force_login(staff_with("view_refund", "hand_back_refund"))

    asked = give_back(client, refund)
    done = give_back(client, refund, confirmed="1")

    assert "Hand the money over first" in asked.text
    assert f"<li>{refund.reference} · ¥180</li>" in asked.text
    assert "¥180 given back." in done.text
    refund.refresh_from_db()
    assert (refund.state, refund.settled_by.is_staff) == ("succeeded", True)
    assert account_of(refund.payment.invoice.subject).invoice.state == "refunded"
    assert OperationLog.objects.filter(action="refund.settled").count() == 1


def test_twice_is_refused(client, refund):
    client.force_login(staff_with("view_refund", "hand_back_refund"))
    give_back(client, refund, confirmed="1")

    again = give_back(client, refund, confirmed="1")

    assert "This is not possible now." in again.text
    assert OperationLog.objects.filter(action="refund.settled").count() == 1


def test_who_only_looks_gives_nothing_back(client, refund):
    client.force_login(staff_with("view_refund"))

    give_back(client, refund, confirmed="1")

    refund.refresh_from_db()
    assert refund.state == "requested"


def test_the_home_of_the_desk_says_how_many_wait(client, refund):
    desk, reader = staff_with("view_refund", "hand_back_refund"), staff_with("view_refund")
    client.force_login(desk)

    home = client.get(reverse("admin:index"))

    assert "1 refund waits to be given back." in home.text
    assert reverse(REFUNDS) in home.text
    assert waiting_refunds(by=reader, now=clock.now()) is None


def test_those_that_wait_stand_first(client, refund):
    client.force_login(staff_with("view_refund", "hand_back_refund"))
    give_back(client, refund, confirmed="1")
    other = book(member_with_patient(), schedule_with_slots(1))
    pay(other)
    cancel_appointment(appointment_uid=other.uid, by=other.member.user, now=clock.now())

    rows = client.get(reverse(REFUNDS)).context["cl"].result_list

    assert [row.state for row in rows] == ["requested", "succeeded"]
