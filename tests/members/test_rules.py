"""Are phones, names and identity numbers read as people write them?"""

from datetime import date
from decimal import Decimal

import pytest

from members.rules import spelling
from members.rules.privileges import PRIVILEGES
from tests.factories import resident_id


@pytest.mark.parametrize(
    "text",
    [
        "+8613800000001",
        "13800000001",
        " 138 0000 0001 ",
        "138-0000-0001",
        "(138)00000001",
        "008613800000001",
        "0086 138 0000 0001",
        "+86 138 0000 0001",
        "１３８０００００００１",
        "+86(138)0000-0001",
    ],
)
def test_spellings_of_one_phone_number_are_one(text):
    assert spelling.normalised_phone(text) == "+8613800000001"
    assert spelling.normalised_phone(spelling.normalised_phone(text)) == "+8613800000001"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+44 20 7946 0958", "+442079460958"),
        ("0044 20 7946 0958", "+442079460958"),
        ("+852 5123 4567", "+85251234567"),
    ],
)
def test_numbers_of_other_countries_keep_their_code(text, number):
    assert spelling.normalised_phone(text) == number


@pytest.mark.parametrize("text", ["", "1", "12345", "phone", "+", "1" * 40, "+86", "\x00"])
def test_what_is_no_phone_number_is_refused(text):
    with pytest.raises(ValueError, match="not a phone number"):
        spelling.normalised_phone(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("11010519491231002X", "11010519491231002X"),
        ("11010519491231002x", "11010519491231002X"),
        (" 110105 19491231 002X ", "11010519491231002X"),
        ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
        ("110105491231002", "11010519491231002X"),
    ],
)
def test_spellings_of_one_identity_number_are_one(text, number):
    assert spelling.normalised_resident_id(text) == number
    assert spelling.normalised_resident_id(number) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "110105194912310021",  # wrong check digit
        "11010519491231002",  # too short
        "11010519491231002XX",
        "110105194913310029",  # month 13
        "110105202302300029",  # 30 February
        "990105194912310029",  # no such place
        "1101054912310o2",
        "A1010519491231002X",
    ],
)
def test_what_is_no_identity_number_is_refused(text):
    with pytest.raises(ValueError, match="not a resident identity number"):
        spelling.normalised_resident_id(text)


def test_an_upgraded_number_gets_a_check_digit_that_fits():
    for number in range(1, 30):
        full = resident_id(number, date(1962, 3, 4))

        assert spelling.normalised_resident_id(full[:6] + full[8:17]) == full


def test_birthday_and_sex_are_those_of_the_number():
    assert spelling.birth_date_of("11010519491231002X") == date(1949, 12, 31)
    assert spelling.sex_of("11010519491231002X") == "female"
    assert spelling.sex_of(resident_id(1)) == "male"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice Chen", " alice  CHEN "),
        ("阿依古丽·买买提", "阿依古丽•买买提"),
        ("阿依古丽·买买提", "阿依古丽・买买提"),
        ("张三", "张\u200b三"),
        ("Ａlice", "alice"),
    ],
)
def test_spellings_of_one_name_are_one(one, other):
    assert spelling.normalised_name(one) == spelling.normalised_name(other)


@pytest.mark.parametrize(
    ("mask", "value", "shown"),
    [
        (spelling.masked_phone, "+8613812345678", "138****5678"),
        (spelling.masked_phone, "+442079460958", "+44****58"),
        (spelling.masked_name, "张三", "张*"),
        (spelling.masked_name, "欧阳娜娜", "欧*"),
        (spelling.masked_name, "Alice Chen", "A."),
        (spelling.masked_identity, "11010519491231002X", "11**************2X"),
    ],
)
def test_masks_show_enough_to_recognise_and_no_more(mask, value, shown):
    assert mask(value) == shown


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("discount_rate", "0.85", Decimal("0.85")),
        ("discount_rate", "1", Decimal(1)),
        ("discount_rate", " 0.90 ", Decimal("0.90")),
        ("early_access_minutes", "30", 30),
        ("can_cancel_late", "True", True),
        ("can_cancel_late", "false", False),
        ("reserved_quota_share", "0", Decimal(0)),
    ],
)
def test_privileges_have_types(key, text, value):
    read = PRIVILEGES[key].read(text)

    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("discount_rate", "0"),
        ("discount_rate", "1.01"),
        ("discount_rate", "-1"),
        ("discount_rate", "ten"),
        ("early_access_minutes", "1.5"),
        ("early_access_minutes", "-1"),
        ("can_cancel_late", "yes"),
        ("can_cancel_late", ""),
        ("reserved_quota_share", "1.1"),
        ("draw_tickets", "0"),
        ("discount_rate", "NaN"),
        ("discount_rate", "0.00999"),
        ("discount_rate", "0.12345"),
        ("points_rate", "Infinity"),
        ("points_rate", "100.0001"),
        ("early_access_minutes", "10081"),
        ("open_bookings_limit", "101"),
        ("open_bookings_limit", "9" * 40),
        ("reserved_quota_share", "1e999999999"),
    ],
)
def test_privileges_refuse_values_of_the_wrong_type_or_size(key, text):
    with pytest.raises(ValueError, match=key):
        PRIVILEGES[key].read(text)


@pytest.mark.parametrize("kind", PRIVILEGES.values(), ids=PRIVILEGES.keys())
def test_every_default_can_be_read_and_said(kind):
    assert str(kind.shown(kind.read(kind.default)))


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("discount_rate", "1", "100 %"),
        ("discount_rate", "0.95", "95 %"),
        ("discount_rate", "0.855", "85.5 %"),
        ("early_access_minutes", "15", "15 min"),
        ("early_access_minutes", "0", "No"),
        ("can_cancel_late", "true", "Yes"),
        ("open_bookings_limit", "10", "10"),
        ("points_rate", "1.50", "1.5"),
        ("reserved_quota_share", "0.2", "20 %"),
    ],
)
def test_privileges_are_said_in_words(key, text, words):
    kind = PRIVILEGES[key]

    assert str(kind.shown(kind.read(text))) == words


@pytest.mark.parametrize(
    ("key", "text", "stored"),
    [
        ("discount_rate", " 0.90 ", "0.9"),
        ("discount_rate", "1.0", "1"),
        ("points_rate", "1E+2", "100"),
        ("can_cancel_late", "TRUE", "true"),
        ("early_access_minutes", "1_0", "10"),
        ("early_access_minutes", "٣", "3"),
    ],
)
def test_privileges_are_stored_in_one_spelling(key, text, stored):
    assert PRIVILEGES[key].written(text) == stored


def test_every_privilege_of_the_agreement_is_there():
    assert list(PRIVILEGES) == [
        "discount_rate",
        "early_access_minutes",
        "reserved_quota_share",
        "can_cancel_late",
        "free_reschedules",
        "points_rate",
        "open_bookings_limit",
        "waitlist_weight",
        "queue_weight",
        "draw_tickets",
        "pay_at_desk",
    ]
