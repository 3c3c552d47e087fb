"""How does MedBook claim from Sandbox Insurer? Over the line to Sandbox Bank."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from billing.gateways.base import GatewayAway
from billing.gateways.signed_line import UNREADABLE, SignedLine, Unknown, amount_of, instant_of
from billing.insurers.base import ClaimNews, ClaimOrder, Line, LineKind, Outcome
from medbook import outgoing

OUTCOMES = {
    "processing": Outcome.PENDING,
    "accepted": Outcome.ACCEPTED,
    "rejected": Outcome.REJECTED,
    "reversed": Outcome.REVERSED,
}


class SandboxInsurer:
    """The insurer at settings.SANDBOX_URL."""

    def __init__(self, send: outgoing.Send | None = None) -> None:
        self._line = SignedLine(send)

    def claim(self, order: ClaimOrder) -> ClaimNews:
        """Ask for a part of a fee."""
        said = {
            "number": order.number,
            "policy": order.policy,
            "amount": f"{order.amount:.2f}",
            "currency": order.currency,
            "reference": order.reference,
        }
        return _read(self._line.ask("POST", "claims/", said))

    def query(self, number: str) -> ClaimNews | None:
        """Ask what became of a claim."""
        try:
            return _read(self._line.ask("GET", f"claims/{number}/"))
        except Unknown:
            return None

    def reverse(self, number: str) -> ClaimNews:
        """Take a claim back."""
        return _read(self._line.ask("POST", f"claims/{number}/reverse/", {}))

    def statement(self, day: date) -> list[Line]:
        """Fetch the lines of a day."""
        said = self._line.ask("GET", f"claim-statements/{day.isoformat()}/")
        try:
            return [_statement_line(line) for line in said["lines"]]
        except UNREADABLE as wrong:
            raise GatewayAway("unreadable") from wrong


def _read(said: Mapping[str, Any]) -> ClaimNews:
    try:
        return ClaimNews(
            number=str(said["number"]),
            outcome=OUTCOMES[said["state"]],
            accepted=amount_of(said["accepted"]),
            currency=str(said["currency"]),
            transaction=str(said["transaction"]),
            at=instant_of(said["decided_at"]) if said["decided_at"] else None,
            message=str(said["message"]),
        )
    except UNREADABLE as wrong:
        raise GatewayAway("unreadable") from wrong


def _statement_line(said: Mapping[str, Any]) -> Line:
    return Line(
        kind=LineKind(said["kind"]),
        number=str(said["number"]),
        transaction=str(said["transaction"]),
        amount=amount_of(said["amount"]),
        currency=str(said["currency"]),
        at=instant_of(said["at"]),
    )
