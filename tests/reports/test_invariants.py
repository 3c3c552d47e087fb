import pytest

from medbook import clock
from reports.selectors import broken_invariants, invariants

pytestmark = pytest.mark.django_db


def test_every_query_of_the_file_is_read_and_runs_on_an_empty_database():
    assert len(invariants()) == 20
    assert sum(truth.needs_workers for truth in invariants()) == 3
    assert broken_invariants(now=clock.now(), workers_run=True) == {}
