"""Which keys are there, and which one writes?

The only reader of the keys in the settings: a key service can take its place here.
"""

from collections.abc import Mapping

import structlog
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from medbook.errors import TryLater

KEY_BYTES = 32
KEY_IDS = range(1, 2**16)  # two bytes in the header of a sealed value

log = structlog.get_logger(__name__)


class KeyUnavailable(TryLater):
    """The key that this needs is not here."""

    message = _("This information cannot be opened right now. Please try again later.")


def active_id() -> int:
    """Tell the id of the key that seals new values; `data_key` tells whether it is here."""
    active: int = settings.DATA_KEY_ACTIVE
    return active


def data_key(key_id: int) -> bytes:
    """Return the key that seals and opens values.

    Raises: KeyUnavailable.
    """
    return _find("data", settings.DATA_KEYS, key_id)


def index_key(version: int) -> bytes:
    """Return the key from which the keys of blind indexes are derived.

    Raises: KeyUnavailable.
    """
    return _find("index", settings.INDEX_KEYS, version)


def _find(purpose: str, keys: Mapping[int, bytes], key_id: int) -> bytes:
    key = keys.get(key_id)
    if key is None or len(key) != KEY_BYTES or key_id not in KEY_IDS:
        log.error("key_unavailable", purpose=purpose, key_id=key_id)
        raise KeyUnavailable(retry_after=60)
    return key
