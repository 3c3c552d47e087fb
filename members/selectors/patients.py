"""For whom does a member book, who else does, and whose word counts for a patient?"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string

from medbook.errors import Missing
from members.choices import ConsentState, IdentityKind, Relation
from members.models import FamilyLink, Member, Patient, Suspension
from members.rules import family
from members.selectors.people import patient_links


@dataclass(frozen=True)
class Places:
    """How many patients a member may still add, and when a place falls free by waiting."""

    used: int
    most: int
    next_at: datetime | None

    @property
    def is_free(self) -> bool:
        """Tell whether somebody can be added now."""
        return self.used < self.most and self.next_at is None


@dataclass(frozen=True)
class Entry:
    """One patient of a member's list, with what the member is to know and to do."""

    link: FamilyLink
    lets_book: bool
    age: int | None
    suspension: Suspension | None
    bookers: "list[Booker]"


@dataclass(frozen=True)
class Booker:
    """Another member who books for a patient, masked."""

    link: FamilyLink
    name: str
    phone: str


@dataclass(frozen=True)
class Masked:
    """A patient on paper that others may come to see: enough to be recognised by."""

    name: str
    document: str
    number: str


def masked_patient(member: Member, patient: Patient) -> Masked:
    """Mask a patient as the member knows them. One query."""
    link = FamilyLink.objects.filter(member=member, patient=patient).select_related("patient")
    known = link.first() or FamilyLink(member=member, patient=patient)
    number = known.shown_number
    return Masked(known.masked, known.shown_kind, str(number) if number else "")


def own_link(member: Member) -> FamilyLink | None:
    """Return the link to the patient that a member is."""
    return patient_links(member).filter(relation=Relation.SELF).first()


def own_name(member: Member) -> str:
    """Tell a member's own name, in clear; "" where none is known."""
    link = own_link(member)
    return link.called if link and (link.label or link.patient.name) else ""


def own_entry(member: Member, patient_uid: uuid.UUID) -> FamilyLink:
    """Find the standing link of a member by its patient. Raises: Missing, also for a stranger's."""
    link = patient_links(member).filter(patient__uid=patient_uid).first()
    if link is None:
        raise Missing()
    return link


def entries(member: Member, now: datetime) -> list[Entry]:
    """List a member's patients, oneself first. Four queries, whatever their number."""
    links = sorted(patient_links(member).order_by("id"), key=lambda each: not _is_self(each))
    suspensions = _suspensions([link.patient for link in links if link.has_consent], now)
    bookers = _bookers([link for link in links if link.speaks(now)])
    return [
        Entry(
            link=link,
            lets_book=link.lets_book(now),
            age=link.age(now),
            suspension=suspensions.get(link.patient_id),
            bookers=bookers.get(link.patient_id, []),
        )
        for link in links
    ]


def entry(member: Member, patient_uid: uuid.UUID, now: datetime) -> Entry:
    """Find one patient of a member's list. Raises: Missing, also for a stranger's."""
    found = next((e for e in entries(member, now) if e.link.patient.uid == patient_uid), None)
    if found is None:
        raise Missing()
    return found


def told_links(member: Member) -> list[dict[str, str]]:
    """Tell a member's list in words, in clear, for an export: what the member wrote of each."""
    links = FamilyLink.objects.filter(member=member).select_related("patient").order_by("id")
    return [
        {
            **_told_of_patient(link),
            "relation": str(Relation(link.relation).label),
            "contact_phone": link.contact_phone.reveal() if link.contact_phone else "",
            "consent": str(link.shown_consent.label),
            "may_see_records": str(link.may_see_records).lower(),
            "added_at": link.created_at.isoformat(),
            "removed_at": link.removed_at.isoformat() if link.removed_at else "",
        }
        for link in links
    ]


def _told_of_patient(link: FamilyLink) -> dict[str, str]:
    """Tell of the patient's own row only what a standing consent lets the member know."""
    is_told = link.has_consent and link.removed_at is None
    name = link.label or (link.patient.name if is_told else None)
    number = link.shown_number if is_told else link.identity_number
    kind = link.shown_kind_code if is_told else link.identity_kind
    written = link.birth_date.reveal() if link.birth_date else None
    born = link.born if is_told else written
    return {
        "name": name.reveal() if name else "",
        "document": str(IdentityKind(kind).label) if kind else "",
        "number": number.reveal() if number else "",
        "birth_date": born.isoformat() if born else "",
    }


def places(member: Member, now: datetime, *, besides: FamilyLink | None = None) -> Places:
    """Count a member's places; removed ones count for a while. `besides` is not counted."""
    links = member.links.exclude(pk=besides.pk) if besides else member.links.all()
    removed = [at for at in links.values_list("removed_at", flat=True) if at is not None]
    standing = links.filter(removed_at__isnull=True).count()
    is_full = standing >= family.MOST_PATIENTS
    return Places(
        used=standing + len(family.counting_removals(removed, now)),
        most=family.MOST_PATIENTS,
        next_at=None
        if is_full
        else family.next_place_at(standing=standing, removed_at=removed, now=now),
    )


def known_patient(kind: str, number: str) -> Patient | None:
    """Find the person whom a document belongs to, by its number as rules.identity writes it."""
    rows = Patient.objects.select_related("joined_to")
    found = rows.filter(identity_kind=kind, identity_index=number).first()
    return (found.joined_to or found) if found else None


def speakers(patient: Patient, now: datetime) -> list[FamilyLink]:
    """List the links of those whose word counts for a patient, each with its member."""
    links = FamilyLink.objects.standing().filter(patient=patient, consent=ConsentState.GIVEN)
    rows = links.select_related("member__user", "patient").order_by("id")
    return [link for link in rows if link.speaks(now)]


def patient_suspension(patient: Patient, now: datetime) -> Suspension | None:
    """Return the suspension that keeps everybody from booking for a patient; the longest."""
    return patient.suspensions.running(now).order_by("-ends_at").first()


def is_in_use(member: Member | None, patient: Patient, now: datetime) -> bool:
    """Ask the apps above whether a patient has open business, of one member or at all."""
    return any(import_string(name)(member, patient, now) for name in settings.PATIENT_IN_USE)


def _is_self(link: FamilyLink) -> bool:
    return link.relation == Relation.SELF


def _suspensions(patients: Iterable[Patient], now: datetime) -> dict[int, Suspension]:
    rows = Suspension.objects.running(now).filter(patient__in=list(patients)).order_by("ends_at")
    return {row.patient_id: row for row in rows if row.patient_id is not None}


def _bookers(links: list[FamilyLink]) -> dict[int, list[Booker]]:
    """Find who else books for the patients of some links. Two queries."""
    others = (
        FamilyLink.objects.standing()
        .filter(patient__in=[link.patient_id for link in links])
        .exclude(id__in=[link.id for link in links])
        .select_related("member__user", "patient")
        .order_by("id")
    )
    own = FamilyLink.objects.filter(
        relation=Relation.SELF, member__in=[other.member_id for other in others]
    ).select_related("patient")
    names = {link.member_id: str(link.label or link.patient) for link in own}
    found: dict[int, list[Booker]] = {}
    for link in others:
        booker = Booker(
            link=link, name=names.get(link.member_id, ""), phone=str(link.member.phone or "")
        )
        found.setdefault(link.patient_id, []).append(booker)
    return found
