"""What do the tests of the doors share?"""

import pytest

from tests.security.world import make_world


@pytest.fixture
def world(db, settings):
    """Make the hospital; nobody is kept out for asking too much."""
    settings.API_RATE_LIMITED = False
    return make_world()
