"""Short ways to pay online in tests: MedBook and Sandbox Bank meet in this process, no socket."""

from decimal import Decimal

from appointments.choices import WayToPay
from appointments.models import Appointment
from appointments.services.booking import book_slot
from billing.gateways.base import Notification
from billing.models import Invoice, Payment
from billing.sandbox.choices import Behaviour
from billing.sandbox.models import SandboxPayment
from billing.sandbox.postman import deliver_due
from billing.sandbox.protocol import signed_headers
from billing.sandbox.services import settle_payment
from billing.services.payments import start_payment
from medbook import clock, outgoing
from medbook.outbox.services import dispatch_due_messages

SANDBOX = {"sandbox": "billing.gateways.sandbox.SandboxGateway"}


def agree(member, schedule, *, key="key", now=None, **chosen):
    """Agree on a place for the member's first patient, to be paid online."""
    return book_slot(
        member=member,
        patient=member.links.order_by("id").first().patient,
        schedule_uid=schedule.uid,
        way_to_pay=WayToPay.ONLINE,
        idempotency_key=key,
        by=member.user,
        now=now or clock.now(),
        **chosen,
    ).appointment


def begin(visit, *, key="pay", now=None):
    """Begin to pay what was asked for last of a visit."""
    asked = Invoice.objects.filter(subject=visit.subject).latest("id")
    return start_payment(
        invoice_uid=asked.uid,
        member=visit.member,
        gateway="sandbox",
        return_url="http://testserver/back/",
        idempotency_key=key,
        by=visit.member.user,
        now=now or clock.now(),
    ).payment


def at_the_bank(payment, behaviour=Behaviour.NORMAL, late_seconds=60, now=None):
    """Press the button of the bank's page."""
    shown = SandboxPayment.objects.get(number=payment.number)
    settle_payment(
        payment_uid=shown.uid,
        behaviour=behaviour,
        late_seconds=late_seconds,
        now=now or clock.now(),
    )


def deliver(now=None):
    """Let the bank's postman go round once, and MedBook's news leave."""
    deliver_due(now or clock.now(), outgoing.send)
    news(now)


def news(now=None):
    """Let MedBook's news leave."""
    while dispatch_due_messages(now=now or clock.now()):
        pass


def pay_online(visit, behaviour=Behaviour.NORMAL, *, key="pay"):
    """Pay for a visit as a member does, from the button to the notification."""
    payment = begin(visit, key=key)
    at_the_bank(payment, behaviour)
    deliver()
    return payment


def signed_notification(notification):
    """Write a notification of the bank as MedBook's door hands it on."""
    body = notification.body.encode()
    headers = signed_headers(body, now=clock.now()).items()
    return Notification({name.lower(): value for name, value in headers}, body)


def states(visit):
    """Tell the states of a visit, of what is asked for it, and of the attempts to pay."""
    asked = Invoice.objects.filter(subject=visit.subject).order_by("id")
    tried = Payment.objects.filter(invoice__subject=visit.subject).order_by("id")
    return (
        Appointment.objects.get(pk=visit.pk).state,
        list(asked.values_list("state", flat=True)),
        list(tried.values_list("state", flat=True)),
    )


def refunds(visit):
    """List what goes back of a visit: reason, amount and state."""
    return [
        (refund.reason, Decimal(refund.amount), refund.state)
        for payment in Payment.objects.filter(invoice__subject=visit.subject).order_by("id")
        for refund in payment.refunds.order_by("id")
    ]
