"""Which missed visits may a member see and contest, and what waits for the clinic's answer?"""

import uuid
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import ngettext

from medbook.errors import Missing
from members.choices import AppealState, ConsentState
from members.models import FamilyLink, Member, Patient, Strike, StrikeAppeal, User


def strikes_of(member: Member, patient: Patient | None = None) -> QuerySet[Strike]:
    """List what a member may see of missed visits, the latest first; one query.

    Those of patients who consented, and those that the member has booked.
    """
    links = FamilyLink.objects.standing().filter(member=member, consent=ConsentState.GIVEN)
    rows = Strike.objects.filter(Q(booked_by=member) | Q(patient__in=links.values("patient")))
    if patient is not None:
        rows = rows.filter(patient=patient)
    return rows.select_related("patient", "appeal").order_by("-occurred_at", "-pk")


def own_strike(member: Member, uid: uuid.UUID) -> Strike:
    """Find a missed visit that a member may contest. Raises: Missing, also for a stranger's."""
    strike = strikes_of(member).filter(uid=uid).first()
    if strike is None:
        raise Missing()
    return strike


def strike_of(reference: str) -> Strike | None:
    """Find the missed visit of an appointment that counts, with its appeal; one query."""
    rows = Strike.objects.filter(reference=reference, excused_at__isnull=True)
    return rows.select_related("appeal").first()


def strike_page(strike: Strike) -> str:
    """Tell where a member reads of a missed visit, without the language."""
    return f"missed-visits/{strike.uid}/"


def open_appeals(*, by: User, now: datetime) -> str | None:
    """Say how many appeals wait, to those who may answer; None where none does. One query."""
    if not by.has_perm("members.excuse_strike"):
        return None
    count = StrikeAppeal.objects.filter(state=AppealState.OPEN).count()
    if not count:
        return None
    return ngettext(
        "%(count)d missed visit is contested.", "%(count)d missed visits are contested.", count
    ) % {"count": count}
