"""Whom does a leave hit, what can be given instead, and what has become of it?"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import ngettext

from appointments.choices import AppointmentState, EndReason, OfferState
from appointments.models import Appointment, AppointmentQuerySet, Offer
from appointments.selectors.comparable import (
    FreeStart,
    Stock,
    Wish,
    free_starts,
    live_visits_of_patients,
)
from appointments.selectors.terms import terms_of
from billing.choices import RefundReason, RefundState
from billing.models import Refund
from billing.selectors import accounts_of, refunds_of
from medbook.jobs.models import Job
from members.choices import DeliveryState
from members.models import Delivery, Notification, User
from scheduling.choices import LeaveState, ScheduleState, SlotState
from scheduling.models import Leave, LeaveQuerySet, Schedule, Slot, SlotQuerySet

LEAVE_KIND = "leave"
CALLED_OFF = "appointment_called_off"
SOON = timedelta(hours=24)
ANSWERS = (  # of several offers, the first that is there says most
    OfferState.ACCEPTED,
    OfferState.OPEN,
    OfferState.DECLINED,
    OfferState.LAPSED,
    OfferState.WITHDRAWN,
)


@dataclass(frozen=True)
class Hit:
    """One visit that a leave would call off: what was paid for it, what could be given instead."""

    visit: Appointment
    paid: Decimal
    is_soon: bool
    places: list[FreeStart]


@dataclass(frozen=True)
class Impact:
    """What a leave would do, as things are now."""

    sessions: list[Schedule]
    whole: int
    hits: list[Hit]
    free_places: int
    currency: str

    @property
    def paid(self) -> Decimal:
        """How much money would go back."""
        return sum((hit.paid for hit in self.hits), Decimal(0))

    @property
    def soon(self) -> int:
        """How many visits are within 24 hours."""
        return sum(hit.is_soon for hit in self.hits)

    @property
    def without(self) -> int:
        """For how many visits there is no comparable place."""
        return sum(not hit.places for hit in self.hits)

    @property
    def languages(self) -> dict[str, int]:
        """How many members would be told in which language."""
        found: dict[str, int] = defaultdict(int)
        for hit in self.hits:
            found[hit.visit.member.user.language] += 1
        return dict(sorted(found.items()))


@dataclass(frozen=True)
class Outcome:
    """What a called-off visit has come to: told how, which money goes back, which places."""

    visit: Appointment
    deliveries: list[Delivery]
    is_told: bool
    refunds: list[Refund]
    offers: list[Offer]

    @property
    def has_failed(self) -> bool:
        """Tell whether a message could not be sent, or money not be given back."""
        unsent = any(delivery.state == DeliveryState.FAILED for delivery in self.deliveries)
        return unsent or any(refund.state == RefundState.FAILED for refund in self.refunds)

    @property
    def answer(self) -> str | Promise:
        """How the member has answered, in words; nothing where no place was kept."""
        found = {offer.state for offer in self.offers}
        return next((state.label for state in ANSWERS if state in found), "")


def leaves() -> LeaveQuerySet:
    """List leaves with their doctors, the latest first."""
    rows = Leave.objects.exclude(state=LeaveState.WITHDRAWN)
    return rows.select_related("doctor__department__clinic").order_by("-starts_at", "-id")


def jobs_of(found: Iterable[Leave]) -> dict[str, Job]:
    """Find the latest job of each leave, by the leave's uid. One query."""
    uids = [str(leave.uid) for leave in found]
    rows = Job.objects.filter(kind=LEAVE_KIND, ids__leave__in=uids).defer("result").order_by("id")
    return {job.ids["leave"]: job for job in rows}


def job_of(leave: Leave) -> Job | None:
    """Find the latest job of a leave. One query."""
    return jobs_of([leave]).get(str(leave.uid))


def places_to_clear(leave: Leave) -> SlotQuerySet:
    """Keep the places inside a leave that are not blocked, but for consultations under way.

    A missed visit has blocked its place, and is called off all the same.
    """
    there = Appointment.objects.filter(slot=OuterRef("pk"))
    return Slot.objects.filter(
        ~Q(state=SlotState.BLOCKED) | Exists(there.filter(state=AppointmentState.NO_SHOW)),
        ~Exists(there.filter(state=AppointmentState.IN_CONSULTATION)),
        schedule__doctor=leave.doctor_id,
        starts_at__lt=leave.ends_at,
        ends_at__gt=leave.starts_at,
    )


def called_off_by(leave: Leave) -> AppointmentQuerySet:
    """Keep the visits that a confirmed leave has called off."""
    return Appointment.objects.filter(
        doctor=leave.doctor_id,
        state=AppointmentState.CALLED_OFF,
        end_reason=EndReason.CLINIC,
        starts_at__lt=leave.ends_at,
        ends_at__gt=leave.starts_at,
        ended_at__gte=leave.confirmed_at,
    )


def departments_of(leave: Leave) -> list[int]:
    """List the keys of the departments of which a leave has called visits off."""
    rows = called_off_by(leave).order_by("department_id")
    return list(rows.values_list("department_id", flat=True).distinct())


def untold(leave: Leave) -> list[uuid.UUID]:
    """List the uids of visits whose members have not been told yet, the earliest visit first."""
    rows = called_off_by(leave).order_by("starts_at", "id")
    told = _told(rows.values_list("uid", flat=True))
    return [uid for uid in rows.values_list("uid", flat=True) if str(uid) not in told]


def is_told(visit: Appointment) -> bool:
    """Tell whether the member knows that the clinic called the visit off. One query."""
    return bool(_told([visit.uid]))


def waiting_beside(visit: Appointment, now: datetime) -> int:
    """Count the other visits of this doctor that still wait for places, or will. Three queries."""
    called_off = Appointment.objects.filter(
        doctor=visit.doctor_id,
        state=AppointmentState.CALLED_OFF,
        confirmed_at__isnull=False,
        ended_at__gte=now - SOON,
    ).exclude(pk=visit.pk)
    uids = list(called_off.values_list("uid", flat=True))
    away = Leave.objects.filter(state=LeaveState.CONFIRMED, doctor=visit.doctor_id)
    inside = away.filter(starts_at__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("starts_at"))
    agreed = Appointment.objects.to_call_off().exclude(state=AppointmentState.HELD)
    to_come = agreed.filter(Exists(inside), doctor=visit.doctor_id)
    return len(uids) - len(_told(uids)) + to_come.count()


def leave_behind(visit: Appointment) -> Leave | None:
    """Find the leave for which a visit was called off, if it was one. One query."""
    standing = Leave.objects.standing().filter(
        doctor=visit.doctor_id,
        starts_at__lt=visit.ends_at,
        ends_at__gt=visit.starts_at,
        confirmed_at__lte=visit.ended_at,
    )
    return standing.first()


def impact_of(leave: Leave, now: datetime) -> Impact:
    """Work out what a draft would do. Seven queries, however many visits.

    Each visit has its first choice of what earlier ones leave over.
    """
    sessions = list(
        Schedule.objects.filter(
            doctor=leave.doctor_id, starts_at__lt=leave.ends_at, ends_at__gt=leave.starts_at
        )
        .exclude(state=ScheduleState.CALLED_OFF)
        .select_related("department__clinic", "room")
        .order_by("starts_at")
    )
    visits = _visits_in(leave)
    accounts = accounts_of([visit.subject for visit in visits])
    places = _proposals(leave, visits, now)
    hits = [
        Hit(
            visit=visit,
            paid=accounts[visit.subject].paid,
            is_soon=visit.is_live and visit.starts_at < now + SOON,
            places=places[visit],
        )
        for visit in visits
    ]
    return Impact(
        sessions=sessions,
        whole=sum(
            leave.starts_at <= each.starts_at and each.ends_at <= leave.ends_at for each in sessions
        ),
        hits=hits,
        free_places=places_to_clear(leave).filter(state=SlotState.FREE).count(),
        currency=visits[0].currency if visits else "",
    )


def outcomes(visits: Sequence[Appointment]) -> list[Outcome]:
    """Say what called-off visits have come to. Four queries, however many visits."""
    uids = [str(visit.uid) for visit in visits]
    notes = Notification.objects.filter(kind=CALLED_OFF, key__in=uids)
    told = {
        note.key: list(note.deliveries.all())
        for note in notes.prefetch_related(Prefetch("deliveries", Delivery.objects.order_by("id")))
    }
    refunds = refunds_of([visit.subject for visit in visits], RefundReason.CALLED_OFF)
    offers: dict[int | None, list[Offer]] = defaultdict(list)
    for offer in offers_for(visits):
        offers[offer.called_off_id].append(offer)
    return [
        Outcome(
            visit=visit,
            deliveries=told.get(str(visit.uid), []),
            is_told=str(visit.uid) in told,
            refunds=refunds.get(visit.subject, []),
            offers=offers[visit.pk],
        )
        for visit in visits
    ]


@dataclass(frozen=True)
class Tally:
    """What the visits of a leave have come to, in numbers."""

    visits: int
    told: int
    refunds: int
    kept: int
    accepted: int


def tally(leave: Leave) -> Tally:
    """Count what a confirmed leave has done. Four queries."""
    visits = list(called_off_by(leave).only("uid"))
    offers = Offer.objects.filter(called_off__in=visits).values_list("called_off", "state")
    states = list(offers)
    return Tally(
        visits=len(visits),
        told=len(_told(visit.uid for visit in visits)),
        refunds=len(refunds_of([visit.subject for visit in visits], RefundReason.CALLED_OFF)),
        kept=len({visit for visit, _state in states}),
        accepted=sum(state == OfferState.ACCEPTED for _visit, state in states),
    )


def offers_for(visits: Iterable[Appointment]) -> QuerySet[Offer]:
    """List the offers made for called-off visits with all that is said of them. One query."""
    rows = Offer.objects.filter(called_off__in=list(visits))
    return rows.select_related(
        "slot__schedule__doctor", "slot__schedule__department__clinic", "appointment"
    ).order_by("slot__starts_at")


def stuck_leaves(*, by: User, now: datetime) -> str | None:
    """Say how many confirmed leaves nobody works on any more; None where there is none."""
    if not by.has_perm("scheduling.view_leave"):
        return None
    confirmed = list(Leave.objects.filter(state=LeaveState.CONFIRMED))
    jobs = jobs_of(confirmed) if confirmed else {}
    count = sum(
        not ((job := jobs.get(str(leave.uid))) and job.is_unfinished) for leave in confirmed
    )
    if not count:
        return None
    return ngettext(
        "%(count)d leave was not carried out to its end.",
        "%(count)d leaves were not carried out to their end.",
        count,
    ) % {"count": count}


def _told(uids: Iterable[uuid.UUID]) -> set[str]:
    keys = [str(uid) for uid in uids]
    notes = Notification.objects.filter(kind=CALLED_OFF, key__in=keys)
    return set(notes.values_list("key", flat=True))


def _visits_in(leave: Leave) -> list[Appointment]:
    rows = Appointment.objects.to_call_off().filter(
        doctor=leave.doctor_id,
        starts_at__lt=leave.ends_at,
        ends_at__gt=leave.starts_at,
    )
    details = ("member__user", "member__tier", "doctor", "department__clinic")
    return list(rows.select_related(*details).order_by("starts_at", "id"))


def _proposals(
    leave: Leave, visits: list[Appointment], now: datetime
) -> dict[Appointment, list[FreeStart]]:
    if not visits:
        return {}
    starts = [
        start
        for start in free_starts({visit.department_id for visit in visits}, now)
        if start.schedule.doctor_id != leave.doctor_id
        or start.ends_at <= leave.starts_at
        or leave.ends_at <= start.starts_at
    ]
    stock = Stock(starts, now)
    of_patients = live_visits_of_patients(visit.patient_id for visit in visits)
    confirmed = [visit for visit in visits if visit.confirmed_at]
    given = {}
    for turn, visit in enumerate(confirmed):
        others = [other for other in of_patients[visit.patient_id] if other != visit]
        wish = Wish(visit, terms_of(visit.member, now), others)
        given[visit] = stock.give(wish, waiting=len(confirmed) - turn)
    return {visit: given.get(visit, []) for visit in visits}
