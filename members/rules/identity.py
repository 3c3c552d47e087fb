"""When is an identity document well formed, and what does its number say of its holder?"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from members.choices import IdentityKind, Sex
from members.rules import spelling

OLDEST_YEARS = 150  # nobody is known to have lived longer than 122
Part = Literal["identity_number", "birth_date", "sex"]


class NotSo(ValueError):
    """One part of what was said of a document is missing, or cannot be."""

    def __init__(self, part: Part, *, is_missing: bool = False) -> None:
        super().__init__(part)
        self.part = part
        self.is_missing = is_missing


@dataclass(frozen=True)
class Document:
    """An identity document, written in one way, and what it says of its holder."""

    kind: IdentityKind
    number: str
    birth_date: date
    sex: str


def read_document(
    *, kind: str, number: str, birth_date: date | None, sex: str, today: date
) -> Document:
    """Read a document: the resident identity number tells birth date and sex, others do not.

    What is said beside it has to agree. Source: GB 11643-1999, section 4.
    Raises: NotSo.
    """
    try:
        written = normalised_number(kind, number)
    except ValueError as wrong:
        raise NotSo("identity_number") from wrong
    if kind == IdentityKind.RESIDENT_ID:
        born, told = spelling.birth_date_of(written), spelling.sex_of(written)
        if birth_date not in (None, born):
            raise NotSo("birth_date")
        if sex not in ("", Sex.UNKNOWN, told):
            raise NotSo("sex")
        part: Part = "identity_number"
    elif birth_date is None:
        raise NotSo("birth_date", is_missing=True)
    else:
        born, told, part = birth_date, sex or Sex.UNKNOWN, "birth_date"
    if not is_possible_birth_date(born, today):
        raise NotSo(part)
    return Document(kind=IdentityKind(kind), number=written, birth_date=born, sex=told)


def is_possible_birth_date(born: date, today: date) -> bool:
    """Tell whether somebody alive may have been born then."""
    return born <= today and born.year >= today.year - OLDEST_YEARS


def normalised_number(kind: str, text: str) -> str:
    """Write a document's number in one way, so that one person's documents compare equal.

    Raises: ValueError for a number that this kind of document cannot have.
    """
    return SPELLINGS[IdentityKind(kind)](spelling.compact_document(text))


def possible_numbers(text: str) -> dict[IdentityKind, str]:
    """Tell which document's number a text may be, for each kind that allows it."""
    found = {}
    for kind in IdentityKind:
        try:
            found[kind] = normalised_number(kind, text)
        except ValueError:
            continue
    return found


def _passport(plain: str) -> str:
    """Source: ICAO Doc 9303, part 3 (letters and digits); lengths of the states differ."""
    return _matching(r"(?=.*[0-9])[A-Z0-9]{5,17}", plain)


def _hk_macao_permit(plain: str) -> str:
    """Keep letter and eight digits, which are for life; two more count the renewals.

    Source: Exit and Entry Administration, permits of 1999 and 2014.
    """
    return _matching(r"[HM][0-9]{8}(?:[0-9]{2})?", plain)[:9]


def _taiwan_permit(plain: str) -> str:
    """Keep the eight digits, which are for life; older ones add renewals and a letter.

    Source: Exit and Entry Administration, permits of 1992 and 2015.
    """
    return _matching(r"[0-9]{8}(?:[0-9]{2}\(?[A-Z]\)?)?", plain)[:8]


def _birth_certificate(plain: str) -> str:
    """Source: National Health Commission, birth certificates: a letter and nine digits."""
    return _matching(r"[A-Z][0-9]{9}", plain)


def _matching(pattern: str, plain: str) -> str:
    if not re.fullmatch(pattern, plain):
        raise ValueError("not a number of this kind of document")
    return plain


SPELLINGS: dict[IdentityKind, Callable[[str], str]] = {
    IdentityKind.RESIDENT_ID: spelling.normalised_resident_id,
    IdentityKind.PASSPORT: _passport,
    IdentityKind.HK_MACAO_PERMIT: _hk_macao_permit,
    IdentityKind.TAIWAN_PERMIT: _taiwan_permit,
    IdentityKind.BIRTH_CERTIFICATE: _birth_certificate,
}
