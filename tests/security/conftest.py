"""What do the tests of the doors share?"""

from copy import deepcopy

import pytest
from django.db import transaction

from medbook import outgoing
from members.selectors.tiers import forget_privileges
from tests.appointments.paying import SANDBOX
from tests.security.world import make_world


def _away(*_said):
    raise ConnectionRefusedError


@pytest.fixture(scope="module")
def _built(django_db_setup, django_db_blocker):
    """Make the hospital once for a file; what a test does to it is undone with the test."""
    around = transaction.atomic()
    around._from_testcase = True  # as pytest-django's own: services insist on being outermost
    with django_db_blocker.unblock():
        forget_privileges()
        around.__enter__()
        world = make_world()
    yield world
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def world(_built, db, settings, monkeypatch):
    """Enter the hospital; nobody is kept out for asking too much, and the bank is away."""
    settings.API_RATE_LIMITED = False
    settings.PAYMENT_GATEWAYS = SANDBOX
    monkeypatch.setattr(outgoing, "send", _away)
    return deepcopy(_built)
