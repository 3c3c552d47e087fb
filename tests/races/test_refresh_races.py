"""When a refresh token comes many times at once, does one caller win?"""

from functools import partial

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from members.models import TokenFamily
from members.services.tokens import issue_tokens, rotate_tokens
from tests.factories import UserFactory
from tests.racing import counted, together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("_round", range(5))
def test_16_exchanges_of_one_token_have_one_winner(_round):
    pair = issue_tokens(user=UserFactory(), now=clock.now())
    exchange = partial(rotate_tokens, refresh=pair.refresh, now=clock.now())

    outcomes = together(*[exchange] * 16)

    assert counted(outcomes) == {"done": 1, "invalid_credentials": 15}
    assert TokenFamily.objects.get().revoked_at is not None
    assert OperationLog.objects.filter(action="token_family.revoked").count() == 1
