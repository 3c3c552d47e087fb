"""When are holds looked at?"""

from celery import shared_task

from appointments.services.holds import expire_lapsed_holds
from medbook import clock


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def sweep_expired_holds() -> None:
    """Give back the places of holds that have run out."""
    expire_lapsed_holds(now=clock.now())
