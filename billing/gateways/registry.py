"""Which gateways are switched on?"""

from typing import cast

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from billing.gateways.base import PaymentGateway


def enabled() -> list[str]:
    """List the codes of the gateways that members can choose."""
    return list(settings.PAYMENT_GATEWAYS)


def gateway_of(code: str) -> PaymentGateway:
    """Return a gateway by its code. Raises: LookupError where it is switched off."""
    return cast(PaymentGateway, import_string(settings.PAYMENT_GATEWAYS[code])())


def notify_url(code: str) -> str:
    """Tell where a gateway sends its notifications."""
    return f"{settings.BASE_URL}{reverse('gateway_notification', args=[code])}"
