"""Which wishes fit a place, and why is one skipped?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Count, Q

from appointments.choices import AppointmentState, EntryState, OfferState, SkipReason
from appointments.models import Appointment, Offer, WaitlistEntry, WaitlistQuerySet
from appointments.rules import booking, waitlist
from appointments.rules.half_days import half_day_of
from appointments.rules.waitlist import Place, Visit, Wish, Wisher
from members.choices import ConsentPurpose
from members.models import Consent, FamilyLink, Suspension
from members.rules.consents import VERSIONS
from members.selectors.tiers import privilege
from scheduling.choices import ScheduleState
from scheduling.models import Slot

PLACES_SHOWN = 10
UNCONFIRMED = (AppointmentState.HELD, AppointmentState.BOOKED)


def fitting_wishes(slot: Slot) -> WaitlistQuerySet:
    """Keep the wishes that wait for such a place, in the order in which they are asked."""
    schedule = slot.schedule
    half_day = half_day_of(schedule.starts_at, schedule.time_zone)
    return (
        WaitlistEntry.objects.waiting()
        .filter(
            Q(doctor__isnull=True) | Q(doctor=schedule.doctor_id),
            Q(schedule__isnull=True) | Q(schedule=schedule.pk),
            department=schedule.department_id,
            first_day__lte=schedule.service_date,
            last_day__gte=schedule.service_date,
            half_days__contains=[half_day],
        )
        .order_by("-weight", "joined_at", "id")
    )


def is_wanted(slot: Slot, now: datetime) -> bool:
    """Tell whether somebody waits for a place who would have it before it is free for all."""
    wishes = fitting_wishes(slot).select_related("member__tier", "patient")
    return None in skip_reasons(wishes, slot, now).values()


def skip_reasons(
    wishes: Iterable[WaitlistEntry], slot: Slot, now: datetime
) -> Mapping[int, SkipReason | None]:
    """Tell for each wish, by its id, why a place is not offered to it; None where it fits.

    Eight queries, whatever the number of wishes.
    """
    wishes = list(wishes)
    place = place_of(slot, now)
    wishers = _wishers(wishes, slot, now) if wishes else {}
    return {
        wish.pk: waitlist.skip_reason(wish_of(wish), wishers[wish.pk], place) for wish in wishes
    }


def why_skipped(wish: WaitlistEntry, slot: Slot, now: datetime) -> SkipReason | None:
    """Tell why a place is not offered to one wish at this hour; None where it would be."""
    reason = skip_reasons([wish], slot, now)[wish.pk]
    is_night = waitlist.asked_from(now, slot.starts_at, slot.schedule.time_zone) > now
    return reason or (SkipReason.QUIET if is_night else None)


def free_places_near(wish: WaitlistEntry) -> list[Slot]:
    """List the first free places of what a wish is about, on its days. One query."""
    rows = Slot.objects.free().filter(
        schedule__department=wish.department_id,
        schedule__service_date__gte=wish.first_day,
        schedule__service_date__lte=wish.last_day,
        schedule__state=ScheduleState.PUBLISHED,
    )
    if wish.doctor_id:
        rows = rows.filter(schedule__doctor=wish.doctor_id)
    rows = rows.select_related("schedule__doctor", "schedule__department__clinic")
    return list(rows.order_by("starts_at", "number")[:PLACES_SHOWN])


def wish_of(entry: WaitlistEntry) -> Wish:
    """Say what an entry of the waitlist asks for, as the rules know it."""
    return Wish(
        state=EntryState(entry.state),
        department=entry.department_id,
        doctor=entry.doctor_id,
        schedule=entry.schedule_id,
        first_day=entry.first_day,
        last_day=entry.last_day,
        half_days=entry.half_days,
    )


def place_of(slot: Slot, now: datetime) -> Place:
    """Say what a place is, as the rules of the waitlist know it."""
    schedule = slot.schedule
    is_on_sale = (
        schedule.state == ScheduleState.PUBLISHED
        and schedule.release_at <= now < schedule.sale_stops_at
        and now < slot.starts_at
    )
    is_reserved = slot.reserved_until is not None and now < slot.reserved_until
    return Place(
        schedule=schedule.pk,
        doctor=schedule.doctor_id,
        department=schedule.department_id,
        limited_department=schedule.department_id if schedule.department.one_visit_a_day else None,
        service_date=schedule.service_date,
        half_day=half_day_of(schedule.starts_at, schedule.time_zone),
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        is_on_sale=is_on_sale,
        reserved_rank=slot.reserved_rank if is_reserved else None,
    )


def _wishers(wishes: list[WaitlistEntry], slot: Slot, now: datetime) -> dict[int, Wisher]:
    members = {wish.member_id for wish in wishes}
    patients = {wish.patient_id for wish in wishes}
    allowed = _allowed(members, patients, now)
    paused = _paused(members, patients, now)
    visits = _visits(patients, slot, now)
    held_back = _at_limit(wishes, slot, now)
    cancelled = set(
        Appointment.objects.filter(
            slot=slot, patient__in=patients, state=AppointmentState.CANCELLED
        ).values_list("patient", flat=True)
    )
    refused = Offer.objects.filter(slot=slot, entry__patient__in=patients).filter(
        Q(state__in=(OfferState.DECLINED, OfferState.LAPSED))
        | Q(state=OfferState.ACCEPTED, appointment__state=AppointmentState.EXPIRED)
    )
    declined = set(refused.values_list("entry__patient", flat=True))
    return {
        wish.pk: Wisher(
            rank=wish.member.tier.rank,
            may_book=(wish.member_id, wish.patient_id) in allowed,
            is_paused=not paused.isdisjoint((("m", wish.member_id), ("p", wish.patient_id))),
            is_at_limit=wish.pk in held_back,
            visits=visits[wish.patient_id],
            has_cancelled=wish.patient_id in cancelled,
            has_declined=wish.patient_id in declined,
        )
        for wish in wishes
    }


def _allowed(members: set[int], patients: set[int], now: datetime) -> set[tuple[int, int]]:
    """List which member may book for which patient: account, consent and identity."""
    consenting = Consent.objects.filter(
        member__in=members,
        purpose=ConsentPurpose.SENSITIVE_DATA,
        version=VERSIONS[ConsentPurpose.SENSITIVE_DATA],
        withdrawn_at__isnull=True,
    )
    links = FamilyLink.objects.standing().filter(
        member__in=consenting.values("member"),
        member__user__is_active=True,
        member__erased_at__isnull=True,
        patient__in=patients,
    )
    return {
        (link.member_id, link.patient_id)
        for link in links.select_related("patient")
        if link.patient.has_identity and link.lets_book(now)
    }


def _paused(members: set[int], patients: set[int], now: datetime) -> set[tuple[str, int | None]]:
    running = Suspension.objects.running(now).filter(
        Q(member__in=members) | Q(patient__in=patients)
    )
    pairs = running.values_list("member", "patient")
    return {("m", member) if member else ("p", patient) for member, patient in pairs}


def _visits(patients: set[int], slot: Slot, now: datetime) -> Mapping[int, list[Visit]]:
    """List what could stand in the way: each patient's live visits of that day and at that time."""
    rows = Appointment.objects.live().filter(
        Q(service_date=slot.schedule.service_date)
        | Q(starts_at__lt=slot.ends_at, ends_at__gt=slot.starts_at),
        patient__in=patients,
    )
    found: dict[int, list[Visit]] = defaultdict(list)
    for row in rows.exclude(hold_expires_at__lte=now):
        found[row.patient_id].append(
            Visit(
                doctor=row.doctor_id,
                limited_department=row.limited_department_id,
                service_date=row.service_date,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
            )
        )
    return found


def _at_limit(wishes: list[WaitlistEntry], slot: Slot, now: datetime) -> set[int]:
    """Name the wishes whose patient or member can have no further appointment open."""
    members = {wish.member_id for wish in wishes}
    patients = {wish.patient_id for wish in wishes}
    upcoming = Appointment.objects.filter(state__in=UNCONFIRMED, starts_at__gt=now)
    upcoming = upcoming.exclude(hold_expires_at__lte=now)
    of_member = Counter(upcoming.filter(member__in=members).values_list("member", flat=True))
    day = Q(service_date=slot.schedule.service_date)
    of_patient = {
        row["patient"]: row
        for row in upcoming.filter(patient__in=patients)
        .order_by()
        .values("patient")
        .annotate(all=Count("id"), that_day=Count("id", filter=day))
    }
    none = {"all": 0, "that_day": 0}
    return {
        wish.pk
        for wish in wishes
        if of_member[wish.member_id] >= privilege(wish.member, "open_bookings_limit", now)
        or of_patient.get(wish.patient_id, none)["all"] >= booking.OPEN_PER_PATIENT
        or of_patient.get(wish.patient_id, none)["that_day"] >= booking.OPEN_PER_PATIENT_AND_DAY
    }
