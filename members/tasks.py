"""When is something done about members by itself?"""

import uuid

from celery import shared_task

from medbook import clock
from members.services import codes, coming_of_age, deliveries, points, tiers


@shared_task(ignore_result=True, time_limit=3600)
def review_tiers() -> None:
    """Put every member into the tier that the points deserve."""
    tiers.review_tiers(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def send_one_message(*, delivery_uid: str) -> None:
    """Send a message at once."""
    deliveries.send_message(delivery_uid=uuid.UUID(delivery_uid), now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def send_due_messages() -> None:
    """Send what was kept out of the quiet hours, what failed before, and what a poke missed."""
    deliveries.send_due_messages(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def forget_old_words() -> None:
    """Take recipients and words out of old messages."""
    deliveries.forget_old_words(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def forget_old_codes() -> None:
    """Delete the codes that no limit looks at any more."""
    codes.forget_old_codes(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def announce_expiring_points() -> None:
    """Tell members which of their points expire within 30 days."""
    points.announce_expiring_points(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def expire_points() -> None:
    """Write off the points that have expired."""
    points.expire_points(now=clock.now())


@shared_task(ignore_result=True, time_limit=3600)
def announce_coming_of_age() -> None:
    """Tell members for whom they need the patient's own consent within 30 days."""
    coming_of_age.announce_coming_of_age(now=clock.now())
