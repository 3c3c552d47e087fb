"""What is wrong with the sessions of a week, in words, and what would mend it?"""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Q
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from scheduling.choices import ConflictKind, DayKind, ScheduleState
from scheduling.models import Leave, Room, Schedule
from scheduling.models.schedules import BINDING
from scheduling.rules.calendar import Day
from scheduling.rules.conflicts import Conflict, Planned, conflicts
from scheduling.selectors.catalogue import schedules_in_full

HOUR = timedelta(hours=1)
STATES = (ScheduleState.DRAFT, *BINDING)
MOST_PROPOSALS = 100  # what somebody can go through; more is a week planned in the wrong room
OF_ROOM = frozenset({ConflictKind.ROOM_TWICE, ConflictKind.ROOM_CLOSED})


@dataclass(frozen=True)
class Problem:
    """A conflict in words; `other` is in the way, `room` is free then."""

    schedule: Schedule
    conflict: Conflict
    other: Schedule | None
    sentence: str
    room: Room | None

    @property
    def may_delete(self) -> bool:
        """Tell whether leaving the session out is a way."""
        return bool(self.schedule.state == ScheduleState.DRAFT)

    def forbids(self, published: Collection[int]) -> bool:
        """Tell whether its session cannot be published together with those of these keys."""
        if self.conflict.is_overridable:
            return False
        is_draft = self.other is not None and self.other.state == ScheduleState.DRAFT
        return not is_draft or self.conflict.other in published


def problems_of(
    schedules: Collection[Schedule],
    *,
    leaves: Mapping[int, Collection[Leave]],
    calendar: Mapping[date, Day],
) -> list[Problem]:
    """List the conflicts of sessions of one clinic's week. Three queries at most.

    `schedules` are all sessions of some doctors in the week; what others hold in their rooms is
    looked up. What is finished counts, but nothing of it is left to mend.
    """
    mine = [schedule for schedule in schedules if schedule.state in STATES]
    everything = {schedule.pk: schedule for schedule in (*mine, *_rivals(mine))}
    found = [
        conflict
        for conflict in conflicts(
            [_planned(schedule, calendar) for schedule in everything.values()],
            leaves={
                doctor: [(leave.starts_at, leave.ends_at) for leave in found]
                for doctor, found in leaves.items()
            },
            most_hours=_most_hours(mine),
        )
        if {conflict.session, conflict.other} & {schedule.pk for schedule in mine}
        and everything[conflict.session].state != ScheduleState.FINISHED
    ]
    in_rooms = [everything[one.session] for one in found if one.kind in OF_ROOM]
    rooms = _free_rooms(in_rooms[:MOST_PROPOSALS])
    return [
        Problem(
            schedule := everything[conflict.session],
            conflict,
            everything.get(conflict.other) if conflict.other else None,
            _sentence(conflict, everything, calendar),
            rooms.get(schedule.pk) if conflict.kind in OF_ROOM else None,
        )
        for conflict in found
    ]


def _rivals(mine: Collection[Schedule]) -> Iterable[Schedule]:
    """Find what other doctors plan or hold in the same rooms at the time."""
    drafts = [schedule for schedule in mine if schedule.state == ScheduleState.DRAFT]
    if not mine:
        return []
    others = (
        schedules_in_full()
        .filter(
            room__in={schedule.room_id for schedule in mine},
            state__in=STATES,
            starts_at__lt=max(schedule.ends_at for schedule in mine),
            ends_at__gt=min(schedule.starts_at for schedule in mine),
        )
        .exclude(doctor__in={schedule.doctor_id for schedule in mine})
    )
    # Two published sessions cannot clash: where none of mine is a draft, only drafts can.
    return others if drafts else others.filter(state=ScheduleState.DRAFT)


def _planned(schedule: Schedule, calendar: Mapping[date, Day]) -> Planned:
    day = calendar.get(schedule.service_date)
    return Planned(
        name=schedule.pk,
        doctor=schedule.doctor_id,
        room=schedule.room_id,
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        is_draft=schedule.state == ScheduleState.DRAFT,
        is_on_holiday=bool(
            day and day.kind == DayKind.HOLIDAY and not schedule.department.sits_on_holidays
        ),
        is_doctor_inactive=not schedule.doctor.is_active,
        is_room_closed=not schedule.room.is_active,
    )


def _most_hours(schedules: Collection[Schedule]) -> dict[Hashable, timedelta]:
    return {
        schedule.doctor_id: HOUR * schedule.doctor.weekly_hours
        for schedule in schedules
        if schedule.doctor.weekly_hours is not None
    }


def _free_rooms(schedules: list[Schedule]) -> dict[int, Room]:
    """Propose for each session the first room of the clinic that nobody wants then.

    A room is proposed once at a time, so that all proposals can be taken.
    """
    if not schedules:
        return {}
    clinic = schedules[0].department.clinic_id
    rooms = list(Room.objects.filter(clinic=clinic, is_active=True).order_by("code"))
    then = Q()
    for schedule in schedules:
        then |= Q(starts_at__lt=schedule.ends_at, ends_at__gt=schedule.starts_at)
    busy = defaultdict(list)
    wanted = Schedule.objects.filter(then, room__clinic=clinic, state__in=STATES)
    for room_id, starts_at, ends_at in wanted.values_list("room_id", "starts_at", "ends_at"):
        busy[room_id].append((starts_at, ends_at))
    proposed = {}
    for schedule in schedules:
        for room in rooms:
            if all(
                ends_at <= schedule.starts_at or schedule.ends_at <= starts_at
                for starts_at, ends_at in busy[room.pk]
            ):
                busy[room.pk].append((schedule.starts_at, schedule.ends_at))
                proposed[schedule.pk] = room
                break
    return proposed


def _sentence(
    conflict: Conflict, schedules: Mapping[int, Schedule], calendar: Mapping[date, Day]
) -> str:
    """Say what is in the way."""
    schedule = schedules[conflict.session]
    if conflict.other is not None:
        is_doctor = conflict.kind == ConflictKind.DOCTOR_TWICE
        return schedules[conflict.other].said_to_clash("doctor" if is_doctor else "room")
    if conflict.kind == ConflictKind.LEAVE:
        return _("%(doctor)s is on leave then.") % {"doctor": schedule.doctor}
    if conflict.kind == ConflictKind.DOCTOR_INACTIVE:
        return _("%(doctor)s is no longer active.") % {"doctor": schedule.doctor}
    if conflict.kind == ConflictKind.ROOM_CLOSED:
        return _("Room %(room)s is closed.") % {"room": schedule.room}
    if conflict.kind == ConflictKind.HOLIDAY:
        return _("This is a public holiday: %(name)s.") % {
            "name": calendar[schedule.service_date].name
        }
    text = _("More than the %(hours)s hours a week that are agreed with %(doctor)s.")
    return text % {
        "hours": number_format(schedule.doctor.weekly_hours or 0),
        "doctor": schedule.doctor,
    }
