"""How is a message put into words, in whichever language it is read?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise
from django.utils.module_loading import import_string

from medbook import clock
from members.models import MessageTemplate
from members.rules.messages import MessageKind, filled, one_line

# A lazy text is a fact that differs by language: the name of a tier, a sentence.
Fact = str | int | datetime | Promise
UNKNOWN = "–"


@dataclass(frozen=True)
class Words:
    """What a message says, its variables filled in."""

    title: str
    text: str


def message_kinds() -> Mapping[str, MessageKind]:
    """Return all kinds of messages that the apps name in settings.MESSAGE_KINDS, by key."""
    return _kinds(tuple(settings.MESSAGE_KINDS))


def changed_words() -> Mapping[str, MessageTemplate]:
    """Return the words that staff has changed, by kind. One query."""
    return {row.kind: row for row in MessageTemplate.objects.all()}


def changed_template(kind: MessageKind) -> MessageTemplate | None:
    """Return the words of a kind where staff has changed them."""
    return MessageTemplate.objects.filter(kind=kind.key).first()


def standard_template(kind: MessageKind) -> MessageTemplate:
    """Return the words of a kind in both languages as MedBook brings them; not a row."""
    template = MessageTemplate(kind=kind.key)
    for suffix, language in (("en", "en"), ("zh", "zh-hans")):
        with translation.override(language):
            setattr(template, f"title_{suffix}", str(kind.title))
            setattr(template, f"text_{suffix}", str(kind.text))
    return template


def worded(
    kind: MessageKind, facts: Mapping[str, str], changed: MessageTemplate | None = None
) -> Words:
    """Say a message in the active language, by staff's words where there are some.

    Raises: KeyError for a variable without a fact.
    """
    source = changed or kind
    return Words(
        title=one_line(filled(str(source.title), facts)), text=filled(str(source.text), facts)
    )


def packed_facts(facts: Mapping[str, Fact], zone: str | None = None) -> str:
    """Write facts down so that they can be said in any language later.

    Instants are said by the clock of the zone, the site's unless named.
    """
    return json.dumps(
        {name: _packed(fact, zone) for name, fact in facts.items()}, ensure_ascii=False
    )


def said_facts(packed: str) -> dict[str, str]:
    """Say packed facts in the active language."""
    return {name: _said(fact) for name, fact in json.loads(packed).items()}


def sample_facts(kind: MessageKind, now: datetime) -> dict[str, str]:
    """Make up facts in the active language, so that staff sees how words read."""
    samples = {
        "code": "123456",
        "when": clock.text(now),
        "until": clock.text(now),
        "at": clock.text(now),
        "ends_at": clock.text(now),
        "reference": "7K3M9QX2AB",
        "points": "300",
        "amount": "100",
    }
    return {name: samples.get(name, f"‹{name}›") for name in kind.variables}


def _packed(fact: Fact, zone: str | None) -> object:
    if isinstance(fact, datetime):
        return {"at": fact.isoformat(), "zone": zone}
    if isinstance(fact, Promise):
        return {"in": {code: _in_language(fact, code) for code, _name in settings.LANGUAGES}}
    return fact


def _said(packed: object) -> str:
    if not isinstance(packed, dict):
        return str(packed)
    if "at" in packed:
        return clock.text(datetime.fromisoformat(packed["at"]), packed["zone"])
    texts: dict[str, str] = packed["in"]
    return texts.get(translation.get_language() or "en", texts["en"])


def _in_language(text: Promise, code: str) -> str:
    with translation.override(code):
        return str(text)


@lru_cache(maxsize=8)
def _kinds(dotted_names: tuple[str, ...]) -> Mapping[str, MessageKind]:
    found: dict[str, MessageKind] = {}
    for name in dotted_names:
        found.update(import_string(name))
    return found
