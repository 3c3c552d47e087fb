"""Which insurers can be spoken to?"""

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from billing.insurers.base import Insurer


def enabled() -> list[str]:
    """List the codes of the insurers that are switched on."""
    return list(settings.INSURERS)


def insurer_of(code: str) -> Insurer:
    """Return an insurer by its code. Raises: LookupError where it is switched off."""
    return cast(Insurer, import_string(settings.INSURERS[code])())
