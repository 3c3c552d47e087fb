"""What may every test rely on? No network, quick passwords, an empty cache, locks at rest."""

import pytest
from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from medbook import locks
from tests.invariants import check_invariants

DATABASE_FIXTURES = ("db", "transactional_db")
WHERE_INVARIANTS_HOLD = ("tests/races/", "tests/journeys/")


def pytest_configure(config):
    """Make passwords cheap, and keep messages to the worker in this process."""
    settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
    current_app.conf.broker_url = "memory://"
    config.addinivalue_line("markers", "invariants: the whole database is checked after the test")


def pytest_collection_modifyitems(items):
    """Check the whole database after every story that goes through the real services."""
    for item in items:
        if item.nodeid.startswith(WHERE_INVARIANTS_HOLD):
            item.add_marker(pytest.mark.invariants)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Let transactional tests empty the operation log; its other trigger stays."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE audit_operationlog DISABLE TRIGGER operation_log_is_not_truncated"
        )


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
        check_invariants()
    if not connection.in_atomic_block:
        cache.clear()
