"""How do two parties prove to each other who wrote a message? With Ed25519 (RFC 8032)."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def public_key(private: bytes) -> bytes:
    """Return the 32 bytes of the public key that belongs to the 32 bytes of a private one."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(message: bytes, private: bytes) -> str:
    """Sign a message; base64."""
    return base64.b64encode(Ed25519PrivateKey.from_private_bytes(private).sign(message)).decode()


def is_signed(message: bytes, signature: str, public: bytes) -> bool:
    """Tell whether the owner of a public key signed just these bytes, whatever the signature is."""
    try:
        raw = base64.b64decode(signature, validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(raw, message)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
