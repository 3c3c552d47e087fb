"""How does staff change what tiers allow, and what they ask for?"""

import uuid
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import conflict_as
from members.errors import PrivilegeHolds, PrivilegeInvalid, PrivilegePlanned, TiersOutOfOrder
from members.models import Privilege, Tier, User
from members.rules.privileges import PRIVILEGES
from members.rules.tiers import Threshold, is_increasing
from members.selectors.tiers import forget_privileges

PLANNED_TWICE = {"one_privilege_value_at_a_time": PrivilegePlanned}


@transaction.atomic(durable=True)
def plan_privilege(
    *, tier: Tier, key: str, value: str, valid_from: datetime, by: User, now: datetime
) -> Privilege:
    """Let a tier allow something else from an instant on; one that is past means at once.

    Raises: PrivilegeInvalid, PrivilegePlanned.
    """
    row = Privilege(tier=tier, key=key, value=value, valid_from=valid_from)
    write_privilege(row=row, by=by, now=now)
    return row


@transaction.atomic(durable=True)
def withdraw_privilege(*, privilege_uid: uuid.UUID, by: User, now: datetime) -> None:
    """Take back a planned value that does not hold yet.

    Raises: Missing, PrivilegeHolds.
    """
    rows = Privilege.objects.select_related("tier").filter(uid=privilege_uid)
    row = rows.select_for_update(of=("self",), no_key=True).first()
    if row is None:
        raise Missing()
    remove_privilege(row=row, by=by, now=now)


def write_privilege(*, row: Privilege, by: User, now: datetime) -> None:
    """Write a new or a planned value, in the caller's transaction; the past stays as it was.

    Raises: PrivilegeInvalid, PrivilegeHolds, PrivilegePlanned.
    """
    before = Privilege.objects.filter(pk=row.pk).first() if row.pk else None
    if before is not None and before.valid_from <= now:
        raise PrivilegeHolds()
    try:
        row.value = PRIVILEGES[row.key].written(row.value)
    except (KeyError, ValueError) as wrong:
        raise PrivilegeInvalid() from wrong
    row.valid_from = max(row.valid_from, now)
    with conflict_as(PLANNED_TWICE):
        row.save()
    _note(row, by, {"before": _facts(before), "after": _facts(row)})


def remove_privilege(*, row: Privilege, by: User, now: datetime) -> None:
    """Remove a planned value, in the caller's transaction. Raises: PrivilegeHolds."""
    if row.valid_from <= now:
        raise PrivilegeHolds()
    _note(row, by, {"before": _facts(row), "after": None})
    row.delete()


@transaction.atomic(durable=True)
def change_thresholds(*, points_from: Mapping[int, int], by: User) -> list[Tier]:
    """Change from how many points on tiers are deserved, by tier id; tell which changed.

    Members move at the next nightly review. Raises: TiersOutOfOrder.
    """
    rows = list(Tier.objects.order_by("rank").select_for_update(no_key=True))
    wanted = [points_from.get(tier.pk, tier.points_from) for tier in rows]
    if not is_increasing([Threshold(tier.pk, new) for tier, new in zip(rows, wanted, strict=True)]):
        raise TiersOutOfOrder()
    pairs = list(zip(rows, wanted, strict=True))
    # In this order no tier ever stands on another one's number.
    raised = [(tier, new) for tier, new in reversed(pairs) if new > tier.points_from]
    lowered = [(tier, new) for tier, new in pairs if new < tier.points_from]
    for tier, new in raised + lowered:
        before, tier.points_from = tier.points_from, new
        tier.save(update_fields=["points_from"])
        note_tier_change(
            tier=tier, changed=["points_from"], by=by, facts={"before": before, "after": new}
        )
    return [tier for tier, _new in raised + lowered]


def note_tier_change(
    *, tier: Tier, changed: list[str], by: User, facts: Mapping[str, int] | None = None
) -> None:
    """Write down a change of a tier's own row, in the caller's transaction."""
    record_event(Action.TIER_CHANGED, subject=tier, by=by, changed=changed, facts=facts or {})
    transaction.on_commit(forget_privileges)


def _note(row: Privilege, by: User, facts: Mapping[str, object]) -> None:
    said = {"tier": row.tier.code, "key": row.key, **facts}
    record_event(Action.PRIVILEGE_CHANGED, subject=row, by=by, facts=said)
    transaction.on_commit(forget_privileges)


def _facts(row: Privilege | None) -> dict[str, str] | None:
    return {"value": row.value, "from": row.valid_from.isoformat()} if row else None
