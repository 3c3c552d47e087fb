"""What do pages, API and other apps ask about members?"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from members import rules
from members.choices import Relation
from members.models import FamilyLink, Member, Patient, Privilege, Suspension, Tier, User

MOST_CANDIDATES = 200  # of a short index, before they are opened and compared
MOST_FOUND = 50


def entry_tier() -> Tier:
    """Return the tier in which everybody starts.

    Raises: Tier.DoesNotExist.
    """
    return Tier.objects.order_by("rank")[:1].get()


def tiers() -> list[Tier]:
    """Return all tiers, the entry tier first."""
    return list(Tier.objects.order_by("rank"))


def privilege(member: Member | None, key: str, at: datetime) -> Any:
    """Tell what a member's tier allows at an instant; without a member, what the entry tier does.

    The value has the type that rules.PRIVILEGES gives its kind. One query.
    """
    return privileges(member, at)[key]


def privileges(member: Member | None, at: datetime) -> Mapping[str, Any]:
    """Tell all that a member's tier allows at an instant, by key.

    One query; none when the same object is asked again about the same instant.
    """
    if member is None:
        return _latest(Privilege.objects.filter(tier__in=_entry_tiers()), at)
    asked = (member.tier_id, at)
    known = member.__dict__.get("_privileges")
    if known is None or known[0] != asked:
        known = (asked, _latest(Privilege.objects.filter(tier_id=member.tier_id), at))
        member.__dict__["_privileges"] = known
    said: Mapping[str, Any] = known[1]
    return said


def _latest(rows: QuerySet[Privilege], at: datetime) -> Mapping[str, Any]:
    valid = rows.filter(valid_from__lte=at).order_by("valid_from", "id")
    return _read(dict(valid.values_list("key", "value")))


def _entry_tiers() -> QuerySet[Tier, Any]:
    return Tier.objects.order_by("rank").values("id")[:1]


def most_allowed(key: str, at: datetime) -> Any:
    """Tell the most that any tier allows of a privilege at an instant. One query."""
    kind = rules.PRIVILEGES[key]
    rows = Privilege.objects.filter(key=key, valid_from__lte=at).order_by("valid_from", "id")
    latest = dict(rows.values_list("tier_id", "value"))
    return max(kind.read(value) for value in (kind.default, *latest.values()))


def privileges_by_tier(at: datetime) -> Mapping[int, Mapping[str, Any]]:
    """Tell what each tier allows at an instant, by tier id and key. Two queries."""
    said: dict[int, dict[str, str]] = {tier.id: {} for tier in tiers()}
    rows = Privilege.objects.filter(valid_from__lte=at).order_by("valid_from", "id")
    for tier_id, key, value in rows.values_list("tier_id", "key", "value"):
        said[tier_id][key] = value
    return {tier_id: _read(latest) for tier_id, latest in said.items()}


def benefits(at: datetime) -> list[tuple[Any, list[Any]]]:
    """Tell for each privilege that staff has set what each tier allows, the entry tier first.

    Label and values in words. Three queries, whatever the number of tiers.
    """
    of_tiers = list(privileges_by_tier(at).values())
    said = set(Privilege.objects.filter(valid_from__lte=at).values_list("key", flat=True))
    return [
        (kind.label, [kind.shown(allowed[key]) for allowed in of_tiers])
        for key, kind in rules.PRIVILEGES.items()
        if key in said
    ]


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


def bookable_patients(member: Member) -> list[Patient]:
    """Return those for whom a member may book, oneself first."""
    links = patient_links(member).order_by("patient_id")
    return [link.patient for link in sorted(links, key=lambda link: link.relation != Relation.SELF)]


def patient_links(member: Member) -> QuerySet[FamilyLink]:
    """Return a member's links to patients, each with its patient."""
    return member.links.select_related("patient")


def own_patient(member: Member) -> Patient | None:
    """Return the patient that a member is."""
    return Patient.objects.filter(links__member=member, links__relation=Relation.SELF).first()


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
        asked |= Q(member__phone_index=rules.normalised_phone(text))
    with suppress(ValueError):
        asked |= Q(patient__identity_index=rules.normalised_resident_id(text))
    return asked


def _is_meant(link: FamilyLink, text: str) -> bool:
    phone = link.member.phone.reveal() if link.member.phone else ""
    name = link.patient.name.reveal() if link.patient.name else ""
    number = link.patient.identity_number
    pairs = [
        (link.member.number, text.upper()),
        (rules.last_four(phone), text),
        (rules.normalised_name(name), rules.normalised_name(text)),
    ]
    with suppress(ValueError):
        pairs.append((phone, rules.normalised_phone(text)))
    with suppress(ValueError):
        pairs.append((number.reveal() if number else "", rules.normalised_resident_id(text)))
    return any(known and known == asked for known, asked in pairs)


def _read(latest: Mapping[str, str]) -> Mapping[str, Any]:
    return {key: kind.read(latest.get(key, kind.default)) for key, kind in rules.PRIVILEGES.items()}
