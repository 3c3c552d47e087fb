"""Do the templates keep to the content policy, and is every word of theirs translatable?"""

import re
from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.utils import translation

PAGES = sorted(Path("templates").rglob("*.html"))
SAID_TO_PEOPLE = ("alt", "aria-label", "placeholder", "title")
# A foreign code, a name of ours that is translated elsewhere, or a piece of notation.
NOT_WORDS = {"API", "OpenAPI", "UTC"}


def source_of(page):
    text = page.read_text()
    text = re.sub(r"{% comment %}.*?{% endcomment %}|{#.*?#}", "", text, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def without_template_language(text):
    text = re.sub(r"{% block bodyclass %}.*?{% endblock %}", "", text)
    text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", text, flags=re.DOTALL)
    return re.sub(r"{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL)


def raw_words(text):
    return [word for word in re.findall(r"[^\W\d_]{2,}", text) if word not in NOT_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_nothing_inline_that_the_content_policy_refuses(page):
    text = source_of(page)

    assert not re.search(r"\sstyle\s*=", text)
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert not re.search(r"hx-on|hx-vals=[\"']js:|hx-headers=[\"']js:|javascript:", text)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_liveliness_sits_only_on_what_works_without_scripts(page):
    for tag in re.findall(r"<[a-z-]+[^<>]*\shx-(?:get|post|boost)\b", source_of(page)):
        assert re.match(r"<(?:a|form|nav)\b", tag)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_words_outside_of_translation(page):
    markup = without_template_language(source_of(page))
    shown = re.sub(r"<[^>]*>|&\w+;", " ", markup)

    assert raw_words(shown) == []
    for name in SAID_TO_PEOPLE:
        for value in re.findall(rf"\s{name}=\"([^\"]*)\"", markup):
            assert raw_words(value) == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_form_that_writes_carries_a_token(page):
    for form in re.findall(r"<form\b.*?</form>", source_of(page), re.DOTALL):
        assert ('method="post"' in form) == ("{% csrf_token %}" in form)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_error_pages_stand_without_database_session_and_request(status):
    with translation.override("en"):
        page = render_to_string(f"{status}.html")

    assert "<h1>" in page
    assert 'href="/"' in page


def test_a_refusal_is_told_in_its_own_words():
    class Refusal:
        detail = "Booking opens Tue 24 Nov, 07:00."

    assert Refusal.detail in render_to_string("errors/refusal.html", {"refusal": Refusal()})
