"""What becomes of an offer: accepted, declined, not answered?"""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from appointments.choices import EndReason, EntryState, OfferState, Source
from appointments.errors import OfferExpired
from appointments.models import Appointment, Offer, OfferQuerySet, WaitlistEntry
from appointments.rules import waitlist as rules
from appointments.selectors.waitlist import same_wishes
from appointments.services.booking import REFUSALS, new_hold
from appointments.services.holds import expire_lapsed_of_patient, lock_without_waiting
from appointments.services.limits import require_may_book, require_within_limits
from appointments.services.offers import end_offer, lock_wishes, move_wish
from appointments.services.returning import return_places
from medbook import clock
from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import Missing
from medbook.locks import Rung, conflict_as, lock, retry_on_conflict
from medbook.outbox import services as outbox
from members.models import Member, Patient, User
from members.services.booking_rights import lock_booker
from scheduling.models import Slot
from scheduling.services.slots import lock_slots, take_slots


@retry_on_conflict
@transaction.atomic(durable=True)
def accept_offer(*, offer_uid: uuid.UUID, by: User, now: datetime) -> Appointment:
    """Hold the offered place for its patient, to be confirmed like any hold; twice is once.

    The sale is not asked again; everything that concerns member and patient is. What else was
    offered for the same called-off visit is given back. A refusal leaves the offer open.
    Raises: OfferExpired, MemberSuspended, NotYourPatient, ConsentMissing, IdentityIncomplete,
    PatientSuspended, TooManyOpen, PatientBusy, AlreadyBookedDoctorDay,
    AlreadyBookedDepartmentDay, Missing.
    """
    known = offer_of(offer_uid, by)
    member, patient = lock_booker(known.member, known.patient)
    expire_lapsed_of_patient(patient, now)
    slots = {slot.pk: slot for slot in lock_slots(_slot_ids(_choices(known)))}
    offers = list(lock(_choices(known).order_by("id"), Rung.OFFER))
    offer = next(offer for offer in offers if offer.pk == known.pk)
    if offer.state == OfferState.ACCEPTED and offer.appointment:
        return offer.appointment
    _require_open(offer, now)
    slot = slots[offer.slot_id]
    wishes = lock_wishes([offer])
    require_may_book(member=member, patient=patient, now=now)
    require_within_limits(
        member=member, patient=patient, service_date=slot.schedule.service_date, now=now
    )
    appointment = _hold(member, patient, slot, by, now)
    end_offer(offer, OfferState.ACCEPTED, by=by, now=now, appointment=appointment)
    for wish in wishes:
        move_wish(wish, EntryState.FULFILLED, by=by, now=now)
    others = [each for each in offers if each.pk != offer.pk and each.state == OfferState.OPEN]
    for other in others:
        end_offer(other, OfferState.WITHDRAWN, by=by, now=now)
    return_places([slots[other.slot_id] for other in others], now)
    return appointment


@retry_on_conflict
@transaction.atomic(durable=True)
def decline_offer(*, offer_uid: uuid.UUID, keep: bool, by: User, now: datetime) -> Offer:
    """Turn an offered place down; the wish waits on where the member keeps it, else it ends.

    Raises: OfferExpired, Missing.
    """
    known = offer_of(offer_uid, by)
    slots = lock_slots([known.slot_id])
    offer = lock(Offer.objects.filter(pk=known.pk), Rung.OFFER).get()
    _require_open(offer, now)
    wishes = lock_wishes([offer])
    end_offer(offer, OfferState.DECLINED, by=by, now=now)
    for wish in wishes:
        move_wish(wish, EntryState.WAITING if keep else EntryState.LEFT, by=by, now=now)
    return_places(slots, now)
    return offer


def expire_lapsed_offers(*, now: datetime) -> int:
    """End all offers whose time has run out and pass their places on; tell how many.

    Each is a transaction of its own; a place that somebody works on is left for the next sweep.
    """
    due = Offer.objects.lapsed(now).order_by("expires_at")
    return sum(_expire_offer_on(slot_id, now) for slot_id in due.values_list("slot_id", flat=True))


@retry_on_conflict
@transaction.atomic
def wait_on_after_lapse(*, appointment_uid: str) -> None:
    """Let a wish wait on whose accepted place was not confirmed: an offer not answered, and told.

    After the commit: the hold ends at its place, from where no wish may be waited for. A patient
    who waits for the same again meanwhile keeps that newer wish only.
    """
    offer = (
        Offer.objects.filter(appointment__uid=uuid.UUID(appointment_uid), entry__isnull=False)
        .select_related("appointment", "entry__patient")
        .first()
    )
    if offer is None or offer.appointment is None:
        return
    if offer.appointment.end_reason != EndReason.LAPSED:
        return
    lock(Patient.objects.filter(pk=offer.patient.pk), Rung.PATIENT).get()
    for wish in lock_wishes([offer]):
        if wish.state == EntryState.FULFILLED and not same_wishes(wish).exists():
            _count_lapse(wish, offer.appointment.ended_at or clock.now())
            outbox.add("offer.lapsed", key=offer.uid, offer_uid=offer.uid)


def offer_of(offer_uid: uuid.UUID, by: User) -> Offer:
    """Find an offer that this user may answer. Raises: Missing, also for a stranger's."""
    cause = ("entry", "called_off")
    related = [f"{name}__{whose}" for name in cause for whose in ("member__user", "patient")]
    found = Offer.objects.select_related("slot", *related).filter(uid=offer_uid).first()
    if found is None or not (by.is_staff or found.member.user_id == by.pk):
        raise Missing()
    return found


def _slot_ids(offers: OfferQuerySet) -> list[int]:
    return list(offers.values_list("slot_id", flat=True))


def _choices(offer: Offer) -> OfferQuerySet:
    """Keep an offer, and the open ones that were made for the same called-off visit."""
    if offer.called_off_id is None:
        return Offer.objects.filter(pk=offer.pk)
    same = Q(called_off=offer.called_off_id, state=OfferState.OPEN)
    return Offer.objects.filter(Q(pk=offer.pk) | same)


def _require_open(offer: Offer, now: datetime) -> None:
    """Refuse an answer that comes too late: the clock says so, not the sweep."""
    if offer.state != OfferState.OPEN or offer.is_lapsed(now):
        ended_at = min(offer.ended_at or offer.expires_at, offer.expires_at)
        raise OfferExpired(expired_at=ended_at, zone=offer.slot.schedule.time_zone)


def _hold(member: Member, patient: Patient, slot: Slot, by: User, now: datetime) -> Appointment:
    take_slots([slot])
    appointment = new_hold(member, patient, slot.schedule, slot, now, Source.OFFER)
    with conflict_as(REFUSALS):
        appointment.save(force_insert=True)
    record_event(Action.APPOINTMENT_HELD, subject=appointment, by=by, patient=patient)
    outbox.add("appointment.held", key=appointment.uid, appointment_uid=appointment.uid)
    return appointment


@retry_on_conflict
@transaction.atomic(durable=True)
def _expire_offer_on(slot_id: int, now: datetime) -> int:
    slots = lock_without_waiting([slot_id])
    offer = lock(Offer.objects.lapsed(now).filter(slot__in=slots), Rung.OFFER).first()
    if offer is None:
        return 0
    wishes = lock_wishes([offer])
    end_offer(offer, OfferState.LAPSED, by=None, now=offer.expires_at)
    for wish in wishes:
        _count_lapse(wish, now)
    outbox.add("offer.lapsed", key=offer.uid, offer_uid=offer.uid)
    return_places(slots, now)
    return 1


def _count_lapse(wish: WaitlistEntry, now: datetime) -> None:
    wish.lapses += 1
    move_wish(wish, rules.state_after_lapse(wish.lapses), by=None, now=now)
