"""Where is somebody signed in, since when, and how does that end?"""

import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import F

from medbook import request_context
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, lock, retry_on_conflict
from members.models import BrowserSession, TokenFamily, User
from members.rules.devices import device_of
from members.rules.sessions import is_worth_noting

LIFE = "life"  # what a session knows of itself


@dataclass(frozen=True)
class Life:
    """Whose session it is: signed in and seen when, shown to be them when, with which proof."""

    user_uid: str
    signed_in_at: datetime
    seen_at: datetime
    shown_at: datetime
    has_second_factor: bool = False
    noted_key: str = ""


def life_of(session: SessionBase) -> Life | None:
    """Tell what a session knows of itself; None where nobody is signed in."""
    kept = session.get(LIFE)
    if not isinstance(kept, dict):
        return None
    instants = {
        name: datetime.fromisoformat(kept[name]) for name in ("signed_in_at", "seen_at", "shown_at")
    }
    return Life(**{**kept, **instants})


def begin_session(*, session: SessionBase, user: User, now: datetime) -> None:
    """Note that somebody has just signed in here; what they showed on the way in is kept."""
    has_factor = has_shown_factor(session, user)
    _keep(session, Life(str(user.uid), now, now, now, has_second_factor=has_factor))
    note_visit(session=session, user=user, now=now)


def has_shown_factor(session: SessionBase, user: User) -> bool:
    """Tell whether this very account has shown a second factor in this session."""
    life = life_of(session)
    return life is not None and life.user_uid == str(user.uid) and life.has_second_factor


def note_shown(
    *, session: SessionBase, user: User, now: datetime, has_second_factor: bool = False
) -> None:
    """Remember that somebody has just shown who they are, perhaps by a second factor."""
    life = _life_for(session, user, now)
    had_factor = life.has_second_factor or has_second_factor
    _keep(session, replace(life, shown_at=now, has_second_factor=had_factor))


def note_visit(*, session: SessionBase, user: User, now: datetime) -> None:
    """Write down, now and then, that somebody was here, for the list of their sign-ins."""
    life = _life_for(session, user, now)
    key = session.session_key or ""
    is_new = life.noted_key != key
    if not is_new and not is_worth_noting(seen_at=life.seen_at, now=now, is_staff=user.is_staff):
        return
    _keep(session, replace(life, seen_at=now, noted_key=key))
    context = request_context.current()
    device = device_of(context.user_agent)
    # The session may be ended from elsewhere at this very moment: then there is nothing to note.
    with suppress(IntegrityError), transaction.atomic():
        BrowserSession.objects.update_or_create(
            session_id=key,
            defaults={
                "user": user,
                "browser": device.browser,
                "system": device.system,
                "network": request_context.network_of(context.ip),
                "signed_in_at": life.signed_in_at,
                "last_seen_at": now,
            },
        )


def end_sessions(*, user: User, now: datetime, keep: SessionBase | None = None) -> int:
    """End all sign-ins of an account in the caller's transaction: browsers and API clients.

    The session `keep`, of the browser at hand, goes on under a new key. Returns how many ended.
    """
    kept_key = keep.session_key if keep is not None else None
    ended = BrowserSession.objects.filter(user=user).exclude(session_id=kept_key or "")
    keys = list(ended.values_list("session_id", flat=True))
    Session.objects.filter(pk__in=keys).delete()
    families = TokenFamily.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    count = len(keys) + families.update(revoked_at=now)
    User.objects.filter(pk=user.pk).update(token_version=F("token_version") + 1)
    user.refresh_from_db(fields=["token_version", "password"])
    if keep is not None:
        keep[HASH_SESSION_KEY] = user.get_session_auth_hash()
        keep.cycle_key()
    return count


@retry_on_conflict
@transaction.atomic(durable=True)
def end_other_sessions(*, user: User, keep: SessionBase, now: datetime) -> int:
    """End all sign-ins of an account but the one in this browser; return how many ended."""
    locked = lock(User.objects.filter(pk=user.pk), Rung.MEMBER).get()
    count = end_sessions(user=locked, now=now, keep=keep)
    record_event(Action.SESSION_ENDED, subject=locked, by=user, facts={"count": count})
    return count


@retry_on_conflict
@transaction.atomic(durable=True)
def end_session(*, user: User, uid: uuid.UUID, now: datetime) -> None:
    """End one sign-in of one's own: of a browser, or of an API client.

    Raises: Missing.
    """
    browser = BrowserSession.objects.filter(user=user, uid=uid).first()
    families = TokenFamily.objects.filter(user=user, uid=uid, revoked_at=None)
    family = lock(families, Rung.MEMBER).first()
    if browser is not None:
        Session.objects.filter(pk=browser.session_id).delete()
    elif family is not None:
        family.revoked_at = now
        family.save(update_fields=["revoked_at"])
    else:
        raise Missing()
    record_event(Action.SESSION_ENDED, subject=browser or family, by=user, facts={"count": 1})


def _life_for(session: SessionBase, user: User, now: datetime) -> Life:
    life = life_of(session)
    is_theirs = life is not None and life.user_uid == str(user.uid)
    return life if life and is_theirs else Life(str(user.uid), now, now, now)


def _keep(session: SessionBase, life: Life) -> None:
    kept: dict[str, Any] = asdict(life)
    for name, value in kept.items():
        if isinstance(value, datetime):
            kept[name] = value.isoformat()
    session[LIFE] = kept
