"""How is a confirmed leave carried out, and carried on after its worker has died?"""

import uuid

from django.utils.translation import gettext_lazy as _

from appointments.selectors.comparable import Stock, free_starts
from appointments.selectors.leave import called_off_by, departments_of, places_to_clear, untold
from appointments.services.calling_off import call_off_next
from appointments.services.leave import finish_leave
from appointments.services.replacing import replace_visit
from medbook import clock
from medbook.jobs.kinds import JobKind, Work
from members.models import User
from scheduling.models import Leave

READ_ANEW_AFTER = 50  # visits: others book meanwhile


def carry_out_leave(work: Work) -> None:
    """Call all visits of a leave off, then keep places for each and tell; every step once.

    The sale was closed when the leave was confirmed. What another attempt has done is skipped.
    """
    leave = Leave.objects.select_related("doctor__department__clinic").get(
        uid=uuid.UUID(work.ids["leave"])
    )
    by = User.objects.get(uid=work.by_uid)
    _call_off_all(leave, by, work)
    _replace_all(leave, work)
    finish_leave(leave_uid=leave.uid, by=by, now=clock.now())


LEAVE = JobKind(
    label=_("Leave of a doctor"),
    phases={
        "calling_off": _("Calling visits off"),
        "telling": _("Keeping other places and telling members"),
    },
    run=carry_out_leave,
)


def _call_off_all(leave: Leave, by: User, work: Work) -> None:
    total, done = places_to_clear(leave).count(), 0
    work.reached("calling_off", done, total)
    while cleared := call_off_next(leave=leave, by=by, now=clock.now()):
        done += cleared
        work.reached("calling_off", done, total)


def _replace_all(leave: Leave, work: Work) -> None:
    waiting = untold(leave)
    total = called_off_by(leave).count()
    done = total - len(waiting)
    work.reached("telling", done, total)
    for turn, visit_uid in enumerate(waiting):
        now = clock.now()
        if turn % READ_ANEW_AFTER == 0:
            stock = Stock(free_starts(departments_of(leave), now), now)
        replace_visit(appointment_uid=visit_uid, now=now, stock=stock, waiting=len(waiting) - turn)
        done += 1
        if done % 10 == 0 or done == total:
            work.reached("telling", done, total)
