"""Where is somebody signed in?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from members.models import BrowserSession, TokenFamily, User
from members.rules.devices import masked_network


@dataclass(frozen=True)
class SignIn:
    """One browser or API client; `network` is masked, '' names are not known."""

    uid: uuid.UUID
    browser: str
    system: str
    network: str
    signed_in_at: datetime
    last_seen_at: datetime | None
    is_this: bool = False
    is_api: bool = False


def sign_ins(user: User, *, session_key: str | None, now: datetime) -> list[SignIn]:
    """Return where an account is signed in: this browser, others by last visit, API clients."""
    browsers = BrowserSession.objects.filter(user=user, session__expire_date__gt=now)
    families = TokenFamily.objects.filter(user=user, revoked_at=None, expires_at__gt=now)
    found = [
        SignIn(
            uid=row.uid,
            browser=row.browser,
            system=row.system,
            network=masked_network(row.network),
            signed_in_at=row.signed_in_at,
            last_seen_at=row.last_seen_at,
            is_this=row.session_id == session_key,
        )
        for row in browsers.order_by("-last_seen_at", "id")
    ]
    clients = [
        SignIn(row.uid, "", "", "", row.created_at, None, is_api=True)
        for row in families.order_by("-id")
    ]
    return [*sorted(found, key=lambda each: not each.is_this), *clients]
