"""When are jobs done, and when are old results forgotten?"""

from celery import shared_task

from medbook import clock
from medbook.jobs.services import forget_old_jobs, run_due_jobs


@shared_task(ignore_result=True, soft_time_limit=1500, time_limit=1560)
def run_jobs() -> None:
    """Do what waits."""
    run_due_jobs(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def forget_jobs() -> None:
    """Forget results that nobody fetched in time."""
    forget_old_jobs(now=clock.now())
