"""How does a member get everything that the database knows about them?"""

import io
import json
import uuid
import zipfile
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from medbook.audit.choices import Action
from medbook.audit.services import record_event
from medbook.jobs.kinds import JobKind, Result, Work
from medbook.jobs.models import Job
from medbook.jobs.services import start_job
from medbook.locks import Rung, lock, retry_on_conflict
from members.errors import AlreadyErased, ExportRunning, TooManyExports
from members.models import Member, User
from members.rules.privacy import EXPORTS_A_DAY
from members.selectors.privacy import EXPORT_KIND, Table, exports_of, told_entries, told_tables
from members.services.export_pdf import as_pdf


@retry_on_conflict
@transaction.atomic(durable=True)
def start_export(*, member: Member, by: User, now: datetime) -> Job:
    """Ask for everything that is known about a member, as a job.

    Raises: ExportRunning, TooManyExports.
    """
    locked = lock(Member.objects.select_related("user").filter(pk=member.pk), Rung.MEMBER).get()
    exports = exports_of(locked)
    if exports.unfinished().exists():
        raise ExportRunning()
    if exports.filter(created_at__gt=now - timedelta(days=1)).count() >= EXPORTS_A_DAY:
        raise TooManyExports(limit=EXPORTS_A_DAY)
    return start_job(kind=EXPORT_KIND, by_uid=by.uid, ids={"member": str(locked.uid)}, now=now)


def build_export(work: Work) -> Result:
    """Put a member's data into one file: for machines, for people, and for calendars.

    Raises: AlreadyErased.
    """
    member = Member.objects.select_related("user").get(uid=uuid.UUID(work.ids["member"]))
    if member.erased_at is not None:
        raise AlreadyErased()
    with translation.override(member.user.language):
        tables = _gathered(work, member)
        work.reached("writing", 0, 1)
        content = _zipped(member, tables, work.now)
    with transaction.atomic():
        record_event(
            Action.EXPORT_MADE,
            subject=member,
            by=member.user,
            facts={"tables": len(tables), "rows": sum(len(table.rows) for table in tables)},
        )
    work.reached("writing", 1, 1)
    return Result(content, f"medbook-{member.number}.zip", "application/zip")


EXPORT = JobKind(
    label=_("Everything about a member"),
    phases={"gathering": _("Gathering"), "writing": _("Writing the files")},
    run=build_export,
    if_cancelled=_("Nothing is kept of it."),
)


def _gathered(work: Work, member: Member) -> list[Table]:
    total = len(told_entries())
    tables = []
    for table in told_tables(member):
        tables.append(table)
        work.reached("gathering", len(tables), total)
    return tables


def _zipped(member: Member, tables: list[Table], now: datetime) -> bytes:
    files = {
        "export.json": _as_json(member, tables, now),
        "export.pdf": as_pdf(member, tables, now),
    }
    for name, dotted in settings.EXPORT_FILES.items():
        files[name] = import_string(dotted)(member)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def _as_json(member: Member, tables: list[Table], now: datetime) -> bytes:
    said = {
        "member": member.number,
        "made_at": now.isoformat(),
        "tables": {
            table.label: [{told.name: told.value for told in row} for row in table.rows]
            for table in tables
        },
    }
    return json.dumps(said, ensure_ascii=False, indent=2).encode()
