"""When are gateways asked?"""

import uuid
from datetime import timedelta

import structlog
from celery import shared_task
from django.conf import settings

from billing.insurers.registry import enabled
from billing.services.claim_statements import check_statement
from billing.services.claims import send_due_claims
from billing.services.payments import give_up_overdue_invoices, settle_undecided_payments
from billing.services.refunds import send_due_refunds, send_refund
from billing.services.statements import import_due_statements
from medbook import clock
from medbook.errors import TryLater

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True, soft_time_limit=110, time_limit=120)
def settle_payments() -> None:
    """Ask about payments from which nothing was heard, and give up what nobody pays."""
    settle_undecided_payments(now=clock.now())
    give_up_overdue_invoices(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=110, time_limit=120)
def send_refunds() -> None:
    """Send what is approved and what has no answer yet."""
    send_due_refunds(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=60)
def send_one_refund(*, refund_uid: str) -> None:
    """Send one refund at once."""
    send_refund(refund_uid=uuid.UUID(refund_uid), now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=280, time_limit=300)
def fetch_statements() -> None:
    """Import yesterday's statements that nobody has imported yet."""
    import_due_statements(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=110, time_limit=120)
def send_claims() -> None:
    """Tell insurers what they are to hear, and ask about what has no answer yet."""
    send_due_claims(now=clock.now())


@shared_task(ignore_result=True, soft_time_limit=110, time_limit=120)
def check_insurers() -> None:
    """Compare the claims of yesterday with the insurers' statements."""
    now = clock.now()
    yesterday = clock.local_date(now, settings.TIME_ZONE) - timedelta(days=1)
    for insurer in enabled():
        try:
            differences = check_statement(insurer=insurer, day=yesterday, now=now)
        except TryLater:
            log.warning("claim_statement.unanswered", insurer=insurer)
            continue
        if differences:
            log.error("claim_statement.differs", insurer=insurer, count=len(differences))
