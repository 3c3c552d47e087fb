"""How does a settlement leave the house?"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from billing.models import Difference, Settlement, StatementLine
from billing.selectors.settling import differences_of, ours_of, theirs
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.spreadsheets import workbook
from members.models import User


@transaction.atomic(durable=True)
def export_settlement(*, settlement: Settlement, by: User) -> bytes:
    """Write sums, lines and differences as a workbook, and note who took it."""
    lines = list(settlement.lines.select_related("payment", "refund").order_by("number"))
    differences = list(differences_of(settlement))
    content = workbook(
        {
            _("Sums"): _sums(settlement),
            _("Lines"): [_line_head(), *map(_line, lines)],
            _("Differences"): [_difference_head(), *map(_difference, differences)],
        }
    )
    record_event(
        Action.EXPORT_MADE,
        subject=settlement,
        by=by,
        facts={
            "report": "settlement",
            "gateway": settlement.gateway,
            "day": settlement.day.isoformat(),
            "rows": len(lines),
        },
    )
    return content


def _sums(settlement: Settlement) -> list[list[Any]]:
    ours, told = ours_of(settlement), theirs(settlement)
    return [
        [settlement.get_gateway_display(), settlement.day.isoformat()],
        [_("State"), settlement.get_state_display()],
        ["", _("Ours"), _("Theirs"), _("Difference")],
        [_("Paid in"), ours.payments, told.payments, told.payments - ours.payments],
        [_("Given back"), ours.refunds, told.refunds, told.refunds - ours.refunds],
        [_("Together"), ours.gross, told.gross, told.gross - ours.gross],
        [_("Fees"), "", told.fees],
        [_("To the bank"), "", told.net],
    ]


def _line_head() -> list[str]:
    return [
        _("Line"),
        _("What"),
        _("Our number"),
        _("Gateway's number"),
        _("Amount"),
        _("Currency"),
        _("At"),
        _("Fee"),
        _("Agrees"),
    ]


def _line(line: StatementLine) -> list[Any]:
    return [
        line.number,
        line.get_kind_display(),
        line.our_number,
        line.transaction,
        line.amount,
        line.currency,
        clock.text(line.at),
        line.fee,
        _("yes") if line.payment_id or line.refund_id else _("no"),
    ]


def _difference_head() -> list[str]:
    return [
        _("What"),
        _("Our number"),
        _("Gateway's number"),
        _("Ours"),
        _("Theirs"),
        _("Decision"),
        _("Reason"),
        _("By"),
    ]


def _difference(difference: Difference) -> list[Any]:
    return [
        difference.get_kind_display(),
        difference.our_number,
        difference.transaction,
        difference.ours,
        difference.theirs,
        difference.get_resolution_display(),
        difference.note,
        difference.resolved_by or "",
    ]
