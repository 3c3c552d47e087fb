"""How does staff change what a message says?"""

from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import retry_on_conflict
from members.errors import WordsUnfit
from members.models import MessageTemplate, User
from members.rules.messages import MessageKind, wrong_in
from members.selectors.wording import message_kinds

LANGUAGES = ("en", "zh")


@retry_on_conflict
@transaction.atomic(durable=True)
def change_words(
    *,
    kind: str,
    title_en: str,
    text_en: str,
    title_zh: str,
    text_zh: str,
    by: User,
    now: datetime,
) -> MessageTemplate:
    """Let a kind of message say something else from now on, in both languages at once.

    Raises: Missing for an unknown kind, WordsUnfit when variables are missing or unknown.
    """
    said = _kind(kind)
    for title, text in ((title_en, text_en), (title_zh, text_zh)):
        if wrong_in(said, title, text):
            raise WordsUnfit()
    words = {
        "title_en": title_en,
        "text_en": text_en,
        "title_zh": title_zh,
        "text_zh": text_zh,
    }
    before = MessageTemplate.objects.filter(kind=kind).first()
    template, _is_new = MessageTemplate.objects.update_or_create(
        kind=kind, defaults={**words, "updated_at": now}
    )
    record_event(
        Action.MESSAGE_WORDS_CHANGED,
        subject=template,
        by=by,
        changed=[name for name, said in words.items() if getattr(before, name, None) != said],
        facts={"kind": kind},
    )
    return template


@retry_on_conflict
@transaction.atomic(durable=True)
def restore_words(*, kind: str, by: User) -> None:
    """Let a kind of message say again what MedBook brings. Raises: Missing."""
    _kind(kind)
    for template in MessageTemplate.objects.filter(kind=kind).select_for_update(no_key=True):
        record_event(
            Action.MESSAGE_WORDS_CHANGED,
            subject=template,
            by=by,
            changed=["standard words"],
            facts={"kind": kind},
        )
        template.delete()


def _kind(key: str) -> MessageKind:
    """Find a kind. Raises: Missing."""
    kind = message_kinds().get(key)
    if kind is None:
        raise Missing()
    return kind
