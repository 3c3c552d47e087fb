"""How are bytes sealed and opened? Wire format and bound data: docs/encryption.md."""

import os
import struct
from functools import lru_cache
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.utils.translation import gettext_lazy as _

from medbook.encryption import keyring
from medbook.errors import DomainError

VERSION = 1
AES_256_GCM = 1  # 2 is kept for SM4-GCM
HEADER = struct.Struct(">BBH")  # version, algorithm, key id
NONCE_BYTES = 12
TAG_BYTES = 16
OVERHEAD = HEADER.size + NONCE_BYTES + TAG_BYTES
DOMAIN = b"MB1"

log = structlog.get_logger(__name__)


class IntegrityFailure(DomainError):
    """A sealed value was altered, moved, or sealed with another key of the same id."""

    message = _("This information is damaged and cannot be shown.")


def seal(label: str, uid: UUID, plaintext: bytes) -> bytes:
    """Encrypt bytes with the active key, so that they open only under this label and uid.

    Raises: KeyUnavailable.
    """
    key_id = keyring.active_id()
    key = keyring.data_key(key_id)
    header = header_of(key_id)
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + cipher(key).encrypt(nonce, plaintext, _bound(header, label, uid))


def open_sealed(label: str, uid: UUID, ciphertext: bytes) -> bytes:
    """Decrypt what `seal` made for this label and uid.

    Raises: KeyUnavailable, IntegrityFailure.
    """
    header, nonce = ciphertext[: HEADER.size], ciphertext[HEADER.size :][:NONCE_BYTES]
    try:
        key = keyring.data_key(key_id_of(ciphertext))
        body = ciphertext[HEADER.size + NONCE_BYTES :]
        return cipher(key).decrypt(nonce, body, _bound(header, label, uid))
    except (InvalidTag, IntegrityFailure) as failure:
        log.error("integrity_failure", label=label, uid=str(uid))
        raise IntegrityFailure() from failure


def header_of(key_id: int) -> bytes:
    """Give the first bytes of every value sealed with a key."""
    return HEADER.pack(VERSION, AES_256_GCM, key_id)


def key_id_of(ciphertext: bytes) -> int:
    """Read from the header which key sealed a value.

    Raises: IntegrityFailure for anything that `seal` did not make.
    """
    if len(ciphertext) < OVERHEAD:
        raise IntegrityFailure()
    version, algorithm, key_id = HEADER.unpack_from(ciphertext)
    if (version, algorithm) != (VERSION, AES_256_GCM):
        raise IntegrityFailure()
    return int(key_id)


@lru_cache(maxsize=16)
def cipher(key: bytes) -> AESGCM:
    """Set up AES-256-GCM for one key."""
    return AESGCM(key)


def _bound(header: bytes, label: str, uid: UUID) -> bytes:
    name = label.encode()
    return DOMAIN + header + struct.pack(">H", len(name)) + name + uid.bytes
