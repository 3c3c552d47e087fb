"""How do words and facts become a message, and what is no fit text?"""

import re

import pytest
from django.conf import settings
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as some

from members.rules.messages import (
    MessageKind,
    filled,
    has_stray_braces,
    one_line,
    sms_parts,
    variables_in,
)
from members.selectors.wording import message_kinds, standard_template

NAMES = some.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(some.lists(NAMES, unique=True), some.lists(some.text(alphabet="ab ,.，。"), min_size=1))
def test_a_variable_without_a_fact_is_never_left_out_in_silence(names, between):
    words = "".join(f"{between[i % len(between)]}{{{name}}}" for i, name in enumerate(names))
    facts = dict.fromkeys(names, "x")

    assert variables_in(words) == set(names)
    assert "{" not in filled(words, facts)
    for name in names:
        with pytest.raises(KeyError):
            filled(words, {key: fact for key, fact in facts.items() if key != name})


@given(some.text())
def test_a_fact_is_put_in_literally_and_on_one_line(fact):
    text = filled("a {fact} z", {"fact": fact})

    assert text == f"a {one_line(fact)} z"
    assert not re.search(r"[\r\n\t\x00]", text)


@pytest.mark.parametrize("fact", ["{code}", "{0.__class__}", "%(code)s", "{{code}}"])
def test_a_fact_is_not_read_as_words(fact):
    assert filled("{name}", {"name": fact, "code": "123456"}) == fact


@pytest.mark.parametrize(
    "words",
    ["{", "}", "{}", "{a.b}", "{a!r}", "{a:>9}", "{a[0]}", "{{a}}", "{A}", "{ a }", "{0}", "a} {b"],
)
def test_braces_that_hold_no_plain_name_are_strays(words):
    assert has_stray_braces(words)


@pytest.mark.parametrize("words", ["", "plain", "{a}", "{a}{b_2}", "一{a}二"])
def test_plain_names_in_braces_are_no_strays(words):
    assert not has_stray_braces(words)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("号" * 70, 1),
        ("号" * 71, 2),
        ("号" * 134, 2),
        ("号" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("`" + "a" * 70, 2),
    ],
)
def test_counts_the_parts_of_an_sms(text, parts):
    assert sms_parts(text) == parts


CRITICAL = MessageKind("stop", "", "", "", channels=("sms",), is_critical=True)
PLAIN = MessageKind("news", "", "", "", channels=("email",))
BOTH = ("sms", "email")


@pytest.mark.parametrize(
    ("kind", "chosen", "possible", "ways"),
    [
        (PLAIN, {}, BOTH, ["email"]),
        (PLAIN, {"sms": True}, BOTH, ["sms", "email"]),
        (PLAIN, {"email": False}, BOTH, []),
        (PLAIN, {}, ("sms",), []),
        (CRITICAL, {}, BOTH, ["sms"]),
        (CRITICAL, {"sms": False, "email": False}, BOTH, ["sms"]),
        (CRITICAL, {}, (), []),
    ],
)
def test_the_ways_of_a_message_are_chosen_unless_it_is_critical(kind, chosen, possible, ways):
    assert kind.ways(chosen, possible) == ways


@pytest.mark.parametrize("code", [code for code, _name in settings.LANGUAGES])
def test_the_standard_words_use_their_variables_and_no_others(code):
    suffix = "zh" if code.startswith("zh") else "en"
    for kind in message_kinds().values():
        with translation.override(code):
            template = standard_template(kind)
        title = getattr(template, f"title_{suffix}")
        text = getattr(template, f"text_{suffix}")

        assert variables_in(title + text) == set(kind.variables), kind.key
        assert not has_stray_braces(title + text), kind.key
        assert len(title) <= 120, kind.key
        assert "\n" not in title
