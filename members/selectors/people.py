"""Who is this, for whom may they book, and may they at all?"""

import re
from contextlib import suppress
from datetime import datetime

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from members.choices import ConsentState, Relation
from members.models import FamilyLink, Member, Patient, Suspension, User
from members.rules import spelling

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


def find_people(text: str) -> list[FamilyLink]:
    """Find who has exactly this phone number, last four digits, number, name or document.

    Each link comes with its member and patient; at most 50.
    """
    links = FamilyLink.objects.select_related("member__user", "member__tier", "patient")
    found = links.filter(_said_of(text.strip())).order_by("id")
    return [link for link in found[:MOST_CANDIDATES] if _is_meant(link, text.strip())][:MOST_FOUND]


def current_suspension(member: Member, now: datetime) -> Suspension | None:
    """Return the suspension that keeps a member from booking; the one that ends last."""
    return member.suspensions.running(now).order_by("-ends_at").first()


def _said_of(text: str) -> Q:
    """Ask the blind indexes; short ones find some who are not meant."""
    asked = Q(member__user__username=text.upper()) | Q(patient__name_index=text)
    if re.fullmatch(r"\d{4}", text):
        asked |= Q(member__phone_suffix_index=text)
    with suppress(ValueError):
        asked |= Q(member__phone_index=spelling.normalised_phone(text))
    with suppress(ValueError):
        asked |= Q(patient__identity_index=spelling.normalised_resident_id(text))
    return asked


def _is_meant(link: FamilyLink, text: str) -> bool:
    phone = link.member.phone.reveal() if link.member.phone else ""
    name = link.patient.name.reveal() if link.patient.name else ""
    number = link.patient.identity_number
    pairs = [
        (link.member.number, text.upper()),
        (spelling.last_four(phone), text),
        (spelling.normalised_name(name), spelling.normalised_name(text)),
    ]
    with suppress(ValueError):
        pairs.append((phone, spelling.normalised_phone(text)))
    with suppress(ValueError):
        pairs.append((number.reveal() if number else "", spelling.normalised_resident_id(text)))
    return any(known and known == asked for known, asked in pairs)
