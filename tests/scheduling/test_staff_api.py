"""How do staff plan sessions and run the release by API?"""

from datetime import UTC, datetime, timedelta

import pytest

from medbook import clock
from medbook.audit.models import OperationLog
from scheduling.models import ReleaseRun, Schedule
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.appointments.booking import fill
from tests.factories import (
    ClinicFactory,
    DoctorFactory,
    ReleaseRunFactory,
    RoomFactory,
    RosterTemplateFactory,
    ScheduleFactory,
    VisitTypeFactory,
    member_with_patient,
    schedule_with_slots,
)
from tests.scheduling.staff import scheduler, staff

pytestmark = pytest.mark.django_db
SCHEDULES, RELEASES = ROOT + "admin/schedules/", ROOT + "admin/releases/"
NIGHT = datetime.fromisoformat("2026-11-26T02:00+08:00").astimezone(UTC)


@pytest.fixture
def client():
    return caller(scheduler())


def plan(**fields):
    VisitTypeFactory()
    return {
        "doctor": str(fields.pop("doctor", None) or DoctorFactory().uid),
        "room": str(fields.pop("room", None) or RoomFactory().uid),
        "visit_type": "first",
        "date": "2099-11-26",
        "start_time": "08:00",
        "end_time": "12:00",
        "max_appointments": 12,
        "fee": "180.00",
    } | fields


def test_a_session_is_drafted_published_changed_and_read(client):
    made = client.post(SCHEDULES, plan())
    assert made.status_code == 201, made.content
    here = f"{SCHEDULES}{made.json()['id']}/"
    assert (made.json()["state"], made.json()["version"]) == ("draft", 1)
    assert made.json()["starts_at"] == "2099-11-26T08:00:00+08:00"

    published = client.post(here + "publish/").json()
    assert (published["state"], published["version"]) == ("published", 2)

    changed = client.patch(here, {"version": 2, "max_appointments": 14, "fee": "200.00"}).json()
    assert (changed["max_appointments"], changed["fee"], changed["version"]) == (14, "200.00", 3)
    assert client.get(here).json() == changed
    assert Schedule.objects.get().slots.count() == 14
    log = OperationLog.objects.filter(action__startswith="schedule.").order_by("id")
    assert [(row.action, row.channel) for row in log] == [
        ("schedule.changed", "api"),
        ("schedule.published", "api"),
        ("schedule.changed", "api"),
    ]


def test_the_same_key_drafts_once_and_says_so():
    client = caller(scheduler(), **{"Idempotency-Key": "k-1"})
    body = plan()

    first, second = client.post(SCHEDULES, body), client.post(SCHEDULES, body)

    assert first.json() == second.json()
    assert ("Idempotent-Replay" in first, second["Idempotent-Replay"]) == (False, "true")
    other = client.post(SCHEDULES, body | {"fee": "1.00"})
    assert refusal(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"end_time": "08:00"}, "session_impossible"),
        ({"date": "2020-01-01"}, "in_the_past"),
    ],
)
def test_an_impossible_session_is_refused(fields, code, client):
    assert refusal(client.post(SCHEDULES, plan(**fields))) == (409, code)


def test_a_clash_is_named_when_publishing_and_a_room_elsewhere_is_refused(client):
    schedule = schedule_with_slots(9)
    west = RoomFactory(clinic=ClinicFactory(code="west"))
    day = str(schedule.service_date)
    draft = client.post(SCHEDULES, plan(doctor=schedule.doctor.uid, date=day)).json()

    clash = client.post(f"{SCHEDULES}{draft['id']}/publish/")

    assert refusal(clash) == (409, "schedule_clash")
    assert clash.json()["detail"].startswith("Chen Wei already sits")
    assert refusal(client.post(SCHEDULES, plan(room=west.uid))) == (409, "room_elsewhere")


def test_wrong_fields_are_named(client):
    stranger = str(ScheduleFactory().uid)
    wrong = plan(doctor=stranger)
    assert wrong_fields(client.post(SCHEDULES, wrong)) == {"doctor": "not_found"}
    assert wrong_fields(client.post(SCHEDULES, plan(visit_type="nap"))) == {
        "visit_type": "not_found"
    }
    assert wrong_fields(client.post(SCHEDULES, plan(state="published"))) == {
        "state": "unknown_field"
    }
    body = plan(fee="-1", max_appointments=0, start_time="25:00")
    assert wrong_fields(client.post(SCHEDULES, body)).keys() == {
        "fee",
        "max_appointments",
        "start_time",
    }
    assert set(wrong_fields(client.post(SCHEDULES, {}))) == set(plan()) - {"fee"}


def test_changes_are_refused_by_code(client):
    schedule, other = schedule_with_slots(9), ScheduleFactory()
    fill(schedule, 7)
    here = f"{SCHEDULES}{schedule.uid}/"

    def change(**fields):
        return refusal(client.patch(here, {"version": 1} | fields))

    assert change(version=2) == (409, "version_conflict")
    assert change(max_appointments=6) == (409, "capacity_below_booked")
    assert change(room=str(other.room.uid)) == (409, "schedule_clash")
    assert refusal(client.post(here + "publish/")) == (409, "wrong_state")
    assert wrong_fields(client.patch(here, {"fee": "1.00"})) == {"version": "required"}
    assert wrong_fields(client.patch(here, {"version": 1, "room": str(other.uid)})) == {
        "room": "not_found"
    }
    gone = f"{SCHEDULES}{other.doctor.uid}/"
    assert refusal(client.get(gone)) == (404, "not_found")
    assert refusal(client.patch(gone, {"version": 1})) == (404, "not_found")


def test_schedules_are_listed_by_what_is_asked(client):
    first, second = ScheduleFactory(), ScheduleFactory(state="draft")

    def listed(**query):
        return {row["id"] for row in client.get(SCHEDULES, query).json()["results"]}

    assert listed() == {str(first.uid), str(second.uid)}
    assert listed(state="draft") == {str(second.uid)}
    assert listed(doctor=first.doctor.uid) == {str(first.uid)}
    assert listed(department=second.department.uid) == {str(second.uid)}
    assert listed(**{"from": first.service_date + timedelta(days=1)}) == set()
    assert len(listed(to=first.service_date)) == 2


def test_run_now_makes_what_is_missing(time_machine):
    time_machine.move_to(NIGHT, tick=False)
    client = caller(scheduler())
    RosterTemplateFactory(weekday=3)

    told, again = (client.post(RELEASES + "run/").json() for _ in range(2))

    assert told == {"dates": 15, "schedules": 3, "places": 36, "clashes": 0, "failed": 0}
    assert again == {"dates": 0, "schedules": 0, "places": 0, "clashes": 0, "failed": 0}
    runs = client.get(RELEASES, {"from": "2026-12-10"}).json()["results"]
    assert [(run["date"], run["schedules_made"], run["state"]) for run in runs] == [
        ("2026-12-10", 1, "done")
    ]


def test_runs_are_listed_by_what_is_asked(client):
    run, _other = ReleaseRunFactory(state="failed"), ReleaseRunFactory()

    def listed(**query):
        return {row["id"] for row in client.get(RELEASES, query).json()["results"]}

    assert listed(state="failed") == listed(department=run.department.uid) == {str(run.uid)}


ADDRESSES = [
    ("get", "admin/schedules/", "view_schedule"),
    ("post", "admin/schedules/", "add_schedule"),
    ("get", "admin/schedules/{uid}/", "view_schedule"),
    ("patch", "admin/schedules/{uid}/", "change_schedule"),
    ("post", "admin/schedules/{uid}/publish/", "change_schedule"),
    ("get", "admin/releases/", "view_releaserun"),
    ("post", "admin/releases/run/", "run_release"),
]


@pytest.mark.parametrize(("method", "path", "permission"), ADDRESSES)
def test_each_act_needs_its_own_permission(method, path, permission):
    address = ROOT + path.format(uid=ScheduleFactory().uid)

    def called_by(someone):
        return getattr(caller(someone), method)(address)

    assert refusal(called_by(None)) == (401, "authentication_required")
    assert refusal(called_by(member_with_patient())) == (403, "permission_denied")
    others = {needed for _method, _path, needed in ADDRESSES} - {permission}
    assert refusal(called_by(staff(*others))) == (403, "permission_denied")
    assert not ReleaseRun.objects.exists()
    assert called_by(staff(permission)).status_code not in (401, 403)


def test_a_staff_list_costs_the_same_queries_for_one_and_for_ten(
    client, django_assert_max_num_queries
):
    for _ in range(10):
        ScheduleFactory()
    client.get(SCHEDULES)

    with django_assert_max_num_queries(4):
        assert len(client.get(SCHEDULES).json()["results"]) == 10


def test_times_are_told_with_the_clinic_s_offset(client):
    overseas = ClinicFactory(code="new-york", time_zone="America/New_York")
    doctor = DoctorFactory(department__clinic=overseas)

    made = client.post(
        SCHEDULES, plan(doctor=doctor.uid, room=RoomFactory(clinic=overseas).uid)
    ).json()

    assert made["starts_at"] == "2099-11-26T08:00:00-05:00"
    assert made["date"] == "2099-11-26"
    assert clock.now() < datetime.fromisoformat(made["release_at"])
