"""What may every test rely on? No network, quick passwords, an empty cache, locks at rest."""

import gc

import pytest
from celery import current_app
from django.conf import settings
from django.contrib.auth.models import Group
from django.core import serializers
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone, translation

from medbook import locks, outgoing
from members.models import Privilege, Tier
from members.selectors import tiers
from members.selectors.tiers import forget_privileges
from tests.appointments.paying import SANDBOX
from tests.billing.sandbox import through_client
from tests.invariants import check_invariants

DATABASE_FIXTURES = ("db", "transactional_db")
WHERE_INVARIANTS_HOLD = ("tests/appointments/", "tests/journeys/")
# Factories make a session that was called off, or one without places, in a single step.
MADE_BY_HAND = ("a_called_off_schedule_offers_nothing", "a_published_schedule_has_all_its_places")
NOT_TRUNCATED = {
    "audit_operationlog": "operation_log_is_not_truncated",
    "members_pointentry": "points_are_not_truncated",
    "billing_journalentry": "journal_is_not_truncated",
    "billing_posting": "postings_are_not_truncated",
    "billing_receipt": "receipts_are_not_truncated",
    "billing_cashcount": "cash_counts_are_not_truncated",
}
MIGRATED = pytest.StashKey[str]()
BLOCKER = pytest.StashKey[object]()


def pytest_configure(config):
    """Make passwords cheap; keep messages to the worker and a release in this thread."""
    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
    current_app.conf.broker_url = "memory://"
    settings.PAYMENT_GATEWAYS = {}  # members pay at the clinic, unless a test opens a gateway
    settings.RELEASE_THREADS = 1  # another thread would not see what a test has not committed
    config.addinivalue_line("markers", "invariants: the whole database is checked after the test")
    config.addinivalue_line("markers", "breaks(*names): invariants that this test breaks by hand")


def pytest_collection_modifyitems(items):
    """Check the whole database after all that really commits or goes through booking."""
    for item in items:
        if item.nodeid.startswith(WHERE_INVARIANTS_HOLD) or _is_transactional(item):
            item.add_marker(pytest.mark.invariants)


def pytest_collection_finish():
    """Leave what all tests share out of garbage collection, which walks it again and again."""
    gc.freeze()


def _is_transactional(item):
    marker = item.get_closest_marker("django_db")
    return "transactional_db" in item.fixturenames or bool(
        marker and marker.kwargs.get("transaction")
    )


@pytest.fixture(scope="session")
def django_db_setup(request, django_db_setup, django_db_blocker):
    """Let transactional tests empty append-only tables; remember what migrations wrote."""
    with django_db_blocker.unblock():
        with connection.cursor() as cursor:
            for table, trigger in NOT_TRUNCATED.items():
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        rows = [row for model in (Tier, Privilege, Group) for row in model.objects.order_by("pk")]
        request.config.stash[MIGRATED] = serializers.serialize(
            "json", rows, use_natural_foreign_keys=True
        )
    request.config.stash[BLOCKER] = django_db_blocker


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """Put back what migrations wrote, after a transactional test has emptied all tables."""
    yield
    if (
        _is_transactional(item) and nextitem is not None
    ):  # after the last test the database itself is gone
        with item.config.stash[BLOCKER].unblock(), transaction.atomic():
            for row in serializers.deserialize("json", item.config.stash[MIGRATED]):
                row.save()


@pytest.fixture
def bank(settings, monkeypatch):
    """Open the sandbox gateway; both parties speak through Django's test client."""
    settings.PAYMENT_GATEWAYS = SANDBOX
    monkeypatch.setattr(outgoing, "send", through_client)


@pytest.fixture(autouse=True)
def _no_reader():
    """Start every test in the site's language and zone: requests leave their reader's behind."""
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True)
def _nothing_known_of_tiers(monkeypatch):
    """Start every test with privileges unread, and count queries however slow the machine is."""
    forget_privileges()
    monkeypatch.setattr(tiers, "FRESH_SECONDS", 3600.0)


@pytest.fixture(autouse=True)
def _locks_at_rest():
    """Start every test at the top of the lock order, as every request does."""
    token = locks._reached.set(0)
    yield
    locks._reached.reset(token)


@pytest.fixture(autouse=True)
def _world_after_the_test(request, _django_db_marker):
    """Check the invariants where that is asked for; leave no cache entry behind."""
    asked = [name for name in DATABASE_FIXTURES if name in request.fixturenames]
    for name in asked:
        request.getfixturevalue(name)  # set up before this fixture, so taken down after it
    yield
    if not asked and not request.node.get_closest_marker("django_db"):
        return
    if request.node.get_closest_marker("invariants"):
        by_hand = [name for marker in request.node.iter_markers("breaks") for name in marker.args]
        check_invariants(besides=(*MADE_BY_HAND, *by_hand))
    if not connection.in_atomic_block:
        cache.clear()
