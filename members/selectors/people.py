"""Who is this, for whom may they book, and may they at all?"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, Q, QuerySet

from members.choices import ConsentState, IdentityKind, Relation
from members.models import FamilyLink, Member, Patient, Suspension, User
from members.rules import identity, spelling

MOST_CANDIDATES = 200  # of a short index, before they are opened and compared
MOST_FOUND = 50


def signed_in(user: User | AnonymousUser | AbstractBaseUser) -> User:
    """Return the account behind a request.

    Raises: PermissionDenied for a stranger, whom the doors do not let this far.
    """
    if not isinstance(user, User):
        raise PermissionDenied
    return user


def member_of(user: User | AnonymousUser) -> Member | None:
    """Return the member whose account this is, with tier; None for staff and strangers."""
    if not isinstance(user, User):
        return None
    return Member.objects.select_related("tier", "user").filter(user=user).first()


def bookable_links(member: Member, now: datetime) -> list[FamilyLink]:
    """Return the links by which a member may book, oneself first, each with its patient."""
    links = [link for link in patient_links(member).order_by("id") if link.lets_book(now)]
    return sorted(links, key=lambda link: link.relation != Relation.SELF)


def bookable_patients(member: Member, now: datetime) -> list[Patient]:
    """Return those for whom a member may book, oneself first."""
    return [link.patient for link in bookable_links(member, now)]


def patient_links(member: Member) -> QuerySet[FamilyLink]:
    """Return a member's links to patients that were not removed, each with its patient."""
    return FamilyLink.objects.standing().filter(member=member).select_related("patient")


def own_patient(member: Member) -> Patient | None:
    """Return the patient that a member is; None while only the member says so.

    What a member only says may be somebody else's row. The name is that of own_link.
    """
    own = FamilyLink.objects.filter(
        member=member, relation=Relation.SELF, consent=ConsentState.GIVEN
    )
    return Patient.objects.filter(links__in=own).first()


@dataclass(frozen=True)
class Found:
    """A patient whom a search has found, and a member who books for them, if there is one."""

    patient: Patient
    link: FamilyLink | None = None

    @property
    def member(self) -> Member | None:
        """The member who books."""
        return self.link.member if self.link else None


def find_people(text: str) -> list[Found]:
    """Find who has exactly this phone number, last four digits, number, name or document.

    A surname before the last four digits finds only its bearers. At most 50, each with member
    and patient; patients for whom nobody books come last.
    """
    asked = text.strip()
    links = FamilyLink.objects.standing().select_related("member__user", "member__tier", "patient")
    linked = links.filter(_said_of_member(asked) | _said_of_patient(asked, "patient__"))
    booked_for = FamilyLink.objects.standing().filter(patient=OuterRef("pk"))
    alone = Patient.objects.filter(~Exists(booked_for), _said_of_patient(asked))
    found = [Found(link.patient, link) for link in linked.order_by("id")[:MOST_CANDIDATES]]
    found += [Found(patient) for patient in alone.order_by("id")[:MOST_CANDIDATES]]
    return [each for each in found if _is_meant(each, asked)][:MOST_FOUND]


def current_suspension(member: Member, now: datetime) -> Suspension | None:
    """Return the suspension that keeps a member from booking; the one that ends last."""
    return member.suspensions.running(now).order_by("-ends_at").first()


def _said_of_member(text: str) -> Q:
    """Ask the blind indexes of members; the short one finds some who are not meant."""
    asked = Q(member__user__username=text.upper())
    if ending := re.fullmatch(r"(?:.*[^\d\s]\s*)?(\d{4})", text):
        asked |= Q(member__phone_suffix_index=ending[1])
    with suppress(ValueError):
        asked |= Q(member__phone_index=spelling.normalised_phone(text))
    return asked


def _said_of_patient(text: str, path: str = "") -> Q:
    """Ask the blind indexes of patients; the short one finds some who are not meant."""
    asked = Q(**{f"{path}name_index": text})
    for kind, number in identity.possible_numbers(text).items():
        asked |= Q(**{f"{path}identity_kind": kind, f"{path}identity_index": number})
    return asked


def _is_meant(found: Found, text: str) -> bool:
    """Open what the indexes have found, and compare it with what was asked."""
    patient, member = found.patient, found.member
    name = spelling.normalised_name(patient.name.reveal()) if patient.name else ""
    number = patient.identity_number.reveal() if patient.identity_number else ""
    phone = member.phone.reveal() if member and member.phone else ""
    asked_numbers = identity.possible_numbers(text)
    pairs = [
        (member.number if member else "", text.upper()),
        (spelling.last_four(phone), text),
        (name, spelling.normalised_name(text)),
        (number, asked_numbers.get(IdentityKind(patient.identity_kind)) if number else None),
    ]
    with suppress(ValueError):
        pairs.append((phone, spelling.normalised_phone(text)))
    if surname := re.fullmatch(r"(.*[^\d\s])\s*(\d{4})", text):
        is_theirs = _begins(name, spelling.normalised_name(surname[1]))
        pairs.append((spelling.last_four(phone) if is_theirs else "", surname[2]))
    return any(known and known == asked for known, asked in pairs)


def _begins(name: str, surname: str) -> bool:
    """Tell whether a name has a surname: in front in Chinese, as one of the words elsewhere."""
    if not name.isascii():
        return name.startswith(surname)
    return surname in name.split()
