"""What is looked at by the clock?"""

from celery import shared_task

from appointments.rules.visits import NO_SHOW_GRACE
from appointments.services.holds import expire_lapsed_holds
from appointments.services.missing import note_missed_visits
from appointments.services.offer_answers import expire_lapsed_offers
from appointments.services.sweeping import end_past_wishes, offer_free_places
from medbook import clock
from scheduling.services.finishing import finish_schedules


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def sweep_expired_holds() -> None:
    """Give back the places of holds that have run out."""
    expire_lapsed_holds(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def sweep_waitlist() -> None:
    """Pass on the places of offers that have run out, and offer the free ones that are wanted."""
    expire_lapsed_offers(now=clock.now())
    offer_free_places(now=clock.now())
    end_past_wishes(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=110, time_limit=120)
def sweep_missed_visits() -> None:
    """Note who has not come to the sessions that are over, and finish these."""
    note_missed_visits(now=clock.now())
    finish_schedules(grace=NO_SHOW_GRACE, now=clock.now())
