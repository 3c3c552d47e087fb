"""When is the outbox looked at?"""

from celery import shared_task

from medbook import clock
from medbook.outbox.services import dispatch_due_messages


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def dispatch_outbox() -> None:
    """Deliver what is due."""
    dispatch_due_messages(now=clock.now())
