"""Print a fresh set of keys, one NAME=value a line: `python -m medbook.new_keys`."""

import base64
import secrets
import sys


def new_keys() -> dict[str, str]:
    """Make every key that the settings ask for."""
    return {
        "DJANGO_SECRET_KEY": secrets.token_urlsafe(50),
        "MEDBOOK_DATA_KEYS": f"1:{_random_key()}",
        "MEDBOOK_DATA_KEY_ACTIVE": "1",
        "MEDBOOK_INDEX_KEYS": f"1:{_random_key()}",
        "MEDBOOK_JWT_KEY": _random_key(),
        "SANDBOX_GATEWAY_KEY": _random_key(),
        "SANDBOX_MERCHANT_KEY": _random_key(),
    }


def _random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


if __name__ == "__main__":
    sys.stdout.writelines(f"{name}={value}\n" for name, value in new_keys().items())
