"""How does a member agree to something?"""

from collections.abc import Iterable
from datetime import datetime

from members.choices import ConsentPurpose
from members.models import Consent, Member
from members.rules.consents import VERSIONS


def record_consents(*, member: Member, purposes: Iterable[ConsentPurpose], now: datetime) -> None:
    """Note in the caller's transaction what a member agrees to, in the present version."""
    Consent.objects.bulk_create(
        Consent(member=member, purpose=purpose, version=VERSIONS[purpose], given_at=now)
        for purpose in purposes
    )
