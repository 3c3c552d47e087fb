"""What do tests of paying stand on?"""

import pytest

from medbook import outgoing
from tests.appointments.paying import SANDBOX
from tests.billing.sandbox import through_client


@pytest.fixture
def bank(settings, monkeypatch):
    """Open the sandbox gateway; both parties speak through Django's test client."""
    settings.PAYMENT_GATEWAYS = SANDBOX
    monkeypatch.setattr(outgoing, "send", through_client)
