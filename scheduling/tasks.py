"""When does the release run by itself?"""

from celery import shared_task

from medbook import clock
from scheduling.services.release import make_due_schedules


@shared_task(time_limit=1800)
def run_nightly_release() -> None:
    """Make the schedules that are due; poked at night, hourly and when a worker starts."""
    make_due_schedules(now=clock.now())
