"""What does the database know about a member?"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from django.db.models import BinaryField, ForeignKey, Model, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from medbook.encryption import Sealed, SealedField
from medbook.jobs.models import Job, JobQuerySet
from medbook.personal_data import FIELDS, NOTHING, Entry, registry
from members.choices import ConsentState
from members.models import Member, Patient, User

EXPORT_KIND = "export"
# Sealed fields have no words of their own.
SEALED_NAMES = {
    "phone": _("phone"),
    "email": _("e-mail"),
    "name": _("name"),
    "identity_number": _("document number"),
    "birth_date": _("birth date"),
    "number": _("number"),
    "label": _("name in your list"),
    "contact_phone": _("contact phone"),
    "facts": _("content"),
    "recipient": _("recipient"),
    "title": _("title"),
    "text": _("text"),
    "reason": _("reason"),
}
Plain = str | int | bool | None


@dataclass(frozen=True)
class Told:
    """One thing that a row says: the field's name, its name for people, and its value."""

    name: str
    label: str | Promise
    value: Plain
    shown: str


@dataclass(frozen=True)
class Table:
    """What one table knows about a member."""

    label: str
    title: str | Promise
    rows: list[list[Told]]


def told_tables(member: Member) -> Iterator[Table]:
    """Tell table by table what is known about a member, opened.

    Of other people it is only what the member wrote, until they have agreed to share.
    """
    for entry in told_entries():
        meta = entry.model._meta
        yield Table(meta.label_lower, meta.verbose_name_plural or "", _rows_of(entry, member))


def told_entries() -> list[Entry]:
    """List the tables that an export tells of."""
    return [entry for entry in registry() if entry.export != NOTHING]


def shared_patients(member: Member) -> QuerySet[Patient]:
    """List the patients whose own row a member may be told."""
    links = member.links.standing().filter(consent=ConsentState.GIVEN)
    return Patient.objects.filter(id__in=links.values("patient"))


def erasure_obstacles(member: Member) -> list[str | Promise]:
    """List in sentences what keeps a member's account from being erased."""
    asked = (import_string(dotted)(member) for dotted in settings.ERASURE_BLOCKED_BY)
    return [sentence for sentence in asked if sentence]


def latest_export(member: Member) -> Job | None:
    """Return the export that a member asked for last, without its file."""
    return exports_of(member).defer("result").order_by("-id").first()


def export_of(member: Member, uid: uuid.UUID) -> Job | None:
    """Return one of a member's exports."""
    return exports_of(member).filter(uid=uid).first()


def exports_of(member: Member) -> JobQuerySet:
    """List the exports that a member asked for."""
    return Job.objects.of(member.user.uid, EXPORT_KIND)


def _rows_of(entry: Entry, member: Member) -> list[list[Told]]:
    if entry.export != FIELDS:
        selector: Callable[[Member], list[dict[str, str]]] = import_string(entry.export)
        return [
            [Told(name, name, value, value) for name, value in row.items()]
            for row in selector(member)
        ]
    rows = entry.model._default_manager.filter(_known_by(entry, member)).order_by("pk")
    names = [
        field.name
        for field in entry.model._meta.local_concrete_fields
        if isinstance(field, ForeignKey) and not _is_person(field)
    ]
    joined = rows.select_related(*names) if names else rows
    return [list(_told(row, entry)) for row in joined.distinct()]


def _known_by(entry: Entry, member: Member) -> Q:
    """Filter the rows about a member, or about patients who share theirs."""
    about = Q(pk__in=[])
    for path in entry.paths_to(Member):
        about |= Q(**{path: member.pk})
    for path in entry.paths_to(User):
        about |= Q(**{path: member.user_id})
    for path in entry.paths_to(Patient):
        about |= Q(**{f"{path}__in": shared_patients(member)})
    return about


def _told(row: Model, entry: Entry) -> Iterator[Told]:
    for field in row._meta.local_concrete_fields:
        if field.primary_key or field.name in entry.hidden or _is_inside(field):
            continue
        found = getattr(row, field.name)
        value = _plain(found)
        display = getattr(row, f"get_{field.name}_display", None)
        shown = str(display()) if display and value is not None else _shown(found, value)
        yield Told(field.name, SEALED_NAMES.get(field.name, field.verbose_name), value, shown)


def _plain(value: Any) -> Plain:
    """Open what is sealed, and write every value as JSON can."""
    if isinstance(value, Sealed):
        value = value.reveal()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int):
        return cast(Plain, value)
    if isinstance(value, Decimal | uuid.UUID | Model | Promise):
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown(found: Any, value: Plain) -> str:
    """Say a value as people read it."""
    if isinstance(found, datetime):
        return date_format(timezone.localtime(found), "Y-m-d H:i")
    if isinstance(found, bool):
        return str(_("yes") if found else _("no"))
    return "" if value is None else str(value)


def _is_inside(field: Any) -> bool:
    """Tell whether a field means something to the database only."""
    is_index = isinstance(field, BinaryField) and not isinstance(field, SealedField)
    return is_index or _is_person(field)


def _is_person(field: Any) -> bool:
    return isinstance(field, ForeignKey) and field.related_model in (Member, User)
