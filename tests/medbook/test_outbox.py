import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection, transaction

from medbook import clock
from medbook.outbox import services as outbox
from medbook.outbox.models import OutboxMessage
from medbook.request_context import RequestContext, entered
from members.models import Tier
from tests.medbook import handlers
from tests.racing import at_once

HERE = "tests.medbook.handlers"
SEND_TASK = "medbook.outbox.services.current_app.send_task"


@pytest.fixture(autouse=True)
def _topics(settings):
    handlers.heard.clear()
    settings.OUTBOX_HANDLERS = {
        "told": [f"{HERE}.note"],
        "told.twice": [f"{HERE}.note", f"{HERE}.write_and_fail"],
        "fails": [f"{HERE}.write_and_fail"],
        "breaks": [f"{HERE}.break_the_transaction"],
        "nobody": [],
    }


def dispatch(after=timedelta(0)):
    return outbox.dispatch_due_messages(now=clock.now() + after)


@pytest.mark.django_db
def test_a_message_reaches_its_handler_once():
    uid = uuid.uuid4()
    outbox.add("told", key=uid, appointment_uid=uid)

    assert dispatch() == 1
    assert dispatch() == 0
    assert handlers.heard == [{"appointment_uid": str(uid)}]
    message = OutboxMessage.objects.get()
    assert (message.attempts, message.handled_at is not None) == (1, True)


@pytest.mark.django_db
def test_each_handler_of_a_topic_has_a_message_of_its_own():
    outbox.add("told.twice", key="one")

    assert dispatch() == 1
    assert handlers.heard == [{}]
    waiting = OutboxMessage.objects.get(handled_at__isnull=True)
    assert waiting.handler.endswith("write_and_fail")


@pytest.mark.django_db
def test_the_same_news_twice_is_one_message():
    outbox.add("told", key="one", appointment_uid="1")
    outbox.add("told", key="one", appointment_uid="1")
    outbox.add("told", key="two", appointment_uid="2")

    assert OutboxMessage.objects.count() == 2


@pytest.mark.django_db
def test_a_topic_without_handlers_makes_no_message():
    outbox.add("nobody", key="one")

    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_an_undeclared_topic_is_a_bug():
    with pytest.raises(KeyError, match="gossip"):
        outbox.add("gossip", key="one")


@pytest.mark.django_db
def test_no_message_outlives_an_act_that_was_rolled_back():
    with transaction.atomic():
        outbox.add("told", key="one")
        transaction.set_rollback(True)

    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db
def test_a_message_remembers_the_request_that_caused_it():
    with entered(RequestContext(request_id="a-request-of-alice")):
        outbox.add("told", key="one")

    assert OutboxMessage.objects.get().request_id == "a-request-of-alice"


@pytest.mark.django_db
def test_a_failure_leaves_nothing_of_the_handler_and_none_of_its_words():
    outbox.add("fails", key="one")

    assert dispatch() == 0

    assert not Tier.objects.filter(code="broken").exists()
    message = OutboxMessage.objects.get()
    assert (message.handled_at, message.last_error) == (None, "ConnectionError")


@pytest.mark.django_db
def test_a_broken_transaction_of_one_handler_does_not_stop_the_next():
    outbox.add("breaks", key="one")
    outbox.add("told", key="two", n="2")

    assert dispatch() == 1
    assert handlers.heard == [{"n": "2"}]
    assert OutboxMessage.objects.get(topic="breaks").last_error == "IntegrityError"


@pytest.mark.django_db
def test_waits_longer_after_each_failure_and_never_gives_up():
    outbox.add("fails", key="one")
    now = clock.now()
    waits = []
    for _attempt in range(7):
        outbox.dispatch_due_messages(now=now)
        message = OutboxMessage.objects.get()
        waits.append((message.next_attempt_at - now).total_seconds())
        assert outbox.dispatch_due_messages(now=message.next_attempt_at - timedelta(seconds=1)) == 0
        now = message.next_attempt_at

    assert waits == [5, 30, 120, 600, 3600, 3600, 3600]
    assert message.attempts == 7


@pytest.mark.django_db
def test_what_failed_is_told_once_its_handler_works(settings):
    outbox.add("fails", key="one", n="1")
    dispatch()
    OutboxMessage.objects.update(handler=f"{HERE}.note")

    assert dispatch(after=timedelta(seconds=6)) == 1
    assert OutboxMessage.objects.get().last_error == ""


@pytest.mark.django_db
def test_takes_the_oldest_first_and_no_more_than_asked_for():
    for number in range(5):
        outbox.add("told", key=str(number), n=str(number))

    assert outbox.dispatch_due_messages(now=clock.now(), limit=3) == 3
    assert [ids["n"] for ids in handlers.heard] == ["0", "1", "2"]


@pytest.mark.django_db
def test_pokes_the_worker_after_the_commit_only(django_capture_on_commit_callbacks, monkeypatch):
    poked = []
    monkeypatch.setattr(
        "medbook.outbox.services.current_app.send_task", lambda *a, **k: poked.append(a)
    )

    with django_capture_on_commit_callbacks(execute=True):
        outbox.add("told", key="one")
        assert poked == []

    assert poked == [("medbook.outbox.tasks.dispatch_outbox",)]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_does_not_undo_the_act(monkeypatch):
    def away(*args, **kwargs):
        raise ConnectionError

    monkeypatch.setattr(SEND_TASK, away)

    with transaction.atomic():
        outbox.add("told", key="one")

    assert OutboxMessage.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_dispatchers_at_once_tell_each_message_once():
    for number in range(20):
        outbox.add("told", key=str(number), n=str(number))

    at_once(lambda _: outbox.dispatch_due_messages(now=clock.now()), range(6))

    assert sorted(int(ids["n"]) for ids in handlers.heard) == list(range(20))


@pytest.mark.django_db(transaction=True)
def test_without_the_row_lock_a_message_is_told_twice(monkeypatch):
    """The harm that the lock stands against."""
    outbox.add("told", key="one")
    both_have_looked = threading.Barrier(2, timeout=5)
    first = OutboxMessage.objects.none().__class__.first

    def look_and_wait(rows):
        found = first(rows)
        both_have_looked.wait()
        return found

    monkeypatch.setattr("django.db.models.QuerySet.select_for_update", lambda rows, **_: rows)
    monkeypatch.setattr("django.db.models.QuerySet.first", look_and_wait)

    at_once(lambda _: outbox.dispatch_due_messages(now=clock.now()), range(2))

    assert len(handlers.heard) == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_unique_key_the_same_news_is_told_twice():
    """The harm that the constraint stands against."""
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE outbox_outboxmessage DROP CONSTRAINT one_message_per_topic_and_key"
        )
    try:
        outbox.add("told", key="one")
        outbox.add("told", key="one")
        assert dispatch() == 2
    finally:
        OutboxMessage.objects.all().delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE outbox_outboxmessage ADD CONSTRAINT one_message_per_topic_and_key"
                " UNIQUE (topic, dedupe_key, handler)"
            )
