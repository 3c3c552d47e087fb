"""What leaves the house for members after the commit?"""

import uuid

from celery import current_app
from django.db import transaction

from members.choices import DeliveryState
from members.models import Delivery

SENDER = "members.tasks.send_one_message"


def send_delivery(*, delivery_uid: str) -> None:
    """Ask the worker to send a message that still waits; a sweep finds what this misses.

    The dispatcher has a transaction open here, and a gateway may be slow.
    """
    waiting = Delivery.objects.filter(uid=uuid.UUID(delivery_uid), state=DeliveryState.WAITING)
    if waiting.exists():
        transaction.on_commit(lambda: _poke(delivery_uid), robust=True)


def _poke(delivery_uid: str) -> None:
    current_app.send_task(
        SENDER, kwargs={"delivery_uid": delivery_uid}, ignore_result=True, retry=False
    )
