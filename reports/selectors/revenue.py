"""What did visits bring in, and do the report, the journal and the settlements agree?"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from appointments.models import Appointment
from billing.choices import (
    EntryKind,
    Gateway,
    LineKind,
    PaymentState,
    RefundState,
    SettlementState,
)
from billing.models import (
    Difference,
    Invoice,
    InvoiceLine,
    Payment,
    Posting,
    Refund,
    Settlement,
)
from billing.selectors.settling import day_bounds
from scheduling.models import Department, Doctor

AT_ONCE = 1000
NOTHING = Decimal(0)
PREFIX = "appointment:"
FIGURES = {
    LineKind.FEE: "fees",
    LineKind.FREE_RETURN: "discounts",
    LineKind.TIER_DISCOUNT: "discounts",
    LineKind.POINTS: "points",
    LineKind.INSURANCE: "insured",
}


@dataclass
class Figures:
    """What visits were charged, and which money moved for them."""

    visits: int = 0
    fees: Decimal = NOTHING
    discounts: Decimal = NOTHING
    points: Decimal = NOTHING
    insured: Decimal = NOTHING
    paid_in: Decimal = NOTHING
    refunded: Decimal = NOTHING

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(a + b for a, b in zip(self._own, other._own, strict=True)))

    @property
    def net(self) -> Decimal:
        """What stays."""
        return self.paid_in - self.refunded

    @property
    def amounts(self) -> tuple[Decimal, ...]:
        """The sums of money, in the order of the table."""
        return (*self._own[1:], self.net)

    @property
    def _own(self) -> tuple:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class Row:
    """The figures of one doctor in one department; of neither, where no visit is behind them."""

    department: Department | None
    doctor: Doctor | None
    figures: Figures


@dataclass(frozen=True)
class Check:
    """The same net of one way to pay, told three times; desk money has no settlement."""

    gateway: str
    journal: Decimal
    report: Decimal
    elsewhere: Decimal  # moved in these days, but no settlement of them contains it
    other_days: Decimal  # contained in one of them, but it moved on another day
    decided: Decimal  # written off, reversed or taken in, where a statement differed
    closed: Decimal

    @property
    def name(self) -> str:
        """What the way to pay is called."""
        return str(Gateway(self.gateway).label)

    @property
    def is_settled(self) -> bool:
        """Tell whether it has settlements at all."""
        return not Gateway(self.gateway).is_at_desk

    @property
    def amounts(self) -> tuple[Decimal | None, ...]:
        """The sums of money, in the order of the table: from the report on they add up."""
        steps = (-self.elsewhere, self.other_days, self.decided, self.closed)
        return (self.journal, self.report, *(steps if self.is_settled else (None,) * 4))

    @property
    def agrees(self) -> bool:
        """Tell whether all say the same to the cent."""
        settled = self.report - self.elsewhere + self.other_days + self.decided
        return self.report == self.journal and not (self.is_settled and settled != self.closed)


@dataclass(frozen=True)
class Revenue:
    """The report on some days."""

    rows: list[Row]
    checks: list[Check]

    @property
    def total(self) -> Figures:
        """All rows together."""
        return sum((row.figures for row in self.rows), Figures())

    @property
    def agrees(self) -> bool:
        """Tell whether report, journal and settlements say the same."""
        net = sum((check.report for check in self.checks), NOTHING)
        return all(check.agrees for check in self.checks) and net == self.total.net


def revenue(first: date, last: date, *, using: str = "default") -> Revenue:
    """Sum up fees and money of some days of the site, by department and doctor."""
    begin, end = day_bounds(first, last)
    by_subject: defaultdict[str, Figures] = defaultdict(Figures)
    sold = _sold(begin, end, using)
    lines = InvoiceLine.objects.using(using).filter(invoice__in=sold).order_by()
    for subject, kind, amount in lines.values_list("invoice__subject", "kind").annotate(
        sum=Sum("amount")
    ):
        figures, name = by_subject[subject], FIGURES[LineKind(kind)]
        amount = amount if kind == LineKind.FEE else -amount
        setattr(figures, name, getattr(figures, name) + amount)
    for subject in sold.filter(part=0).values_list("subject", flat=True):
        by_subject[subject].visits += 1
    for subject, amount in _summed(_payments(begin, end, using), "invoice__subject").items():
        by_subject[subject].paid_in += amount
    given_back = _summed(_refunds(begin, end, using), "payment__invoice__subject")
    for subject, amount in given_back.items():
        by_subject[subject].refunded += amount
    return Revenue(_rows(by_subject, using), _checks(first, last, using))


def _sold(begin: datetime, end: datetime, using: str) -> QuerySet[Invoice]:
    """Keep what was charged then: as its payment came in, or at once where it costs nothing."""
    paid = Payment.objects.captured().filter(
        invoice=OuterRef("pk"), captured_at__gte=begin, captured_at__lt=end
    )
    is_free = Q(total=0, paid_at__gte=begin, paid_at__lt=end)
    charged = Invoice.objects.using(using).filter(paid_at__isnull=False)
    return charged.filter(is_free | Exists(paid)).order_by()


def _payments(begin: datetime, end: datetime, using: str) -> QuerySet[Payment]:
    return Payment.objects.using(using).filter(
        state=PaymentState.CAPTURED, captured_at__gte=begin, captured_at__lt=end
    )


def _refunds(begin: datetime, end: datetime, using: str) -> QuerySet[Refund]:
    return Refund.objects.using(using).filter(
        state=RefundState.SUCCEEDED, settled_at__gte=begin, settled_at__lt=end
    )


def _summed(
    rows: QuerySet[Payment] | QuerySet[Refund] | QuerySet[Posting], by: str
) -> defaultdict[str, Decimal]:
    return defaultdict(Decimal, rows.order_by().values_list(by).annotate(sum=Sum("amount")))


def _rows(by_subject: dict[str, Figures], using: str) -> list[Row]:
    found: defaultdict[tuple[int | None, int | None], Figures] = defaultdict(Figures)
    whose = _whose(by_subject, using)
    for subject, figures in by_subject.items():
        key = whose.get(subject, (None, None))
        found[key] = found[key] + figures
    departments = Department.objects.using(using).select_related("clinic")
    by_department = departments.in_bulk({key[0] for key in found if key[0]})
    by_doctor = Doctor.objects.using(using).in_bulk({key[1] for key in found if key[1]})
    rows = [
        Row(by_department.get(department or 0), by_doctor.get(doctor or 0), figures)
        for (department, doctor), figures in found.items()
    ]
    return sorted(rows, key=lambda row: (str(row.department or "~"), str(row.doctor or "")))


def _whose(subjects: Collection[str], using: str) -> dict[str, tuple[int, int]]:
    """Tell of which department and doctor each visit is now."""
    uids = [subject.removeprefix(PREFIX) for subject in subjects if subject.startswith(PREFIX)]
    found = {}
    for start in range(0, len(uids), AT_ONCE):
        visits = Appointment.objects.using(using).filter(uid__in=uids[start : start + AT_ONCE])
        for uid, department, doctor in visits.values_list("uid", "department_id", "doctor_id"):
            found[f"{PREFIX}{uid}"] = (department, doctor)
    return found


def _checks(first: date, last: date, using: str) -> list[Check]:
    """Lay the net of the report beside the journal and what closed settlements contain."""
    begin, end = day_bounds(first, last)
    paid, back = _payments(begin, end, using), _refunds(begin, end, using)
    settlements = Settlement.objects.using(using).filter(
        state=SettlementState.CLOSED, day__gte=first, day__lte=last
    )
    here = Q(settlement__in=settlements)
    all_paid = Payment.objects.using(using).filter(here)
    all_back = Refund.objects.using(using).filter(here)
    decided = Difference.objects.using(using).filter(entry__isnull=False)
    postings = Posting.objects.using(using).filter(
        account__in=Gateway.values, entry__currency=settings.CURRENCY
    )
    moved = postings.filter(
        entry__kind__in=(EntryKind.CAPTURE, EntryKind.REFUND),
        entry__at__gte=begin,
        entry__at__lt=end,
    ).exclude(entry__in=decided.values("entry"))
    decisions = postings.filter(
        entry__in=decided.filter(settlement__in=settlements).values("entry")
    )
    report = _net(paid, back)
    journal = _summed(moved, "account")
    elsewhere = _net(paid.exclude(here), back.exclude(here))
    other_days = _net(
        all_paid.exclude(pk__in=paid.values("pk")), all_back.exclude(pk__in=back.values("pk"))
    )
    by_decision = _summed(decisions, "account")
    closed: defaultdict[str, Decimal] = defaultdict(Decimal)
    for gateway, came_in, went_out in settlements.values_list(
        "gateway", "payments_total", "refunds_total"
    ):
        closed[gateway] += came_in - went_out
    return [
        Check(
            gateway,
            journal[gateway],
            report[gateway],
            elsewhere[gateway],
            other_days[gateway],
            by_decision[gateway],
            closed[gateway],
        )
        for gateway in sorted({*report, *journal, *closed})
    ]


def _net(paid: QuerySet[Payment], back: QuerySet[Refund]) -> defaultdict[str, Decimal]:
    """Tell what came in less what went back, by way to pay."""
    net = _summed(paid, "gateway")
    for gateway, amount in _summed(back, "payment__gateway").items():
        net[gateway] -= amount
    return net
