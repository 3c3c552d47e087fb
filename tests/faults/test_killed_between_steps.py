"""Does money move once, wherever in the steps of paying and giving back the process is killed?"""

import contextlib
import os
import signal
from itertools import count

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from appointments.services.cancelling import cancel_appointment
from billing.models import JournalEntry, Payment, Refund
from billing.sandbox.models import SandboxNotification, SandboxPayment, SandboxRefund
from billing.services.payments import settle_undecided_payments, take_in_notification
from billing.services.refunds import send_due_refunds
from medbook import clock, outgoing
from tests.appointments.paying import (
    SANDBOX,
    agree,
    at_the_bank,
    begin,
    deliver,
    news,
    signed_notification,
    states,
)
from tests.factories import member_with_patient, schedule_with_slots

pytestmark = pytest.mark.django_db(transaction=True)

MOST_POINTS = 60  # far more than there are; else the loop would hide that nothing is ever done


@pytest.fixture
def _bank(live_server, settings):
    """Let the bank and MedBook's door be another process's: what is killed here leaves them."""
    settings.PAYMENT_GATEWAYS = SANDBOX
    settings.SANDBOX_URL = f"{live_server.url}/sandbox"
    settings.BASE_URL = live_server.url


def killed_at(point, act):
    """Run an act in a process of its own that is killed at one of its steps; tell whether it was.

    Before and after each commit and each request that leaves the house is a step.
    """
    connections.close_all()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _die_at(point)
            act()
        os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(point):
    steps = count(1)

    def step():
        if next(steps) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(original):
        def call(*args, **kwargs):
            step()
            answer = original(*args, **kwargs)
            step()
            return answer

        return call

    BaseDatabaseWrapper._commit = around(BaseDatabaseWrapper._commit)
    outgoing.send = around(outgoing.send)


def each_point(prepare, act):
    """Yield what was prepared, once for each step at which the act was killed, and once whole."""
    for point in range(1, MOST_POINTS):
        prepared = prepare()
        was_killed = killed_at(point, lambda prepared=prepared: act(prepared))
        yield prepared
        if not was_killed:
            assert point > 4, "the act has hardly any steps"
            return
    raise AssertionError("the act never ended")


def settle_all():
    """Let every sweep go round, and the bank's postman, until nothing is left to do."""
    for _round in range(3):
        deliver()
        settle_undecided_payments(now=clock.now())
        send_due_refunds(now=clock.now())
        news()


def agreed():
    return agree(member_with_patient(), schedule_with_slots(1))


@pytest.mark.usefixtures("_bank")
def test_beginning_to_pay_opens_one_payment_at_the_bank():
    for visit in each_point(agreed, begin):
        payment = begin(visit)  # the member presses again: the same request

        assert Payment.objects.filter(invoice__subject=visit.subject).count() == 1
        assert SandboxPayment.objects.filter(number=payment.number).count() == 1
        at_the_bank(payment)
        settle_all()
        assert states(visit) == ("booked", ["paid"], ["captured"])


@pytest.mark.usefixtures("_bank")
def test_a_notification_books_once():
    def paid():
        visit = agreed()
        at_the_bank(begin(visit))
        return visit

    def take_in(visit):
        deliver_to_this_process(visit)
        news()

    for visit in each_point(paid, take_in):
        settle_all()

        payment = Payment.objects.get(invoice__subject=visit.subject)
        assert states(visit) == ("booked", ["paid"], ["captured"])
        reference = f"payment:{payment.uid}"
        assert JournalEntry.objects.filter(reference=reference).count() == 1


@pytest.mark.usefixtures("_bank")
def test_a_refund_goes_back_once():
    def cancelled():
        visit = agreed()
        at_the_bank(begin(visit))
        settle_all()
        cancel_appointment(appointment_uid=visit.uid, by=visit.member.user, now=clock.now())
        return visit

    def give_back(_visit):
        send_due_refunds(now=clock.now())
        news()

    for visit in each_point(cancelled, give_back):
        Refund.objects.filter(state="sent").update(next_attempt_at=clock.now())
        settle_all()

        refund = Refund.objects.get(payment__invoice__subject=visit.subject)
        assert refund.state == "succeeded"
        assert SandboxRefund.objects.filter(number=refund.number).count() == 1
        assert JournalEntry.objects.filter(reference=f"refund:{refund.uid}").count() == 1
        assert states(visit) == ("cancelled", ["refunded"], ["captured"])


def deliver_to_this_process(visit):
    """Take the bank's notification in right here, as the web server's process does."""
    payment = Payment.objects.get(invoice__subject=visit.subject)
    told = signed_notification(SandboxNotification.objects.get(number=payment.number))
    take_in_notification(gateway="sandbox", notification=told, now=clock.now())
