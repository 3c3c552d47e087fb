"""How many places are kept for whom, and which?"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduling.rules.reserves import (
    ReserveRules,
    reserve_sizes,
    reserved_numbers,
    reserved_until,
)
from scheduling.rules.sessions import DESK_RANK


@pytest.mark.parametrize(
    ("count", "desk", "shares", "expected"),
    [
        (20, 0, {}, []),
        (20, 3, {}, [(DESK_RANK, 3)]),
        (20, 3, {2: "0.1"}, [(DESK_RANK, 3), (2, 2)]),
        (19, 0, {2: "0.1"}, [(2, 1)]),  # rounded down
        (9, 0, {2: "0.1"}, []),
        (20, 10, {2: "0.4", 3: "0.3"}, [(DESK_RANK, 10), (3, 6), (2, 4)]),
        (20, 20, {2: "0.4"}, [(DESK_RANK, 20)]),
        (10, 0, {1: "1", 2: "1"}, [(2, 10)]),
    ],
)
def test_the_desk_comes_first_then_the_highest_tier_and_no_more_than_there_is(
    count, desk, shares, expected
):
    shares = {rank: Decimal(share) for rank, share in shares.items()}

    assert reserve_sizes(count, desk, shares) == expected


def test_kept_places_lie_evenly_over_the_session():
    assert reserved_numbers(range(1, 13), [(DESK_RANK, 3)]) == dict.fromkeys((3, 7, 11), DESK_RANK)


@given(st.integers(1, 200), st.lists(st.integers(1, 60), max_size=4))
def test_each_rank_gets_exactly_its_number_and_no_place_is_kept_twice(count, sizes):
    wanted = {rank: Decimal(size) / count for rank, size in enumerate(sizes, 1) if size <= count}
    given_sizes = reserve_sizes(count, 0, wanted)

    kept = reserved_numbers(range(1, count + 1), given_sizes)

    assert sum(size for _rank, size in given_sizes) == len(kept) <= count
    assert {rank: list(kept.values()).count(rank) for rank, _size in given_sizes} == dict(
        given_sizes
    )


@pytest.mark.parametrize(
    ("days", "at", "expected"),
    [
        (1, time(12), datetime(2026, 12, 9, 4, tzinfo=UTC)),
        (0, time(12), datetime(2026, 12, 9, 9, tzinfo=UTC)),  # no later than the sale stops
        (7, time(7), None),  # at the release: nothing is kept
        (9, time(7), None),
    ],
)
def test_they_fall_to_all_between_the_release_and_the_stop_of_the_sale(days, at, expected):
    until = reserved_until(
        date(2026, 12, 10),
        "Asia/Shanghai",
        ReserveRules(days, at),
        release_at=datetime(2026, 12, 2, 23, tzinfo=UTC),
        sale_stops_at=datetime(2026, 12, 9, 9, tzinfo=UTC),
    )

    assert until == expected
