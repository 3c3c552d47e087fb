"""What stands on a receipt, and how is its number made and its amount spelt out?"""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from medbook import money
from medbook.bilingual import Bilingual

NUMERALS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("仟", "佰", "拾", "")
GROUPS = (("亿", 10**8), ("万", 10**4), ("", 1))
MOST = Decimal("9999999999.99")


class Line(TypedDict):
    """One reason for the amount, as the invoice had it."""

    kind: str
    amount: str


@dataclass(frozen=True)
class Occasion:
    """Who gives a receipt, and for which visit. It names no patient; `code` begins the number."""

    code: str
    issuer_en: str
    issuer_zh: str
    address_en: str
    address_zh: str
    phone: str
    time_zone: str
    doctor_en: str
    doctor_zh: str
    department_en: str
    department_zh: str
    starts_at: str

    issuer = Bilingual("issuer")
    address = Bilingual("address")
    doctor = Bilingual("doctor")
    department = Bilingual("department")

    @property
    def visit_at(self) -> datetime:
        """When the visit begins."""
        return datetime.fromisoformat(self.starts_at)


@dataclass(frozen=True)
class Facts(Occasion):
    """All that a receipt says, as it was when it was issued; `reason` is that of a refund."""

    gateway: str
    reference: str
    lines: list[Line]
    reason: str = ""


def receipt_number(code: str, year: int, seq: int) -> str:
    """Number a receipt of a clinic and a year: EAST-2026-000123."""
    return f"{code.upper()}-{year}-{seq:06d}"


def capital_numerals(amount: Decimal) -> str:
    """Spell yuan out in the numerals of Chinese finance: 壹佰陆拾贰元整.

    Source: People's Bank of China, rules for filling in bills, annex 1. Where they leave a 零 to
    the writer, none is written; 整 also closes what ends in 角, so that nothing can be added.
    Raises: ValueError for a negative amount, for fractions of a cent, and above 9,999,999,999.99.
    """
    if not 0 <= amount <= MOST or amount != money.rounded(amount):
        raise ValueError("Only whole cents from nothing to ten thousand million are spelt out.")
    yuan, cents = divmod(int(amount * 100), 100)
    tenths, hundredths = divmod(cents, 10)
    said = f"{_spelt(yuan)}元" if yuan else ""
    if not cents:
        return f"{said or '零元'}整"
    if tenths:
        said += f"{NUMERALS[tenths]}角"
    elif yuan:
        said += "零"
    return said + (f"{NUMERALS[hundredths]}分" if hundredths else "整")


def _spelt(number: int) -> str:
    said, is_gap = "", False
    for unit, size in GROUPS:
        group = number // size % 10**4
        if group:
            zero = "零" if said and (is_gap or group < 1000) else ""
            said += zero + _group(group) + unit
        is_gap = not group
    return said


def _group(number: int) -> str:
    """Spell four digits: one 零 for each row of zeros between others."""
    pairs = zip(f"{number:04d}", PLACES, strict=True)
    said = "".join(NUMERALS[int(digit)] + (place if digit != "0" else "") for digit, place in pairs)
    return re.sub("零+", "零", said).strip("零")
