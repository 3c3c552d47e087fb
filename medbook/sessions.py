"""How is a session kept, so that the database cannot read what it holds?"""

import base64
import json
import uuid
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from medbook.encryption import IntegrityFailure, KeyUnavailable, open_sealed, seal

LABEL = "session.data"
NAMESPACE = uuid.UUID("6f1c1a3e-58a5-4d0c-9a57-9a6a3d7a4d0b")


class SessionStore(DatabaseStore):
    """Sessions in the database, sealed and bound to their key.

    Steps of signing in may put a phone number into the session before anybody is known.
    """

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Seal what the session holds.

        Raises: KeyUnavailable.
        """
        plaintext = json.dumps(session_dict, separators=(",", ":")).encode()
        return base64.b64encode(seal(LABEL, self._uid(), plaintext)).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Open a session; one that cannot be opened is empty, so its owner signs in again."""
        try:
            opened = open_sealed(LABEL, self._uid(), base64.b64decode(session_data))
        except (IntegrityFailure, KeyUnavailable, ValueError):
            return {}
        found: dict[str, Any] = json.loads(opened)
        return found

    def _uid(self) -> uuid.UUID:
        return uuid.uuid5(NAMESPACE, self._get_or_create_session_key())  # type: ignore[attr-defined]
