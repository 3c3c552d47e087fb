"""What does an insurer bear, and which numbers can a policy have?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.models.insurance import MOVES
from billing.rules.insurance import (
    Share,
    Terms,
    Used,
    insurer_share,
    masked_number,
    normalised_number,
)
from billing.rules.prices import free_return, quote

D = Decimal
AMOUNTS = st.decimals(min_value=0, max_value=9999, places=2)


@pytest.mark.parametrize(
    ("insurable", "rate", "deductible", "cap", "used", "borne", "deducted"),
    [
        ("180.00", "0.65", "0", None, ("0", "0"), "117.00", "0.00"),
        ("180.00", "1", "0", None, ("0", "0"), "180.00", "0.00"),
        ("21.68", "0.65", "0", None, ("0", "0"), "14.09", "0.00"),  # 14.092
        ("0.10", "0.65", "0", None, ("0", "0"), "0.07", "0.00"),  # 0.065: half a cent goes up
        ("180.00", "0.8", "100", None, ("0", "0"), "64.00", "100.00"),
        ("180.00", "0.8", "100", None, ("99.99", "0"), "143.99", "0.01"),
        ("180.00", "0.8", "100", None, ("100", "0"), "144.00", "0.00"),
        ("180.00", "0.8", "100", None, ("250", "0"), "144.00", "0.00"),
        ("99.99", "0.8", "100", None, ("0", "0"), "0.00", "99.99"),
        ("180.00", "0.8", "0", "200", ("0", "100"), "100.00", "0.00"),
        ("180.00", "0.8", "0", "200", ("0", "200"), "0.00", "0.00"),
        ("180.00", "0.8", "0", "200", ("0", "300"), "0.00", "0.00"),
        ("180.00", "0.8", "0", "0", ("0", "0"), "0.00", "0.00"),
        ("0", "0.8", "100", "200", ("0", "0"), "0.00", "0"),
    ],
)
def test_the_deductible_goes_first_then_the_rate_then_the_cap(
    insurable, rate, deductible, cap, used, borne, deducted
):
    terms = Terms(D(rate), D(deductible), D(cap) if cap else None)

    share = insurer_share(D(insurable), terms, Used(D(used[0]), D(used[1])))

    assert share == Share(D(borne), D(deducted))


@given(
    insurable=AMOUNTS,
    rate=st.decimals(min_value="0.001", max_value=1, places=3),
    deductible=AMOUNTS,
    cap=st.none() | AMOUNTS,
    used=st.builds(Used, AMOUNTS, AMOUNTS),
)
def test_a_share_is_in_whole_cents_and_never_more_than_what_is_left(
    insurable, rate, deductible, cap, used
):
    share = insurer_share(insurable, Terms(rate, deductible, cap), used)
    price = quote(fee=insurable, currency="CNY", discount_rate=D(1))

    assert price.with_insurance(share.borne, "Plan").total + share.borne == insurable
    assert 0 <= share.borne <= insurable - share.deducted
    assert 0 <= share.deducted <= max(deductible - used.deductible, 0)
    assert cap is None or share.borne <= max(cap - used.cap, 0)


@pytest.mark.parametrize(("insurable", "rate"), [("-0.01", "0.5"), ("1", "0"), ("1", "1.001")])
def test_refuses_a_share_that_cannot_be(insurable, rate):
    with pytest.raises(ValueError, match="rate"):
        insurer_share(D(insurable), Terms(D(rate)), Used())


def test_a_fee_without_the_discount_asks_for_all_but_a_free_return_visit_stays_free():
    gold = quote(fee=D(180), currency="CNY", discount_rate=D("0.9"), tier_name="Gold")

    assert gold.undiscounted().total == D("180.00")
    assert free_return(fee=D(180), currency="CNY").undiscounted().total == 0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ch-8800 1043", "CH88001043"),
        ("ＣＨ８８００１０４３", "CH88001043"),
        ("A1B2C3", "A1B2C3"),
        ("9" * 32, "9" * 32),
    ],
)
def test_a_number_is_written_in_one_way_and_shown_by_its_end(text, number):
    assert normalised_number(text) == number
    assert masked_number(number) == f"••••{number[-4:]}"


@pytest.mark.parametrize("text", ["", "A1B2C", "9" * 33, "CH88001043!", "医保8800", "CH_8800"])
def test_anything_else_is_no_number(text):
    with pytest.raises(ValueError, match="number"):
        normalised_number(text)


def test_nothing_follows_on_a_reversal_and_each_state_can_be_reversed():
    assert MOVES["reversed"] == ()
    assert all("reversed" in moves for state, moves in MOVES.items() if state != "reversed")
