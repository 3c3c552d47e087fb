"""What does a visit cost on a day, by clinic, kind of visit and the doctor's title?"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import DateField, DateTimeField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast

from scheduling.choices import Title
from scheduling.errors import NoPrice
from scheduling.models import Clinic, Doctor, Price, RosterTemplate, Schedule, VisitType
from scheduling.rules.prices import Step, price_of

Key = tuple[int, int, str]  # clinic, kind of visit, title


@dataclass(frozen=True)
class PriceList:
    """The prices of some clinics, up to some day."""

    steps: Mapping[Key, Sequence[Step]]

    def price(self, clinic_id: int, like: Schedule | RosterTemplate, day: date) -> Decimal | None:
        """Tell what a visit to such a session costs on a day; None where nobody has said."""
        key = (clinic_id, like.visit_type_id, like.doctor.title)
        return price_of(self.steps.get(key, ()), day)

    def fee_of(self, template: RosterTemplate, clinic_id: int, day: date) -> Decimal | None:
        """Tell what a weekly pattern asks for on a day: a fee of its own comes before the price."""
        return self.price(clinic_id, template, day) if template.fee is None else template.fee


def price_list(clinic_ids: Collection[int], last: date) -> PriceList:
    """Read the prices of clinics that begin by a day. One query; none without clinics."""
    steps: dict[Key, list[Step]] = defaultdict(list)
    rows = Price.objects.filter(clinic__in=clinic_ids, valid_from__lte=last)
    columns = ("clinic_id", "visit_type_id", "title", "valid_from", "fee")
    for *key, valid_from, fee in rows.order_by("valid_from").values_list(*columns):
        steps[key[0], key[1], key[2]].append((valid_from, fee))
    return PriceList(steps)


def prices_for(
    templates: Iterable[RosterTemplate], clinic_ids: Collection[int], last: date
) -> PriceList:
    """Read the prices that weekly patterns ask for. One query; none where each has its own fee."""
    return price_list(clinic_ids if any(one.fee is None for one in templates) else (), last)


def price_on(clinic: Clinic, visit_type: VisitType, title: str, day: date) -> Decimal | None:
    """Tell what a visit costs on a day of the clinic's calendar; None where nobody has said."""
    begun = Price.objects.filter(
        clinic=clinic, visit_type=visit_type, title=title, valid_from__lte=day
    )
    return begun.order_by("-valid_from").values_list("fee", flat=True).first()


def require_price(doctor: Doctor, visit_type: VisitType, day: date) -> Decimal:
    """Tell what a visit to a doctor costs on a day. Raises: NoPrice."""
    fee = price_on(doctor.department.clinic, visit_type, doctor.title, day)
    if fee is None:
        raise NoPrice(
            visit_type=str(visit_type), title=str(Title(doctor.title).label), day=day.isoformat()
        )
    return fee


def prices_today(now: datetime) -> QuerySet[Price]:
    """List all prices; `is_in_force` tells which hold in their clinic today. One query."""
    local = Func(
        F("clinic__time_zone"), Value(now), function="timezone", output_field=DateTimeField()
    )
    later = Price.objects.filter(
        clinic=OuterRef("clinic"),
        visit_type=OuterRef("visit_type"),
        title=OuterRef("title"),
        valid_from__gt=OuterRef("valid_from"),
        valid_from__lte=OuterRef("today"),
    )
    rows = Price.objects.select_related("clinic", "visit_type")
    dated = rows.annotate(today=Cast(local, DateField()))
    return dated.annotate(is_in_force=Q(valid_from__lte=F("today")) & ~Exists(later))
