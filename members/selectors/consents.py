"""What has a member agreed to?"""

from collections.abc import Sequence
from dataclasses import dataclass

from members.choices import ConsentPurpose
from members.models import Consent, Member
from members.rules.consents import VERSIONS, may_withdraw


@dataclass(frozen=True)
class Standing:
    """One purpose as a member sees it: what holds now, and what was before."""

    purpose: ConsentPurpose
    version: str
    holding: Consent | None
    history: Sequence[Consent]

    @property
    def is_held(self) -> bool:
        """Tell whether the present text was agreed to and not taken back."""
        return self.holding is not None and self.holding.version == self.version

    @property
    def is_outdated(self) -> bool:
        """Tell whether an older text was agreed to."""
        return self.holding is not None and self.holding.version != self.version

    @property
    def may_withdraw(self) -> bool:
        """Tell whether there is something that can be taken back."""
        return self.holding is not None and may_withdraw(self.purpose)


def holds(member: Member, purpose: ConsentPurpose) -> bool:
    """Tell whether a member agrees to a purpose now, in the present version of its text."""
    standing = Consent.objects.filter(member=member, purpose=purpose, withdrawn_at__isnull=True)
    return standing.filter(version=VERSIONS[purpose]).exists()


def standings(member: Member) -> list[Standing]:
    """Tell of every purpose what a member has agreed to, in one query."""
    rows = list(member.consents.order_by("-given_at", "-id"))
    return [
        Standing(
            purpose=purpose,
            version=VERSIONS[purpose],
            holding=next(
                (row for row in rows if row.purpose == purpose and row.withdrawn_at is None), None
            ),
            history=[row for row in rows if row.purpose == purpose],
        )
        for purpose in ConsentPurpose
    ]
