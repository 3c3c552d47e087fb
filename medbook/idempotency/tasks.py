"""When are old idempotency keys forgotten?"""

from celery import shared_task

from medbook import clock
from medbook.idempotency.services import forget_old_keys


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def forget_idempotency_keys() -> None:
    """Forget what is older than 7 days."""
    forget_old_keys(now=clock.now())
