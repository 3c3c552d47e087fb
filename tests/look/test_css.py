"""Do the style sheets and the script keep to their rules?"""

import re
from pathlib import Path

import pytest

SHEETS = sorted(Path("static/medbook/css").glob("*.css"))
TOKENS = Path("static/medbook/css/tokens.css")
PRINT = Path("static/medbook/css/print.css")
PHYSICAL = re.compile(
    r"\b(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right|top|bottom)\b"
    r"|(?:^|[\s;{])(?:left|right|top|bottom|width|height|min-width|min-height|max-width|max-height)\s*:"
    r"|text-align:\s*(?:left|right)"
    r"|\bfloat\s*:",
    re.MULTILINE,
)


def rules_of(sheet):
    """Read a sheet without comments and without the conditions of its media queries."""
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    return re.sub(r"@media[^{]*", "@media ", text)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_colours_are_named_in_the_tokens_only(sheet):
    if sheet != TOKENS:
        assert not re.findall(
            r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*[;}])|\b(?:rgb|hsl|oklch)a?\(", rules_of(sheet)
        )


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_no_side_is_called_left_or_right(sheet):
    assert not PHYSICAL.findall(rules_of(sheet))


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_nothing_is_forced_except_on_paper(sheet):
    if sheet != PRINT:
        assert "!important" not in rules_of(sheet)


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_token_that_is_used_exists(sheet):
    defined = set(re.findall(r"(--[\w-]+):", TOKENS.read_text()))

    assert set(re.findall(r"var\((--[\w-]+)", rules_of(sheet))) <= defined


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_rules_are_not_nested(sheet):
    """Older web views drop nested rules; only at-rules may hold others."""
    assert "&" not in rules_of(sheet)


def test_one_line_orders_the_layers():
    text = Path("static/medbook/css/medbook.css").read_text()

    assert text.startswith("@layer reset, base, layout, parts, pages, states;\n")
    assert re.findall(r"^@layer (\w+) \{", text, re.MULTILINE) == [
        "reset",
        "base",
        "layout",
        "parts",
        "pages",
        "states",
    ]


def test_the_sheets_stay_within_a_thousand_lines():
    assert sum(len(sheet.read_text().splitlines()) for sheet in SHEETS) <= 1000


def test_the_scripts_stay_within_their_budget_and_evaluate_nothing():
    scripts = "".join(path.read_text() for path in Path("static/medbook/js").glob("*.js"))

    assert len(scripts.splitlines()) <= 250
    assert not re.search(r"\beval\(|new Function|innerHTML|outerHTML|document\.write", scripts)
