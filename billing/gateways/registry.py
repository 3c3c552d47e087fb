"""Which payment gateways are there?"""

from django.conf import settings
from django.utils.module_loading import import_string

from billing.gateways.base import PaymentGateway


def gateway(code: str) -> PaymentGateway:
    """Return the gateway of a code. Raises: LookupError."""
    made: PaymentGateway = import_string(settings.PAYMENT_GATEWAYS[code])()
    return made


def enabled() -> list[str]:
    """List the codes of the gateways through which money can come in."""
    return list(settings.PAYMENT_GATEWAYS)
