"""Can every colour be read on its ground, in the light and in the dark?"""

import re
from pathlib import Path

import pytest

TOKENS = Path("static/medbook/css/tokens.css").read_text()

TEXT = 7.0
GRAPHIC = 3.0

PAIRS = [
    ("ink", "paper", TEXT),
    ("ink", "card", TEXT),
    ("ink", "sunk", TEXT),
    ("soft", "paper", TEXT),
    ("soft", "card", TEXT),
    ("soft", "sunk", TEXT),
    ("jade", "paper", TEXT),
    ("jade", "card", TEXT),
    ("on-jade", "jade", TEXT),
    ("on-jade", "jade-deep", TEXT),
    ("jade-deep", "paper", TEXT),
    ("jade-deep", "card", TEXT),
    ("jade-deep", "sunk", TEXT),
    ("jade-deep", "jade-wash", TEXT),
    ("on-band", "band", TEXT),
    ("cinnabar", "paper", TEXT),
    ("cinnabar", "card", TEXT),
    ("on-cinnabar", "cinnabar", TEXT),
    ("on-cinnabar", "cinnabar-text", TEXT),
    ("cinnabar-text", "cinnabar-wash", TEXT),
    ("amber", "amber-wash", TEXT),
    ("amber", "card", TEXT),
    ("amber", "paper", TEXT),
    ("leaf", "leaf-wash", TEXT),
    ("leaf", "card", TEXT),
    ("sky", "sky-wash", TEXT),
    ("silver", "silver-wash", TEXT),
    ("gold", "gold-wash", TEXT),
    ("member", "member-wash", TEXT),
    ("plum", "plum-wash", TEXT),
    ("edge", "paper", GRAPHIC),
    ("edge", "card", GRAPHIC),
    ("chart-1", "card", GRAPHIC),
    ("chart-2", "card", GRAPHIC),
    ("chart-3", "card", GRAPHIC),
    ("chart-4", "card", GRAPHIC),
    ("chart-5", "card", GRAPHIC),
]


def block_after(opening):
    start = TOKENS.index(opening) + len(opening)
    return dict(
        re.findall(r"--([\w-]+): (#[0-9a-f]{6,8});", TOKENS[start : TOKENS.index("}", start)])
    )


LIGHT = block_after("\n:root {")
DARK_BY_SYSTEM = block_after('  :root:not([data-theme="light"]) {')
DARK_BY_CHOICE = block_after(':root[data-theme="dark"] {')


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK_BY_CHOICE], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "ground", "at_least"), PAIRS)
def test_every_pair_can_be_read(theme, front, ground, at_least):
    assert contrast(theme[front], theme[ground]) >= at_least


def test_the_formula_agrees_with_known_ratios():
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast(LIGHT["ink"], LIGHT["paper"]), 2) == 15.57
    assert round(contrast(DARK_BY_CHOICE["jade"], DARK_BY_CHOICE["paper"]), 2) == 9.93


def test_the_two_dark_blocks_are_equal():
    assert DARK_BY_SYSTEM == DARK_BY_CHOICE


def test_the_dark_theme_names_every_colour_of_the_light_one():
    same_in_both = {"qr-ground", "qr-dots"}

    assert set(LIGHT) - same_in_both == set(DARK_BY_CHOICE)


@pytest.mark.parametrize("theme", [LIGHT, DARK_BY_CHOICE], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "card", "sunk", "jade", "cinnabar"])
def test_one_of_the_two_tones_of_the_focus_ring_shows_on_any_ground(theme, ground):
    tones = (theme["focus"], theme["focus-ring"])

    assert max(contrast(tone, theme[ground]) for tone in tones) >= GRAPHIC
