import pytest

from members.models import Privilege, Tier


@pytest.mark.parametrize("time", ["first", "second"])
@pytest.mark.django_db(transaction=True)
def test_what_migrations_wrote_is_there_in_every_transactional_test(time):
    assert Tier.objects.count() == 4
    assert Privilege.objects.count() == 20
