"""Sealed fields: encrypted at rest, bound to their row and column, found by blind index.

The format is docs/encryption.md.
"""

from medbook.encryption.blind_index import BlindIndexField
from medbook.encryption.fields import (
    Sealed,
    SealedBytesField,
    SealedDateField,
    SealedField,
    SealedTextField,
)
from medbook.encryption.keyring import KeyUnavailable
from medbook.encryption.sealing import IntegrityFailure, open_sealed, seal

__all__ = [
    "BlindIndexField",
    "IntegrityFailure",
    "KeyUnavailable",
    "Sealed",
    "SealedBytesField",
    "SealedDateField",
    "SealedField",
    "SealedTextField",
    "open_sealed",
    "seal",
]
