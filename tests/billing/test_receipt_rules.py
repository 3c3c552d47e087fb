from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.receipts import MOST, NUMERALS, capital_numerals, receipt_number

WORTH = {"仟": 1000, "佰": 100, "拾": 10}


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "零元整"),
        ("0.00", "零元整"),
        ("0.01", "壹分"),
        ("0.10", "壹角整"),
        ("0.55", "伍角伍分"),
        ("1", "壹元整"),
        ("1.50", "壹元伍角整"),
        ("10", "壹拾元整"),
        ("10.01", "壹拾元零壹分"),
        ("20.20", "贰拾元贰角整"),
        ("100.05", "壹佰元零伍分"),
        ("101", "壹佰零壹元整"),
        ("110", "壹佰壹拾元整"),
        ("162.00", "壹佰陆拾贰元整"),
        ("1001", "壹仟零壹元整"),
        ("1010.10", "壹仟零壹拾元壹角整"),
        ("1409.50", "壹仟肆佰零玖元伍角整"),  # this and the next four: the rules' own examples
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("10000", "壹万元整"),
        ("10001", "壹万零壹元整"),
        ("100500", "壹拾万零伍佰元整"),
        ("20300400", "贰仟零叁拾万零肆佰元整"),
        ("100000000", "壹亿元整"),
        ("100000001", "壹亿零壹元整"),
        ("100010000", "壹亿零壹万元整"),
        ("100005000", "壹亿零伍仟元整"),
        ("1000000000", "壹拾亿元整"),
        ("9999999999.99", "玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
    ],
)
def test_spells_an_amount_as_finance_does(amount, said):
    assert capital_numerals(Decimal(amount)) == said


@pytest.mark.parametrize("amount", ["-0.01", "0.001", "162.005", "10000000000", "Infinity"])
def test_refuses_what_cannot_be_paid(amount):
    with pytest.raises(ValueError, match="cents"):
        capital_numerals(Decimal(amount))


def read(said):
    """Read what was spelt out, by adding up."""
    total, group, digit = Decimal(0), 0, 0
    for sign in said.removesuffix("整"):
        if sign in NUMERALS:
            digit = NUMERALS.index(sign)
        elif sign in WORTH:
            group, digit = group + digit * WORTH[sign], 0
        elif sign in "亿万元":
            size = {"亿": 10**8, "万": 10**4, "元": 1}[sign]
            total, group, digit = total + (group + digit) * size, 0, 0
        else:
            total, digit = total + digit * Decimal({"角": "0.1", "分": "0.01"}[sign]), 0
    return total


@given(st.decimals(min_value=0, max_value=MOST, places=2))
def test_what_is_spelt_out_can_be_read_back(amount):
    said = capital_numerals(amount)

    assert read(said) == amount
    assert "零零" not in said


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        (("east", 2026, 123), "EAST-2026-000123"),
        (("north-2", 2027, 1), "NORTH-2-2027-000001"),
        (("E", 2026, 1234567), "E-2026-1234567"),
    ],
)
def test_a_number_names_clinic_year_and_place(asked, number):
    assert receipt_number(*asked) == number
