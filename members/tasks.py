"""When is something done about members by itself?"""

from celery import shared_task

from medbook import clock
from members.services import tiers


@shared_task(ignore_result=True, time_limit=3600)
def review_tiers() -> None:
    """Put every member into the tier that the points deserve."""
    tiers.review_tiers(now=clock.now())
