"""Who waits for what, and how do their chances look?"""

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Count, Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appointments.choices import Band, EntryState, OfferState
from appointments.models import Offer, OfferQuerySet, WaitlistEntry, WaitlistQuerySet
from appointments.rules import waitlist as rules
from appointments.selectors.catalogue import doctors, seen_schedule
from appointments.selectors.free_times import in_half_days, open_schedules
from appointments.selectors.terms import terms_of
from appointments.selectors.visits import names_of_booker
from appointments.selectors.wishes import skip_reasons
from medbook.errors import Missing
from members.models import Member
from scheduling.models import Department, Doctor, Schedule, Slot

M = TypeVar("M", bound=Model)

PLACES_LOOKED_AT = 5
ENDED_SHOWN = 10


@dataclass(frozen=True)
class Target:
    """What somebody waits for: a session, a doctor, or any doctor of a department."""

    department: Department
    doctor: Doctor | None = None
    schedule: Schedule | None = None

    @property
    def uid(self) -> uuid.UUID:
        """The public id of what is waited for."""
        return (self.schedule or self.doctor or self.department).uid

    @property
    def time_zone(self) -> str:
        """The zone in which its days are meant."""
        return self.department.clinic.time_zone


@dataclass(frozen=True)
class Wish:
    """A wish as its member sees it. `odds` in a hundred; None where nobody can say."""

    entry: WaitlistEntry
    offer: Offer | None
    band: Band | None
    odds: int | None


def target_named(
    *,
    schedule: uuid.UUID | str | None = None,
    doctor: uuid.UUID | str | None = None,
    department: uuid.UUID | str | None = None,
) -> Target | None:
    """Find what somebody may wait for, by its public id, or by the name in its page's address.

    None where there is no such thing, or not exactly one was named.
    """
    if [schedule, doctor, department].count(None) != 2:
        return None
    if schedule is not None:
        return _target_of_schedule(schedule)
    if doctor is not None:
        found = _named(doctors(), doctor, "slug").first()
        return Target(found.department, found) if found else None
    rows = Department.objects.filter(is_active=True, clinic__is_active=True)
    named = _named(rows, department or "", "code").first()
    return Target(named) if named else None


def of_member(member: Member) -> WaitlistQuerySet:
    """List a member's wishes, with everything that a page or answer says. Two queries."""
    rows = WaitlistEntry.objects.filter(member=member).select_related(
        "member", "patient", "department__clinic", "doctor", "schedule__department__clinic"
    )
    return rows.prefetch_related(names_of_booker(member))


def open_wishes(member: Member, now: datetime) -> list[Wish]:
    """List what a member waits for, what is on offer, and how the chances look.

    Four queries, and one for each wish that waits: three at most per patient.
    """
    entries = list(of_member(member).open().order_by("joined_at", "id"))
    offers = {offer.entry_id: offer for offer in open_offers(member, now)}
    history = _history({entry.department_id for entry in entries}, now) if entries else {}
    return [
        Wish(
            entry=entry,
            offer=offers.get(entry.pk),
            band=bands([entry]).get(entry.pk),
            odds=_odds(entry, history),
        )
        for entry in entries
    ]


def bands(entries: Iterable[WaitlistEntry]) -> dict[int, Band]:
    """Tell roughly how far in front wishes stand, by their id. One query for each that waits."""
    waiting = [entry for entry in entries if entry.state == EntryState.WAITING]
    return {entry.pk: rules.band(_ahead_of(entry)) for entry in waiting}


def ended_wishes(member: Member) -> list[WaitlistEntry]:
    """List the wishes of a member that ended last."""
    rows = of_member(member).exclude(state__in=(EntryState.WAITING, EntryState.OFFERED))
    return list(rows.order_by("-ended_at", "-id")[:ENDED_SHOWN])


def own_wish(member: Member, uid: uuid.UUID) -> WaitlistEntry:
    """Find a member's wish. Raises: Missing, also for a stranger's."""
    entry = of_member(member).filter(uid=uid).first()
    if entry is None:
        raise Missing()
    return entry


def offers_of(member: Member) -> OfferQuerySet:
    """List what was ever offered to a member, with place and cause. Up to three queries."""
    rows = Offer.objects.filter(
        Q(entry__member=member) | Q(called_off__member=member)
    ).prefetch_related(
        names_of_booker(member, "entry__patient__links"),
        names_of_booker(member, "called_off__patient__links"),
    )
    return rows.select_related(
        "slot__schedule__doctor",
        "slot__schedule__room",
        "slot__schedule__visit_type",
        "slot__schedule__department__clinic",
        "entry__patient",
        "entry__member__tier",
        "called_off__patient",
        "called_off__member__tier",
        "appointment",
    )


def open_offers(member: Member, now: datetime) -> OfferQuerySet:
    """List what is on offer to a member now, what ends first first."""
    rows = offers_of(member).filter(state=OfferState.OPEN, expires_at__gt=now)
    return rows.order_by("expires_at", "id")


def own_offer(member: Member, uid: uuid.UUID) -> Offer:
    """Find an offer to a member. Raises: Missing, also for a stranger's."""
    offer = offers_of(member).filter(uid=uid).first()
    if offer is None:
        raise Missing()
    return offer


def same_wishes(entry: WaitlistEntry) -> WaitlistQuerySet:
    """Keep the other open wishes of the same patient for the same target."""
    return (
        WaitlistEntry.objects.open()
        .filter(
            patient=entry.patient_id,
            department=entry.department_id,
            doctor=entry.doctor_id,
            schedule=entry.schedule_id,
        )
        .exclude(pk=entry.pk)
    )


def open_place_for(entry: WaitlistEntry, now: datetime) -> Slot | None:
    """Find a place on sale to the member that fits a wish, saved or not, and its patient."""
    terms = terms_of(entry.member, now)
    schedules: QuerySet[Schedule] = open_schedules(terms, now).filter(
        department=entry.department_id,
        service_date__gte=entry.first_day,
        service_date__lte=entry.last_day,
    )
    if entry.doctor_id:
        schedules = schedules.filter(doctor=entry.doctor_id)
    if entry.schedule_id:
        schedules = schedules.filter(pk=entry.schedule_id)
    schedules = in_half_days(schedules, entry.half_days)
    free = Slot.objects.open_to(terms.booker, now).filter(schedule__in=schedules.order_by())
    places = free.select_related("schedule__department__clinic").order_by("starts_at", "id")
    for place in places[:PLACES_LOOKED_AT]:
        if skip_reasons([entry], place, now)[entry.pk] is None:
            return place
    return None


def wishes_open(member: Member) -> str | Promise | None:
    """Say that a member is on the waitlist, if so."""
    if WaitlistEntry.objects.open().filter(member=member).exists():
        return _("You are on a waitlist. Leave it first.")
    return None


def _target_of_schedule(uid: uuid.UUID | str) -> Target | None:
    known = _uuid(uid)
    schedule = seen_schedule(known) if known else None
    return Target(schedule.department, schedule.doctor, schedule) if schedule else None


def _named(rows: "QuerySet[M]", name: uuid.UUID | str, field: str) -> "QuerySet[M]":
    return rows.filter(uid=name) if isinstance(name, uuid.UUID) else rows.filter(**{field: name})


def _uuid(text: uuid.UUID | str) -> uuid.UUID | None:
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(text)
    except ValueError:
        return None


def _ahead_of(entry: WaitlistEntry) -> int:
    """Count who is asked before this wish about some place that fits both."""
    rivals = WaitlistEntry.objects.waiting().filter(
        Q(weight__gt=entry.weight)
        | Q(weight=entry.weight, joined_at__lt=entry.joined_at)
        | Q(weight=entry.weight, joined_at=entry.joined_at, pk__lt=entry.pk),
        department=entry.department_id,
        first_day__lte=entry.last_day,
        last_day__gte=entry.first_day,
        half_days__overlap=entry.half_days,
    )
    if entry.doctor_id:
        rivals = rivals.filter(Q(doctor__isnull=True) | Q(doctor=entry.doctor_id))
    if entry.schedule_id:
        rivals = rivals.filter(Q(schedule__isnull=True) | Q(schedule=entry.schedule_id))
    return rivals.count()


History = Mapping[tuple[int, int | None], Counter[str]]


def _history(departments: set[int], now: datetime) -> History:
    """Count how wishes ended, by department and doctor, and for all doctors as doctor None."""
    rows = (
        WaitlistEntry.objects.filter(
            department__in=departments, ended_at__gt=now - rules.ODDS_COUNTED
        )
        .order_by()
        .values_list("department", "doctor", "state")
        .annotate(count=Count("id"))
    )
    found: dict[tuple[int, int | None], Counter[str]] = {}
    for department, doctor, state, count in rows:
        for whose in {doctor, None}:
            found.setdefault((department, whose), Counter())[state] += count
    return found


def _odds(entry: WaitlistEntry, history: History) -> int | None:
    ended = history.get((entry.department_id, entry.doctor_id), Counter())
    return rules.odds(ended[EntryState.FULFILLED], ended.total())
