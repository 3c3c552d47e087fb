"""Which tables know a person, and does each say how it is exported and erased?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models.constants import LOOKUP_SEP

from medbook.encryption import BlindIndexField, SealedField

FIELDS, NOTHING = "fields", "nothing"
Model = type[models.Model]


class Erasure(StrEnum):
    """What becomes of a person's rows of a table when the person is erased."""

    KEEP = "keep"  # they name nobody: ids, money, acts
    BLANK = "blank"  # sealed fields and blind indexes become NULL
    DELETE = "delete"


@dataclass(frozen=True)
class Entry:
    """What settings.PERSONAL_DATA says of one table.

    `paths` lead from a row to the member, the patient or the account it is about; `export` is
    "fields", "nothing", or the dotted name of a selector that takes the member.
    """

    model: Model
    paths: Sequence[str]
    export: str
    erasure: Erasure
    hidden: Sequence[str]

    def paths_to(self, subject: Model) -> list[str]:
        """List the paths that end at a model."""
        return [path for path in self.paths if end_of(self.model, path) is subject]


def registry() -> list[Entry]:
    """List the entries whose apps are installed, in the order of the settings."""
    return [_entry(label) for label in settings.PERSONAL_DATA if _is_installed(label)]


def end_of(model: Model, path: str) -> Model:
    """Tell at which model a path ends. Raises: FieldDoesNotExist."""
    for name in path.split(LOOKUP_SEP):
        if name == "pk":
            return model
        target = model._meta.get_field(name).related_model
        if not isinstance(target, type):
            raise FieldDoesNotExist(f"{path!r} leads nowhere.")
        model = target
    return model


def blanked_fields(model: Model) -> list[models.Field]:
    """List the fields that erasing makes NULL."""
    return [
        field
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField | BlindIndexField)
    ]


def check_personal_data(**_options: object) -> list[checks.CheckMessage]:
    """Check that every table that knows a person has an entry, and that each entry can be kept."""
    return [
        *(
            checks.Error(
                f"{model._meta.label} points at a person and has no entry in PERSONAL_DATA.",
                hint="Say how it is exported and what erasure does to it.",
                obj=model,
                id="medbook.E001",
            )
            for model in _models_about_people()
            if model._meta.label_lower not in settings.PERSONAL_DATA
        ),
        *(
            checks.Error(f"PERSONAL_DATA, {label}: {problem}.", id="medbook.E002")
            for label in settings.PERSONAL_DATA
            if _is_installed(label)
            for problem in _problems(label)
        ),
    ]


def _models_about_people() -> Iterator[Model]:
    people = {apps.get_model(label) for label in settings.PEOPLE}
    for model in apps.get_models(include_auto_created=True):
        targets = {field.related_model for field in model._meta.local_fields}
        if not model._meta.proxy and (model in people or targets & people):
            yield model


def _problems(label: str) -> Iterator[str]:
    try:
        entry = _entry(label)
    except LookupError:
        yield "there is no such model"
        return
    except ValueError:
        yield "erasure is none of keep, blank, delete"
        return
    people = {apps.get_model(each) for each in settings.PEOPLE}
    for path in entry.paths:
        try:
            if end_of(entry.model, path) not in people:
                yield f"{path!r} leads to nobody"
        except FieldDoesNotExist:
            yield f"there is no path {path!r}"
    if entry.erasure == Erasure.BLANK:
        for field in blanked_fields(entry.model):
            if not field.null:
                yield f"{field.name!r} cannot be blanked: it is not null"


def _entry(label: str) -> Entry:
    said = settings.PERSONAL_DATA[label]
    return Entry(
        model=apps.get_model(label),
        paths=said.get("of", "").split(),
        export=said.get("export", FIELDS),
        erasure=Erasure(said["erasure"]),
        hidden=said.get("hidden", "").split(),
    )


def _is_installed(label: str) -> bool:
    return label.partition(".")[0] in apps.app_configs
