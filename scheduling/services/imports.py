"""How do files of doctors and rosters come in and go out?"""

from collections.abc import Iterator
from dataclasses import dataclass

import tablib
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from import_export.results import Result, RowResult

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.errors import DomainError
from medbook.locks import conflict_as, retry_on_conflict
from medbook.spreadsheets import plain_cell
from members.models import User
from scheduling.errors import ScheduleClash
from scheduling.models import Doctor, RosterTemplate
from scheduling.services.resources import DoctorResource, FileResource, RosterResource
from scheduling.services.uploads import Problem, Table, read_table

RESOURCES: dict[type[Model], type[FileResource]] = {
    Doctor: DoctorResource,
    RosterTemplate: RosterResource,
}
CLASHES = ("doctor_rostered_once_at_a_time", "room_rostered_once_at_a_time")
BYTE_ORDER_MARK = "\ufeff"  # without it, Excel reads Chinese as Latin letters


@dataclass(frozen=True)
class ImportReport:
    """What a file would change, or has changed; nothing, where there are problems."""

    new: int
    changed: int
    unchanged: int
    problems: list[Problem]

    @property
    def is_clean(self) -> bool:
        """Tell whether the file can be imported."""
        return not self.problems


def check_file(*, model: type[Model], content: bytes) -> ImportReport:
    """Try an import and take everything back. Raises: UnreadableFile."""
    return _run(model, content, is_trial=True)


@retry_on_conflict
@transaction.atomic(durable=True)
def import_file(*, model: type[Model], content: bytes, by: User) -> ImportReport:
    """Write all rows of a file, or none if one is wrong.

    Raises: UnreadableFile, ScheduleClash when somebody rosters against it at the same moment.
    """
    with conflict_as(dict.fromkeys(CLASHES, _clash_of_the_moment)):
        report = _run(model, content, is_trial=False)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    if report.is_clean:
        facts = {"model": model._meta.label_lower, "new": report.new, "changed": report.changed}
        record_event(Action.CATALOGUE_IMPORTED, by=by, facts=facts)
    return report


@transaction.atomic(durable=True)
def export_file(*, rows: QuerySet, file_format: str, by: User) -> bytes:
    """Write rows as "csv" or "xlsx", as they can be imported again, and note who took them."""
    resource = RESOURCES[rows.model]()
    table = tablib.Dataset(headers=resource.columns())
    for line in resource.export(rows):
        table.append([plain_cell(cell) for cell in line])
    facts = {"model": rows.model._meta.label_lower, "rows": len(table)}
    record_event(Action.EXPORT_MADE, by=by, facts=facts)
    if file_format == "xlsx":
        return bytes(table.export("xlsx"))
    return (BYTE_ORDER_MARK + str(table.export("csv"))).encode()


def _clash_of_the_moment() -> DomainError:
    return ScheduleClash(clash=_("Somebody changed the roster in the meantime. Check again."))


def _run(model: type[Model], content: bytes, *, is_trial: bool) -> ImportReport:
    resource_class = RESOURCES[model]
    table = read_table(
        content, known=resource_class.columns(), required=resource_class.required_columns()
    )
    numbers = list(table.rows)
    dataset = tablib.Dataset(headers=table.headers)
    for row in table.rows.values():
        dataset.append([row[header] for header in table.headers])
    result = resource_class(numbers).import_data(
        dataset,
        dry_run=is_trial or bool(table.problems),
        use_transactions=True,
        rollback_on_validation_errors=True,
    )
    _let_bugs_fly(result)
    problems = sorted(_problems(table, numbers, result), key=lambda one: (one.row or 0, one.column))
    return ImportReport(
        new=result.totals[RowResult.IMPORT_TYPE_NEW],
        changed=result.totals[RowResult.IMPORT_TYPE_UPDATE],
        unchanged=result.totals[RowResult.IMPORT_TYPE_SKIP],
        problems=problems,
    )


def _problems(table: Table, numbers: list[int], result: Result) -> Iterator[Problem]:
    """List what is wrong, each cell once: an unreadable cell hides what follows from it."""
    told = {(problem.row, problem.column) for problem in table.problems}
    yield from table.problems
    for invalid in result.invalid_rows:
        row = numbers[invalid.number - 1]
        for name, texts in invalid.error.message_dict.items():
            column = name if name in table.headers else ""
            if (row, column) not in told:
                yield from (Problem(text, row, column) for text in texts)


def _let_bugs_fly(result: Result) -> None:
    """Raise what the library has caught and is no fault of the file."""
    for error in result.base_errors:
        raise error.error
    for row in result.error_rows:
        raise row.errors[0].error
