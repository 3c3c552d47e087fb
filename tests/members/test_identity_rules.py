"""Are documents read as their issuers write them, and is one person one number?"""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from members.choices import IdentityKind
from members.rules.identity import (
    NotSo,
    is_possible_birth_date,
    normalised_number,
    possible_numbers,
    read_document,
)
from tests.factories import resident_id

TODAY = date(2026, 11, 28)
KINDS = list(IdentityKind)
WELL_FORMED = {
    "resident_id": st.builds(
        resident_id, st.integers(0, 999), st.dates(date(1900, 1, 1), date(2020, 1, 1))
    ),
    "passport": st.from_regex(r"[A-Z]{1,2}[0-9]{6,8}", fullmatch=True),
    "hk_macao_permit": st.from_regex(r"[HM][0-9]{8}([0-9]{2})?", fullmatch=True),
    "taiwan_permit": st.from_regex(r"[0-9]{8}([0-9]{2}[A-Z])?", fullmatch=True),
    "birth_certificate": st.from_regex(r"[A-Z][0-9]{9}", fullmatch=True),
}


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("resident_id", "11010519491231002x", "11010519491231002X"),
        ("resident_id", "１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
        ("resident_id", "110105 19491231 002X", "11010519491231002X"),
        ("resident_id", "110105-491231-002", "11010519491231002X"),
        ("passport", "e12345678", "E12345678"),
        ("passport", "G 1234 5678", "G12345678"),
        ("passport", "DE1234567", "DE1234567"),
        ("passport", "AB123", "AB123"),
        ("passport", "A1234567890123456", "A1234567890123456"),
        ("hk_macao_permit", "h12345678", "H12345678"),
        ("hk_macao_permit", "M 12345678 01", "M12345678"),
        ("taiwan_permit", "12345678", "12345678"),
        ("taiwan_permit", "1234567802（B）", "12345678"),
        ("taiwan_permit", "1234567802B", "12345678"),
        ("birth_certificate", "r 110 123 456", "R110123456"),
    ],
)
def test_the_spellings_of_a_number_are_one(kind, text, number):
    assert normalised_number(kind, text) == number


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *((kind, "") for kind in KINDS),
        *((kind, "\x00" * 9) for kind in KINDS),
        *((kind, "1" * 10_000) for kind in KINDS),
        *((kind, "١٢٣٤٥٦٧٨") for kind in KINDS),
        ("resident_id", "١١٠١٠٥١٩٤٩١٢٣١٠٠٢X"),
        ("resident_id", "110105194912310021"),
        ("resident_id", "110105194902300028"),
        ("resident_id", "11010519491231002"),
        ("passport", "AB12"),
        ("passport", "A12345678901234567"),
        ("passport", "ABCDEFGH"),
        ("passport", "E1234567É"),
        ("hk_macao_permit", "H1234567"),
        ("hk_macao_permit", "H123456789"),
        ("hk_macao_permit", "H12345678901"),
        ("hk_macao_permit", "T12345678"),
        ("taiwan_permit", "1234567"),
        ("taiwan_permit", "123456789"),
        ("taiwan_permit", "1234567890"),
        ("birth_certificate", "R11012345"),
        ("birth_certificate", "R1101234567"),
        ("birth_certificate", "1110123456"),
    ],
)
def test_what_is_no_number_of_that_kind_is_refused(kind, text):
    with pytest.raises(ValueError, match="not a"):
        normalised_number(kind, text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), WELL_FORMED[kind])))
def test_writing_a_number_in_one_way_twice_changes_nothing(said):
    kind, text = said

    once = normalised_number(kind, text)

    assert normalised_number(kind, once) == once
    assert normalised_number(kind, f" {text.lower()}　-") == once


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.text(max_size=40))
def test_any_text_is_a_number_or_refused(kind, text):
    try:
        once = normalised_number(kind, text)
    except ValueError:
        return

    assert once.isascii()
    assert normalised_number(kind, once) == once


def test_a_text_may_be_the_number_of_several_documents():
    assert possible_numbers("h12345678") == {
        "passport": "H12345678",
        "hk_macao_permit": "H12345678",
    }
    assert possible_numbers("Alice Chen") == {}


def read(kind="passport", number="E12345678", born=date(1990, 5, 1), sex="", today=TODAY):
    return read_document(kind=kind, number=number, birth_date=born, sex=sex, today=today)


def test_a_resident_number_tells_birth_date_and_sex():
    document = read("resident_id", "11010519491231002x", None)

    assert (document.birth_date, document.sex) == (date(1949, 12, 31), "female")


def test_what_is_said_beside_a_resident_number_agrees():
    assert read("resident_id", "11010519491231002X", date(1949, 12, 31), "female").sex == "female"
    assert read("resident_id", "11010519491231002X", None, "unknown").sex == "female"


@pytest.mark.parametrize(
    ("said", "part", "is_missing"),
    [
        ({"number": "1"}, "identity_number", False),
        ({"kind": "resident_id"}, "identity_number", False),
        ({"kind": "resident_id", "number": "11010519491231002X"}, "birth_date", False),
        (
            {
                "kind": "resident_id",
                "number": "11010519491231002X",
                "born": None,
                "sex": "male",
            },
            "sex",
            False,
        ),
        ({"born": None}, "birth_date", True),
        ({"born": date(2026, 11, 29)}, "birth_date", False),
        ({"born": date(1875, 12, 31)}, "birth_date", False),
        (
            {"kind": "resident_id", "number": resident_id(1, date(2026, 11, 29)), "born": None},
            "identity_number",
            False,
        ),
    ],
)
def test_names_the_part_that_cannot_be(said, part, is_missing):
    with pytest.raises(NotSo) as refused:
        read(**said)

    assert (refused.value.part, refused.value.is_missing) == (part, is_missing)


@pytest.mark.parametrize(
    ("born", "is_possible"),
    [
        (TODAY, True),
        (date(2026, 11, 29), False),
        (date(1876, 1, 1), True),
        (date(1875, 12, 31), False),
        (date(1, 1, 1), False),
        (date(9999, 12, 31), False),
    ],
)
def test_nobody_is_born_tomorrow_or_very_long_ago(born, is_possible):
    assert is_possible_birth_date(born, TODAY) == is_possible
