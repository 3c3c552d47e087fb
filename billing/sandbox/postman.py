"""How do notifications reach the merchant?"""

from datetime import datetime, timedelta
from http.client import HTTPException

from billing.sandbox.models import SandboxNotification
from billing.sandbox.protocol import signed_headers
from medbook import outgoing

TIMEOUT_SECONDS = 5
WAITS = (2, 5, 15, 60, 300)  # seconds before another attempt
LAST_WAIT = 900
MOST_AT_ONCE = 50


def deliver_due(now: datetime, send: outgoing.Send | None = None) -> int:
    """Send what is due, each at most once; what fails is due again later. Returns how many."""
    due = SandboxNotification.objects.filter(due_at__lte=now).order_by("due_at", "id")
    mine = [each for each in due[:MOST_AT_ONCE] if _claimed(each, now)]
    for notification in mine:
        _deliver(notification, now, send or outgoing.send)
    return len(mine)


def _claimed(notification: SandboxNotification, now: datetime) -> bool:
    """Plan the next attempt before this one, so that neither a crash nor a twin repeats it."""
    wait = (*WAITS, LAST_WAIT)[min(notification.attempts, len(WAITS))]
    again = now + timedelta(seconds=wait)
    is_last = notification.is_forged or again > notification.gives_up_at
    rows = SandboxNotification.objects.filter(pk=notification.pk, due_at=notification.due_at)
    attempts = notification.attempts + 1
    return bool(rows.update(due_at=None if is_last else again, attempts=attempts))


def _deliver(notification: SandboxNotification, now: datetime, send: outgoing.Send) -> None:
    body = notification.body.encode()
    headers = signed_headers(body, now=now, is_forged=notification.is_forged)
    rows = SandboxNotification.objects.filter(pk=notification.pk)
    try:
        status = send("POST", notification.url, body, headers, TIMEOUT_SECONDS).status
    except (OSError, HTTPException, ValueError) as error:  # ValueError: a host that is no name
        rows.update(answer=type(error).__name__)
        return
    if status == 200:
        rows.update(answer="200", delivered_at=now, due_at=None)
    else:
        rows.update(answer=str(status))
