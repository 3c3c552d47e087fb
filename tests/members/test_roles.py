"""May each group of staff do what its day needs, and nothing else?"""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from members.choices import Role
from members.services import roles
from members.services.roles import UnknownPermissions, grant_roles

pytestmark = pytest.mark.django_db

D, P, S, F, A, X = "desk", "doctor", "scheduler", "finance", "auditor", "administrator"

ACTS = ("add", "change", "delete", "view")

# Model and act → who may. What is not here, nobody may but superusers.
MATRIX = {
    "members.member": {
        "view": {D, A, X},
        "suspend_member": {X},
        "change_member_tier": {X},
        "change_phone": {D},
        "erase_member": {X},
    },
    "members.patient": {
        "view": {D, A, X},
        "add": {D},
        "verify_patient": {D},
        "reveal_identity": {D},
    },
    "members.delivery": {"view": {D, A, X}, "resend_delivery": {D, X}},
    "members.messagetemplate": {"view": {A, X}, "change": {X}},
    "members.familylink": {"view": {D, A, X}, "confirm_consent": {D}},
    "members.strike": {"view": {D, A, X}, "excuse_strike": {D, X}},
    "members.strikeappeal": {"view": {D, A, X}},
    "members.suspension": {"view": {D, A, X}},
    "members.tier": {"view": {D, A, X}, "add": {X}, "change": {X}},
    "members.tierchange": {"view": {D, A, X}},
    "members.privilege": {"view": {A, X}, "add": {X}, "change": {X}, "delete": {X}},
    "members.pointentry": {"view": {F, A, X}, "adjust_points": {X}},
    "members.user": {"view": {A, X}, "add": {X}, "change": {X}},
    "members.secondfactor": {"take_away_second_factor": {X}},
    "scheduling.clinic": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.department": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.room": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.doctor": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.visittype": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.rostertemplate": {"view": {S, A}, "add": {S}, "change": {S}, "delete": {S}},
    "scheduling.calendarday": {"view": {S, A}, "add": {S}, "change": {S}, "delete": {S}},
    "scheduling.price": {
        "view": {S, F, A, X},
        "add": {F, X},
        "change": {F, X},
        "delete": {F, X},
    },
    "scheduling.schedule": {"view": {D, P, S, A}, "add": {S}, "change": {S}},
    "scheduling.leave": {"view": {D, P, S, A}, "call_off_today": {D, S}},
    "scheduling.slot": {"view": {D, P, S, A}},
    "scheduling.releaserun": {"view": {S, A}, "run_release": {S}},
    "appointments.appointment": {
        "view": {D, P, A},
        "check_in": {D},
        "cancel_for_member": {D},
        "book_for_member": {D},
        "add_extra_place": {D},
        "note_no_show": {D},
        "conduct_visit": {P},
        "call_off": {S},
    },
    "appointments.waitlistentry": {"view": {D, S}, "offer_place": {D, S}},
    "billing.invoice": {"view": {D, F, A}},
    "billing.invoiceline": {"view": {D, F, A}},
    "billing.payment": {
        "view": {D, F, A},
        "record_desk_payment": {D, F},
        "resolve_quarantine": {F},
    },
    "billing.refund": {
        "view": {D, F, A},
        "hand_back_refund": {D, F},
        "request_refund": {F},
        "approve_refund": {F},
    },
    "billing.quarantine": {"view": {D, F, A}},
    "billing.gatewaynotice": {"view": {D, F, A}},
    "billing.journalentry": {"view": {F, A}},
    "billing.posting": {"view": {F, A}},
    "billing.settlement": {"view": {F, A}, "settle": {F}},
    "billing.cashcount": {"view": {F, A}, "count_cash": {D, F}},
    "billing.insuranceplan": {"view": {D, F, A}, "add": {F}, "change": {F}},
    "billing.insurancepolicy": {"view": {D, F, A}},
    "billing.claim": {"view": {D, F, A}, "check_claim_statement": {F}},
    "approvals.approval": {"view": {F, A, X}, "decide_approval": {F, X}},
    "audit.operationlog": {"view": {A}},
    "jobs.job": {"view": {A, X}, "cancel_job": {X}},
    "outbox.outboxmessage": {"view": {X}},
    "reports.report": {"view_reports": {S, F, A, X}},
}


def granted():
    return {
        (f"{row.content_type.app_label}.{row.content_type.model}", act_of(row), group.name)
        for group in Group.objects.all()
        for row in group.permissions.select_related("content_type")
    }


def act_of(permission):
    plain = {f"{act}_{permission.content_type.model}": act for act in ACTS}
    return plain.get(permission.codename, permission.codename)


def expected():
    return {
        (model, act, role)
        for model, acts in MATRIX.items()
        for act, allowed in acts.items()
        for role in allowed
    }


def test_roles_have_exactly_the_permissions_of_the_matrix():
    grant_roles()

    assert granted() == expected()


def test_nobody_but_superusers_may_change_groups_or_what_is_written_once():
    grant_roles()

    forbidden = Permission.objects.filter(content_type__app_label__in=["auth", "sessions", "axes"])
    assert not Group.objects.filter(permissions__in=forbidden).exists()
    changing = {(model, act) for model, act, _role in granted() if act in ("change", "delete")}
    for model in ("appointments.appointment", "billing.payment", "audit.operationlog"):
        assert not {(model, "change"), (model, "delete")} & changing


def test_granting_again_takes_away_what_was_added_by_hand():
    call_command("grant_roles")
    desk = Group.objects.get(name="desk")
    desk.permissions.add(Permission.objects.get(codename="delete_user"))

    call_command("grant_roles")

    assert granted() == expected()
    assert Group.objects.count() == len(Role)


def test_a_permission_that_does_not_exist_is_named(monkeypatch):
    monkeypatch.setattr(roles, "PERMISSIONS", {Role.DESK: {"members.fly"}})

    with pytest.raises(UnknownPermissions, match=r"desk: members\.fly"):
        grant_roles()
