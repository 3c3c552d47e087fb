"""Is every text translated, and is every text of the sources in the catalogue?"""

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.core.management import call_command

CATALOGUES = sorted(Path("locale").glob("*/LC_MESSAGES/*.po"))
SOURCES = ("appointments", "billing", "medbook", "members", "reports", "scheduling", "templates")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|%[sd]|\{\w*\}|<[^>]*>")


@pytest.fixture(params=CATALOGUES, ids=str)
def catalogue(request):
    return polib.pofile(str(request.param))


def key(entry):
    return entry.msgctxt, entry.msgid, entry.msgid_plural


def said(entry):
    """List what stands for the text, in every number."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text):
    return sorted(PLACEHOLDER.findall(text))


def test_there_is_chinese():
    assert Path("locale/zh_Hans/LC_MESSAGES/django.po") in CATALOGUES


def test_nothing_is_untranslated_or_guessed(catalogue):
    assert [entry.msgid for entry in catalogue if not entry.translated()] == []
    assert [entry.msgid for entry in catalogue.fuzzy_entries()] == []
    assert not catalogue.metadata_is_fuzzy
    assert catalogue.obsolete_entries() == []


def test_translations_keep_placeholders_and_markup(catalogue):
    wrong = [
        (entry.msgid, text)
        for entry in catalogue
        for text in said(entry)
        if placeholders(text) != placeholders(entry.msgid_plural or entry.msgid)
    ]

    assert wrong == []


def test_chinese_sentences_end_as_chinese_does_and_never_shout(catalogue):
    texts = [text for entry in catalogue for text in said(entry)]

    assert [text for text in texts if re.search(r"[\u4e00-\u9fff][.,;?]|[!！]|你", text)] == []


@pytest.mark.gettext
def test_the_catalogue_holds_the_texts_of_the_sources(tmp_path, monkeypatch, settings):
    for folder in SOURCES:
        shutil.copytree(folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree("locale", tmp_path / "locale", ignore=shutil.ignore_patterns("*.mo"))
    committed = {path: {key(entry) for entry in polib.pofile(str(path))} for path in CATALOGUES}

    settings.LOCALE_PATHS = [tmp_path / "locale"]
    monkeypatch.chdir(tmp_path)
    call_command(
        "makemessages", all=True, no_location=True, no_obsolete=True, no_wrap=True, verbosity=0
    )

    collected = {path: {key(entry) for entry in polib.pofile(str(path))} for path in CATALOGUES}
    for path, texts in committed.items():
        assert texts == collected[path], "Run `make messages` and translate what is new."
