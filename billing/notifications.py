"""What leaves billing after the commit?"""

import uuid

from celery import current_app
from django.db import transaction

from billing.models import Refund

SENDER = "billing.tasks.send_one_refund"


def send_asked_refund(*, refund_uid: str) -> None:
    """Ask the worker to send a refund that is approved; a sweep finds what this misses.

    The dispatcher has a transaction open here, and a gateway may be slow.
    """
    due = Refund.objects.filter(uid=uuid.UUID(refund_uid), next_attempt_at__isnull=False)
    if due.exists():
        transaction.on_commit(lambda: _poke(refund_uid), robust=True)


def _poke(refund_uid: str) -> None:
    current_app.send_task(
        SENDER, kwargs={"refund_uid": refund_uid}, ignore_result=True, retry=False
    )
