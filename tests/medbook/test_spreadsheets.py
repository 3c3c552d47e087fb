"""How do texts leave for spreadsheets, and come back?"""

import pytest

from medbook.spreadsheets import plain_cell, read_cell


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(sign):
    assert plain_cell(f"{sign}HYPERLINK()") == f"'{sign}HYPERLINK()"


@pytest.mark.parametrize("text", ["Cardiology", "心内科", "", "a=b"])
def test_other_cells_stay_as_they_are(text):
    assert plain_cell(text) == text


@pytest.mark.parametrize("text", ["=1+1", "-", "@home", "Cardiology", "", "'quoted'", "O'Neil"])
def test_what_was_written_is_read_as_it_was(text):
    assert read_cell(plain_cell(text)) == text
