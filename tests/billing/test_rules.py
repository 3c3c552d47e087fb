from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rules.prices import Quote, quote

D = Decimal


@pytest.mark.parametrize(
    ("fee", "rate", "discount", "total"),
    [
        ("180.00", "1", "0.00", "180.00"),
        ("180.00", "0.95", "9.00", "171.00"),
        ("180.00", "0.90", "18.00", "162.00"),
        ("25.50", "0.85", "3.82", "21.68"),  # 21.675: the half cent goes up
        ("0.10", "0.95", "0.00", "0.10"),  # 0.095
        ("0.01", "0.5", "0.00", "0.01"),
        ("0.01", "0.49", "0.01", "0.00"),
        ("0", "0.9", "0.00", "0.00"),
        ("99.999", "1", "0.00", "100.00"),
    ],
)
def test_rounds_the_share_once_and_half_up(fee, rate, discount, total):
    made = quote(fee=D(fee), currency="CNY", discount_rate=D(rate), tier_name="Gold")

    assert made == Quote(made.full, D(discount), D(total), "CNY", "Gold")


@given(
    fee=st.decimals(min_value=0, max_value=99999, places=2),
    rate=st.decimals(min_value="0.01", max_value=1, places=2),
)
def test_the_parts_always_sum_to_the_total_in_whole_cents(fee, rate):
    made = quote(fee=fee, currency="CNY", discount_rate=rate)

    assert made.full - made.discount == made.total
    assert 0 <= made.total <= made.full
    assert all(-amount.as_tuple().exponent == 2 for amount in (made.full, made.discount))


@pytest.mark.parametrize(("fee", "rate"), [("-0.01", "1"), ("10", "0"), ("10", "1.01")])
def test_refuses_a_price_that_cannot_be(fee, rate):
    with pytest.raises(ValueError, match="share"):
        quote(fee=D(fee), currency="CNY", discount_rate=D(rate))
