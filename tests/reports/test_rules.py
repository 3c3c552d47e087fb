from dataclasses import replace

import pytest

from reports.rules import Tally, finding, told, total

SOME = Tally(offered=100, booked=40, attended=30, cancelled=6, called_off=2)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0"), (1, "<5"), (4, "<5"), (5, "5"), (1234, "1234")]
)
def test_hides_counts_that_could_point_at_a_person(count, shown):
    assert told(count) == shown


def test_places_are_told_openly_and_people_from_five_on():
    assert replace(SOME, offered=3).told == ("3", "40", "30", "6", "<5")


def test_adds_up():
    assert total([SOME, SOME, Tally(offered=1)]) == Tally(201, 80, 60, 12, 4)
    assert total([]) == Tally()


@pytest.mark.parametrize(
    ("offered", "booked", "share"),
    [
        (100, 0, "0%"),
        (100, 1, "<5%"),
        (100, 4, "<5%"),
        (100, 5, "5%"),
        (100, 100, "100%"),
        (225, 3, "<3%"),  # 5 of 225 are 2.2
        (5, 4, "<100%"),
        (4, 4, "–"),
        (0, 3, "–"),
    ],
)
def test_a_share_gives_no_small_count_away(offered, booked, share):
    assert Tally(offered=offered, booked=booked).share_booked == share


def test_finds_the_fullest_department():
    by_department = {
        "Cardiology": SOME,
        "Neurology": replace(SOME, booked=90),
        "Closed": Tally(),
    }

    assert finding(by_department) == (
        "Neurology is the fullest: 90% of its places were booked, against 65% overall."
    )


def test_says_when_nobody_came():
    assert finding({"Cardiology": Tally(offered=12)}) == "None of 12 places was booked."


def test_says_nothing_of_nothing():
    assert finding({"Cardiology": Tally()}) == ""
    assert finding({}) == ""
