"""Do the documents still speak of what is there?"""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.db import connection

from medbook.errors import DomainError

HERE = Path(__file__).parents[2]
DOCUMENTS = sorted([*HERE.glob("*.md"), *HERE.glob("docs/**/*.md")])
BOOKING = (HERE / "docs/flows/booking.md").read_text()


def name_of(path):
    return str(path.relative_to(HERE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_make_target_exists(document):
    targets = set(re.findall(r"^(\w+):", (HERE / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make (\w+)", document.read_text(), re.MULTILINE))

    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_exists(document):
    assert set(re.findall(r"manage\.py (\w+)", document.read_text())) <= get_commands().keys()


@pytest.mark.parametrize("document", sorted(HERE.glob("docs/adr/*.md")), ids=name_of)
def test_a_decision_says_why_in_less_than_forty_lines(document):
    lines = document.read_text().splitlines()

    assert len(lines) < 40
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]


def codes_of(kind):
    return {kind.code}.union(*(codes_of(inner) for inner in kind.__subclasses__()))


def test_every_refusal_of_booking_is_one_that_exists():
    rows = re.findall(r"^\| \d+ \|.*\| (.*) \|$", BOOKING, re.MULTILINE)
    named = {code for row in rows for code in re.findall(r"`(\w+)`", row)}

    assert len(named) > 15
    assert named <= codes_of(DomainError)


@pytest.mark.django_db
def test_every_guard_of_booking_is_in_the_database():
    rows = re.findall(r"^\| [^|]+\| ([^|]*`[^|]*) \|$", BOOKING.partition("What stands")[2], re.M)
    named = {guard for row in rows for guard in re.findall(r"`(\w+)`", row)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint UNION SELECT relname FROM pg_class"
            " WHERE relkind = 'i' UNION SELECT tgname FROM pg_trigger"
        )
        there = {row[0] for row in cursor.fetchall()}

    assert len(named) == 9
    assert named <= there
