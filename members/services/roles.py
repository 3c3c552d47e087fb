"""What may each group of staff do, and what follows when somebody's role changes?"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from members.choices import Role
from members.models import User
from members.services.sessions import end_sessions

CATALOGUE = ("clinic", "department", "room", "doctor", "visittype")


def _each(act: str, app: str, *models: str) -> set[str]:
    return {f"{app}.{act}_{model}" for model in models}


SEES_PEOPLE = {
    *_each("view", "members", "member", "patient", "familylink", "suspension", "strike"),
    "members.view_strikeappeal",
    *_each("view", "members", "tier", "tierchange"),
}
SEES_SCHEDULES = _each("view", "scheduling", *CATALOGUE, "schedule", "slot", "leave")
SEES_MONEY = {
    *_each("view", "billing", "invoice", "invoiceline", "payment", "refund"),
    *_each("view", "billing", "quarantine", "gatewaynotice"),
    *_each("view", "billing", "insuranceplan", "insurancepolicy", "claim"),
}
SETS_PRICES = {f"scheduling.{act}_price" for act in ("view", "add", "change", "delete")}
SEES_BOOKS = _each("view", "billing", "journalentry", "posting", "settlement", "cashcount")
DECIDES = {"approvals.view_approval", "approvals.decide_approval"}

# Least privilege: what a group does not need for its day is not here.
PERMISSIONS: Mapping[Role, set[str]] = {
    Role.DESK: {
        *SEES_PEOPLE,
        *SEES_SCHEDULES,
        *SEES_MONEY,
        "members.add_patient",
        "members.verify_patient",
        "members.confirm_consent",
        "members.excuse_strike",
        "members.reveal_identity",
        "members.change_phone",
        "members.view_delivery",
        "members.resend_delivery",
        "appointments.view_appointment",
        "appointments.check_in",
        "appointments.cancel_for_member",
        "appointments.book_for_member",
        "appointments.add_extra_place",
        "appointments.note_no_show",
        "appointments.view_waitlistentry",
        "appointments.offer_place",
        "scheduling.call_off_today",
        "billing.record_desk_payment",
        "billing.hand_back_refund",
        "billing.count_cash",
    },
    Role.DOCTOR: {
        *SEES_SCHEDULES,
        "appointments.view_appointment",
        "appointments.conduct_visit",
    },
    Role.SCHEDULER: {
        *SEES_SCHEDULES,
        *_each("add", "scheduling", *CATALOGUE, "rostertemplate", "schedule", "calendarday"),
        *_each("change", "scheduling", *CATALOGUE, "rostertemplate", "schedule", "calendarday"),
        *_each("view", "scheduling", "rostertemplate", "releaserun", "calendarday", "price"),
        *_each("delete", "scheduling", "rostertemplate", "calendarday"),
        "scheduling.run_release",
        "appointments.call_off",
        "appointments.view_waitlistentry",
        "appointments.offer_place",
        "scheduling.call_off_today",
        "reports.view_reports",
    },
    Role.FINANCE: {
        *SEES_MONEY,
        "billing.request_refund",
        "billing.approve_refund",
        "billing.resolve_quarantine",
        *SETS_PRICES,
        *SEES_BOOKS,
        "billing.count_cash",
        "billing.settle",
        "members.view_pointentry",
        *DECIDES,
        *_each("add", "billing", "insuranceplan"),
        *_each("change", "billing", "insuranceplan"),
        "billing.check_claim_statement",
        "billing.record_desk_payment",
        "billing.hand_back_refund",
        "reports.view_reports",
    },
    Role.AUDITOR: {
        *SEES_PEOPLE,
        *SEES_SCHEDULES,
        *SEES_MONEY,
        *SEES_BOOKS,
        *_each("view", "scheduling", "rostertemplate", "releaserun", "calendarday", "price"),
        *_each("view", "members", "user", "privilege", "delivery", "messagetemplate"),
        "appointments.view_appointment",
        "members.view_pointentry",
        "approvals.view_approval",
        "audit.view_operationlog",
        "jobs.view_job",
        "reports.view_reports",
    },
    Role.ADMINISTRATOR: {
        *SEES_PEOPLE,
        *_each("view", "members", "user", "privilege"),
        *_each("add", "members", "user", "tier", "privilege"),
        *_each("change", "members", "user", "tier", "privilege"),
        "members.delete_privilege",
        *_each("view", "members", "delivery", "messagetemplate"),
        "members.change_messagetemplate",
        "members.resend_delivery",
        "members.suspend_member",
        "members.take_away_second_factor",
        "members.excuse_strike",
        "members.change_member_tier",
        "members.erase_member",
        "members.view_pointentry",
        "members.adjust_points",
        *SETS_PRICES,
        *DECIDES,
        "outbox.view_outboxmessage",
        "jobs.view_job",
        "jobs.cancel_job",
        "reports.view_reports",
    },
}


class UnknownPermissions(LookupError):
    """A role is to have permissions that no app declares."""


@transaction.atomic(durable=True)
def grant_roles() -> None:
    """Make the groups of staff, and give each exactly its permissions; done again, nothing changes.

    Raises: UnknownPermissions.
    """
    known = _known_permissions()
    for role, names in PERMISSIONS.items():
        if unknown := names - known.keys():
            raise UnknownPermissions(f"{role}: {', '.join(sorted(unknown))}")
        group, _created = Group.objects.get_or_create(name=role.value)
        group.permissions.set([known[name] for name in names])


def note_role_change(
    *, user: User, before: Iterable[str], after: Iterable[str], by: User, now: datetime
) -> None:
    """End somebody's sign-ins, and note how their roles changed; inside the caller's act."""
    end_sessions(user=user, now=now)
    record_event(
        Action.ROLE_CHANGED,
        subject=user,
        by=by,
        facts={"from": sorted(before), "to": sorted(after)},
    )


def _known_permissions() -> dict[str, Permission]:
    rows = Permission.objects.select_related("content_type")
    return {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
