"""How do the rows of a file become doctors and weekly patterns, and back?"""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Model, Q
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result

from scheduling.choices import Gender, Title, Weekday
from scheduling.models import Department, Doctor, Room, RosterTemplate, VisitType
from scheduling.rules import sessions as rules
from scheduling.services.columns import (
    Amount,
    Cell,
    Day,
    OneOf,
    Reference,
    TimeOfDay,
    WholeNumber,
    YesNo,
    weekday_words,
)

Row = Mapping[str, str]
MOST_CLASHES = 500  # a file that clashes throughout is told enough by these


def column(attribute: str, cell: Cell) -> Field:
    """Declare a column that is called like the attribute it fills."""
    return Field(attribute=attribute, column_name=attribute, widget=cell)


class LoadedOnce(BaseInstanceLoader):  # type: ignore[misc]
    """Find the rows that a file changes with one query, by the file's natural key."""

    def get_instance(self, row: Row) -> Model | None:
        """Find what has this row's key, which is new where the key cannot be read."""
        key = self.resource.key_in(row)
        found: Model | None = self.resource.existing.get(key) if key else None
        return found


class FileResource(ModelResource):  # type: ignore[misc]
    """What all our files have in common: everything is looked up in bulk and checked in memory.

    `numbers` are the rows as a person counts them.
    """

    optional: ClassVar[frozenset[str]] = frozenset()
    unchecked: ClassVar[frozenset[str]] = frozenset()  # found by look-up, or derived
    derived: ClassVar[tuple[str, ...]] = ()

    def __init__(self, numbers: list[int] | None = None) -> None:
        super().__init__()
        self.numbers = numbers or []
        self.existing: dict[tuple[Any, ...], Model] = {}
        self.placed: list[tuple[Any, int]] = []
        self._seen: dict[tuple[Any, ...], int] = {}
        self._before: tuple[Any, ...] | None = None
        self._place = 0

    @classmethod
    def columns(cls) -> list[str]:
        """Name the columns that a file may have, in order."""
        return list(cls._meta.fields)

    @classmethod
    def required_columns(cls) -> list[str]:
        """Name the columns that a file must have."""
        return [name for name in cls.columns() if name not in cls.optional]

    def key_in(self, row: Row) -> tuple[Any, ...] | None:
        """Read a row's natural key; None where a part of it cannot be read."""
        try:
            return tuple(self.fields[name].clean(row) for name in self.get_import_id_fields())
        except ValueError:
            return None

    def before_import_row(self, row: Row, row_number: int = 0, **kwargs: Any) -> None:
        """Refuse the same thing twice in a file."""
        self._place = row_number - 1
        key = self.key_in(row)
        if key is not None and (first := self._seen.setdefault(key, self._place)) != self._place:
            text = _("This repeats row %(row)s.")
            said = {"row": self.numbers[first]}
            name = self.get_import_id_fields()[0]
            raise ValidationError({name: ValidationError(text, params=said)})

    def after_init_instance(self, instance: Any, new: bool, row: Row, **kwargs: Any) -> None:
        """Remember how it was, to leave alone what does not change."""
        self._before = None if new else self._values(instance)

    def skip_row(self, instance: Any, original: Any, row: Row, errors: Any = None) -> bool:
        """Tell whether a row changes nothing."""
        is_unchanged = not errors and self._before == self._values(instance)
        if is_unchanged:
            self.placed.append((instance, self._place))
        return is_unchanged

    def validate_instance(
        self, instance: Any, import_validation_errors: Any = None, validate_unique: bool = True
    ) -> None:
        """Check a row alone, without asking the database."""
        errors = dict(import_validation_errors or {})
        wrong = set(errors)
        checks = (lambda: instance.clean_fields(exclude=wrong | self.unchecked), instance.clean)
        for check in checks:
            if check is checks[1] and errors:
                break  # what compares columns would stumble over the ones that are wrong
            try:
                check()
            except ValidationError as found:
                errors = found.update_error_dict(errors)
        if errors:
            raise ValidationError(errors)

    def after_import(self, dataset: Any, result: Result, **kwargs: Any) -> None:
        """Leave sequences alone: files bring no ids, and the application may not set a sequence."""

    def before_save_instance(self, instance: Any, row: Row, **kwargs: Any) -> None:
        """Remember which row made which object."""
        self.placed.append((instance, self._place))

    def get_bulk_update_fields(self) -> list[str]:
        """Name what an update writes: the columns, and what follows from them."""
        return [*super().get_bulk_update_fields(), *self.derived]

    def _values(self, instance: Any) -> tuple[Any, ...]:
        return tuple(field.get_value(instance) for field in self.fields.values())

    @staticmethod
    def add_problem(result: Result, place: int, name: str, text: str) -> None:
        """Note what is wrong with a row that was looked at together with others."""
        result.append_invalid_row(place + 1, {}, ValidationError({name: text}))


class DoctorResource(FileResource):
    """A line is a doctor, known by staff number."""

    optional = frozenset(["introduction_en", "introduction_zh", "is_active"])
    unchecked = frozenset(["department", "slug", "search_text"])
    derived = ("search_text",)

    code = column("code", Cell())
    name_en = column("name_en", Cell())
    name_zh = column("name_zh", Cell())
    department = column("department", Reference(lambda code, row: code, "code"))
    title = column("title", OneOf(Title, {title.value: title for title in Title}))
    gender = column("gender", OneOf(Gender, {gender.value: gender for gender in Gender}))
    introduction_en = column("introduction_en", Cell(may_be_empty=True))
    introduction_zh = column("introduction_zh", Cell(may_be_empty=True))
    is_active = column("is_active", YesNo(empty=True))  # whoever is listed is active

    class Meta:
        model = Doctor
        fields = (
            "code",
            "name_en",
            "name_zh",
            "department",
            "title",
            "gender",
            "introduction_en",
            "introduction_zh",
            "is_active",
        )
        import_id_fields = ("code",)
        instance_loader_class = LoadedOnce
        use_bulk = True
        batch_size = 500
        skip_diff = True
        skip_html_diff = True

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Look up departments, known doctors and address names, each with one query."""
        departments = {one.code: one for one in Department.objects.select_related("clinic")}
        self.fields["department"].widget.look_up = _by_code(departments)
        known = Doctor.objects.filter(code__in=[row["code"] for row in dataset.dict])
        self.existing = {(one.code,): one for one in known.select_related("department")}
        self.slugs = dict(Doctor.objects.values_list("slug", "code"))

    def before_save_instance(self, instance: Doctor, row: Row, **kwargs: Any) -> None:
        """Derive what is searched, and refuse an address name that another doctor has."""
        instance.fill_in()
        if self.slugs.setdefault(instance.slug, instance.code) != instance.code:
            text = _("The staff number is too much like that of doctor %(code)s.")
            said = {"code": self.slugs[instance.slug]}
            raise ValidationError({"code": ValidationError(text, params=said)})
        super().before_save_instance(instance, row, **kwargs)


class RosterResource(FileResource):
    """A line is a weekly pattern, known by doctor, weekday, start and first day."""

    optional = frozenset(["fee", "valid_until", "desk_places", "high_demand"])
    unchecked = frozenset(["doctor", "room", "visit_type"])

    doctor = column("doctor", Reference(lambda code, row: code, "code"))
    room = column("room", Reference(lambda code, row: code, "code"))
    visit_type = column("visit_type", Reference(lambda code, row: code, "code"))
    weekday = column("weekday", OneOf(Weekday, weekday_words(Weekday)))
    start_time = column("start_time", TimeOfDay())
    end_time = column("end_time", TimeOfDay())
    max_appointments = column("max_appointments", WholeNumber())
    fee = column("fee", Amount(may_be_empty=True))
    valid_from = column("valid_from", Day())
    valid_until = column("valid_until", Day(may_be_empty=True))
    desk_places = column("desk_places", WholeNumber(may_be_empty=True))
    high_demand = column("high_demand", YesNo(empty=False))

    class Meta:
        model = RosterTemplate
        fields = (
            "doctor",
            "room",
            "visit_type",
            "weekday",
            "start_time",
            "end_time",
            "max_appointments",
            "fee",
            "valid_from",
            "valid_until",
            "desk_places",
            "high_demand",
        )
        import_id_fields = ("doctor", "weekday", "start_time", "valid_from")
        instance_loader_class = LoadedOnce
        use_bulk = True
        batch_size = 500
        skip_diff = True
        skip_html_diff = True

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        """Look up doctors, rooms, kinds of visit and known patterns, each with one query.

        Clashes are looked for when all rows are written, since a file may swap rooms: until then
        the exclusion constraints wait.
        """
        codes = {row["doctor"] for row in dataset.dict}
        doctors = Doctor.objects.filter(code__in=codes).select_related("department__clinic")
        self.doctors = {one.code: one for one in doctors}
        rooms = {(one.clinic.code, one.code): one for one in Room.objects.select_related("clinic")}
        kinds = {one.code: one for one in VisitType.objects.all()}
        self.fields["doctor"].widget.look_up = _by_code(self.doctors)
        self.fields["visit_type"].widget.look_up = _by_code(kinds)
        self.fields["room"].widget.look_up = self._room_in(rooms)
        known = RosterTemplate.objects.filter(doctor__in=self.doctors.values())
        self.existing = {
            tuple(getattr(one, name) for name in self.get_import_id_fields()): one
            for one in known.select_related("doctor__department", "room", "visit_type")
        }
        with connection.cursor() as cursor:
            cursor.execute(
                "SET CONSTRAINTS doctor_rostered_once_at_a_time, room_rostered_once_at_a_time"
                " DEFERRED"
            )

    def after_import(self, dataset: Any, result: Result, **kwargs: Any) -> None:
        """Name the clashes of the rows with each other and with what there was."""
        for place, name, text in islice(self._clashes(), MOST_CLASHES):
            self.add_problem(result, place, name, text)

    def _clashes(self) -> Iterator[tuple[int, str, str]]:
        places = {template.pk: place for template, place in self.placed}
        around = RosterTemplate.objects.filter(
            Q(doctor__in={template.doctor_id for template, _place in self.placed})
            | Q(room__in={template.room_id for template, _place in self.placed})
        )
        templates = {one.pk: one for one in around.select_related("doctor", "room")}
        for clash in rules.clashes(one.sitting(pk) for pk, one in templates.items()):
            pair = sorted((clash.one.name, clash.other.name), key=lambda pk: places.get(pk, -1))
            earlier, later = templates[pair[0]], places.get(pair[1])
            if later is None:
                continue  # neither is of this file
            text = (
                _("This clashes with row %(row)s: %(busy)s.")
                if earlier.pk in places
                else _("This clashes with roster template %(id)s: %(busy)s.")
            )
            said = {"id": earlier.pk, "busy": earlier.said_busy(clash.shared)}
            if earlier.pk in places:
                said["row"] = self.numbers[places[earlier.pk]]
            yield later, clash.shared, text % said

    def _room_in(self, rooms: Mapping[tuple[str, str], Room]) -> Any:
        """Find R2 in the doctor's clinic; east/R2 names the clinic too."""

        def look_up(text: str, row: Row) -> Room | None:
            clinic, _slash, code = text.rpartition("/")
            doctor = self.doctors.get(row.get("doctor", ""))
            if doctor is None:
                return None  # the cell of the doctor is named already
            room = rooms.get((clinic or doctor.department.clinic.code, code))
            if room is None:
                raise ValueError(_("There is no “%(code)s”.") % {"code": text[:40]})
            return room

        return look_up


def _by_code(rows: Mapping[str, Model]) -> Any:
    def look_up(text: str, row: Row) -> Model:
        if text not in rows:
            raise ValueError(_("There is no “%(code)s”.") % {"code": text[:40]})
        return rows[text]

    return look_up
