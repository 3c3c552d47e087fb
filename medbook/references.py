"""How is a number made that people read aloud?"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
LENGTH = 10


def new_reference() -> str:
    """Make a random reference of 10 characters (50 bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def normalised_reference(text: str) -> str:
    """Read a reference as people type it: any case, blanks and hyphens, O for 0, I or L for 1."""
    plain = text.upper().replace("-", "").replace(" ", "")
    return plain.translate(str.maketrans("OIL", "011"))
