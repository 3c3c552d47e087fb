"""Messages on their way, in tests."""

from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.models import Delivery
from members.services.deliveries import send_due_messages


def delivered(now=None):
    """Let the worker do what it does: hand on what was written, send what is due."""
    dispatch_due_messages(now=now or clock.now())
    return send_due_messages(now=now or clock.now())


def sent_by(channel, kind=None):
    """Return the texts of what was written to be sent by a channel."""
    rows = Delivery.objects.filter(channel=channel).order_by("id")
    return [row.text.reveal() for row in rows if kind in (None, row.kind)]
