"""How does news leave after the commit, once at least and not before?"""

import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from medbook import clock, request_context
from medbook.outbox.models import OutboxMessage

log = structlog.get_logger(__name__)

BACKOFF_SECONDS = (5, 30, 120, 600, 3600)  # then every hour
DISPATCHER = "medbook.outbox.tasks.dispatch_outbox"


def add(topic: str, *, key: uuid.UUID | str, **ids: uuid.UUID | str) -> None:
    """Write a message for every handler of a topic, in the transaction of the act.

    The same topic and key make one message. Raises: KeyError for an undeclared topic.
    """
    add_many(topic, [(str(key), ids)])


def add_many(
    topic: str, messages: Iterable[tuple[str, dict[str, uuid.UUID] | dict[str, uuid.UUID | str]]]
) -> None:
    """Write messages of one topic at once; each is a key and the ids that it tells."""
    now = clock.now()
    rows = [
        OutboxMessage(
            topic=topic,
            handler=handler,
            dedupe_key=key,
            ids={name: str(value) for name, value in ids.items()},
            request_id=request_context.current().request_id,
            created_at=now,
            next_attempt_at=now,
        )
        for key, ids in messages
        for handler in settings.OUTBOX_HANDLERS[topic]
    ]
    if rows:
        OutboxMessage.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
        if topic in settings.OUTBOX_AT_ONCE:
            keys = {row.dedupe_key for row in rows}
            transaction.on_commit(partial(_deliver_at_once, topic, keys), robust=True)
        transaction.on_commit(poke_dispatcher, robust=True)


def _deliver_at_once(topic: str, keys: Collection[str]) -> None:
    now = clock.now()
    fresh = OutboxMessage.objects.due(now).filter(topic=topic, dedupe_key__in=keys)
    for message_id in list(fresh.order_by("id").values_list("id", flat=True)):
        deliver_message(message_id=message_id, now=now)


def poke_dispatcher() -> None:
    """Ask the worker to look at the outbox; a sweep finds what this misses."""
    current_app.send_task(DISPATCHER, ignore_result=True, retry=False)


def dispatch_due_messages(*, now: datetime, limit: int = 200) -> int:
    """Hand due messages to their handlers, each in its own transaction; tell how many went well."""
    done = 0
    due = OutboxMessage.objects.due(now).order_by("next_attempt_at", "id")
    for message_id in list(due.values_list("id", flat=True)[:limit]):
        done += deliver_message(message_id=message_id, now=now)
    return done


def deliver_message(*, message_id: int, now: datetime) -> bool:
    """Run one message's handler and note the outcome; another dispatcher's message is left alone.

    Handlers look before they act: a crash after the handler and before the note repeats it.
    """
    with transaction.atomic():
        message = (
            OutboxMessage.objects.due(now)
            .filter(id=message_id)
            .select_for_update(skip_locked=True, no_key=True)
            .first()
        )
        if message is None:
            return False
        try:
            with transaction.atomic():
                import_string(message.handler)(**message.ids)
        except Exception as error:
            wait = BACKOFF_SECONDS[min(message.attempts, len(BACKOFF_SECONDS) - 1)]
            message.next_attempt_at = now + timedelta(seconds=wait)
            message.last_error = type(error).__name__
            log.warning("outbox.failed", topic=message.topic, error=type(error).__name__)
        else:
            message.handled_at = clock.now()
            message.last_error = ""
        message.attempts += 1
        message.save(update_fields=["attempts", "handled_at", "last_error", "next_attempt_at"])
        return message.handled_at is not None
