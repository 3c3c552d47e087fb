"""Where does staff decide what others ask for?"""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol, cast

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medbook import clock
from medbook.admin_actions import ActingAdmin, ReasonForm, confirmed_action
from medbook.admin_site import ReadOnly
from medbook.approvals.models import Approval
from medbook.approvals.services import approve_request, refuse_request

Answers = Mapping[str, Any]


class _Staff(Protocol):
    uid: uuid.UUID


@admin.register(Approval)
class ApprovalAdmin(ReadOnly, ActingAdmin):
    """Requests, the latest first; decided by another person than the one who asked."""

    list_display = (
        "asked_at",
        "kind",
        "told_facts",
        "reason",
        "asked_by",
        "state",
        "decided_by",
        "decided_at",
    )
    list_filter = ("state", "kind")
    list_per_page = 50
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "kind",
        "subject_type",
        "subject_uid",
        "told_facts",
        "reason",
        "state",
        "asked_by",
        "asked_at",
        "decided_by",
        "decided_at",
    )
    actions = ("approve", "refuse")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Fetch the names of both people's accounts along."""
        rows: QuerySet[Approval] = super().get_queryset(request)
        names = {"asker": "asked_by_uid", "decider": "decided_by_uid"}
        return rows.annotate(**{name: _account_behind(uid) for name, uid in names.items()})

    @admin.display(description=_("facts"))
    def told_facts(self, approval: Approval) -> str:
        """Say what the act is about."""
        return ", ".join(f"{name}: {value}" for name, value in approval.facts.items())

    @admin.display(description=_("asked by"))
    def asked_by(self, approval: Approval) -> str:
        """Name the account of who asked."""
        return str(getattr(approval, "asker", None) or approval.asked_by_uid)

    @admin.display(description=_("decided by"))
    def decided_by(self, approval: Approval) -> str:
        """Name the account of who decided."""
        return str(getattr(approval, "decider", None) or approval.decided_by_uid or "")

    @confirmed_action(
        _("Approve"),
        permission="approvals.decide_approval",
        explanation=_("What was asked for is done at once, in your name as the second person."),
    )
    def approve(self, request: HttpRequest, approval: Approval, answers: Answers) -> None:
        """Approve a request."""
        approve_request(approval_uid=approval.uid, by=_staff(request), now=clock.now())

    @confirmed_action(_("Refuse"), permission="approvals.decide_approval", form=ReasonForm)
    def refuse(self, request: HttpRequest, approval: Approval, answers: Answers) -> None:
        """Refuse a request."""
        refuse_request(approval_uid=approval.uid, by=_staff(request), now=clock.now(), **answers)


def _account_behind(uid: str) -> Subquery:
    accounts = get_user_model().objects.filter(uid=OuterRef(uid))
    return Subquery(accounts.values("username")[:1])


def _staff(request: HttpRequest) -> _Staff:
    return cast(_Staff, request.user)
