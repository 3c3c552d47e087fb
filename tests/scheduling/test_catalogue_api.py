"""What does the API tell anybody of clinics, departments and doctors?"""

from datetime import timedelta

import pytest

from medbook import clock
from scheduling.choices import SlotState
from scheduling.selectors import catalogue as selectors
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    ScheduleFactory,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db


def doctors_now():
    return selectors.doctors(now=clock.now())


def listed(path, **query):
    answer = caller().get(ROOT + path, query)
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def names(**query):
    return {row["name"] for row in listed("doctors/", **query)}


def test_a_stranger_sees_clinics_departments_and_doctors():
    doctor = DoctorFactory(introduction_en="Hearts.")
    department, clinic = doctor.department, doctor.department.clinic

    assert listed("clinics/") == [
        {
            "id": str(clinic.uid),
            "name": "East Clinic",
            "address": "",
            "phone": "",
            "time_zone": "Asia/Shanghai",
        }
    ]
    assert listed("departments/") == [
        {
            "id": str(department.uid),
            "name": "Cardiology",
            "clinic": {"id": str(clinic.uid), "name": "East Clinic"},
        }
    ]
    described = {
        "id": str(doctor.uid),
        "name": "Chen Wei",
        "title": "chief",
        "gender": "female",
        "introduction": "Hearts.",
        "department": {"id": str(department.uid), "name": "Cardiology"},
        "clinic": {"id": str(clinic.uid), "name": "East Clinic"},
    }
    assert listed("doctors/") == [described]
    assert caller().get(f"{ROOT}doctors/{doctor.uid}/").json() == described


def test_names_come_in_the_language_that_is_asked_for():
    DoctorFactory()

    answer = caller(**{"Accept-Language": "zh-hans"}).get(ROOT + "doctors/")

    assert answer.json()["results"][0]["name"] == "陈伟"


@pytest.mark.parametrize("closed", ["self", "department", "department.clinic"])
def test_what_is_not_active_is_not_shown(closed):
    doctor = row = DoctorFactory(department__clinic=ClinicFactory(code="west"))
    for name in filter("self".__ne__, closed.split(".")):
        row = getattr(row, name)
    row.is_active = False
    row.save()

    assert listed("doctors/") == []
    assert len(listed("departments/")) == (closed == "self")
    assert len(listed("clinics/")) == (closed != "department.clinic")
    assert refusal(caller().get(f"{ROOT}doctors/{doctor.uid}/")) == (404, "not_found")


def test_doctors_are_found_by_department_and_name():
    chen = DoctorFactory()
    DoctorFactory(name_en="Li Na", name_zh="李娜", department=chen.department)
    DoctorFactory(name_en="Wang Fang", name_zh="王芳")

    assert names(department=chen.department.uid) == {"Chen Wei", "Li Na"}
    assert names(q="李娜") == names(q="lina") == names(q="LN") == {"Li Na"}
    assert names(q="chen", department=chen.department.uid) == {"Chen Wei"}
    assert names(q="") == {"Chen Wei", "Li Na", "Wang Fang"}
    assert names(q="%") == {"Chen Wei", "Li Na", "Wang Fang"}
    assert names(department=chen.uid) == set()


def test_available_doctors_have_a_free_place_on_sale_within_the_dates():
    free = schedule_with_slots(2, doctor__name_en="Free")
    full = schedule_with_slots(1, doctor__name_en="Full")
    full.slots.update(state=SlotState.BLOCKED)
    schedule_with_slots(1, doctor__name_en="Later", release_at=clock.now() + timedelta(hours=1))
    ScheduleFactory(doctor__name_en="Placeless")
    day = free.service_date

    assert names(available_from=day, available_to=day) == {"Free"}
    assert names(available_from=day) == names(available_to=day) == {"Free"}
    assert names(available_from=day + timedelta(days=1)) == set()
    assert names(available_to=day - timedelta(days=1)) == set()


def test_lists_come_in_pages():
    for _ in range(5):
        DoctorFactory()

    first = caller().get(ROOT + "doctors/", {"page_size": 3}).json()
    second = caller().get(first["next"]).json()

    ids = [row["id"] for row in first["results"] + second["results"]]
    assert (len(ids), len(set(ids)), second["next"]) == (5, 5, None)


@pytest.mark.parametrize("path", ["clinics/", "departments/", "doctors/"])
def test_a_list_is_read_to_the_letter_and_compared_by_etag(path):
    DepartmentFactory()

    first = caller().get(ROOT + path)
    again = caller(**{"If-None-Match": first["ETag"]}).get(ROOT + path)
    ClinicFactory(code="new")
    DoctorFactory()
    changed = caller(**{"If-None-Match": first["ETag"]}).get(ROOT + path)

    assert (again.status_code, again.content, changed.status_code) == (304, b"", 200)
    assert refusal(caller().get(ROOT + path, {"colour": "red"})) == (400, "unknown_parameter")
    assert refusal(caller().post(ROOT + path, {})) == (405, "method_not_allowed")


def test_wrong_values_are_named():
    query = {"department": "x", "available_from": "tomorrow", "q": "x" * 81}

    assert wrong_fields(caller().get(ROOT + "doctors/", query)).keys() == query.keys()
    turned = {"available_from": "2026-11-27", "available_to": "2026-11-26"}
    assert wrong_fields(caller().get(ROOT + "doctors/", turned)) == {
        "available_to": "contradiction"
    }


@pytest.mark.parametrize("path", ["clinics/", "departments/", "doctors/"])
def test_a_page_costs_one_query_whatever_its_length(path, django_assert_num_queries):
    for _ in range(5):
        DoctorFactory()

    with django_assert_num_queries(1):
        listed(path)


@pytest.mark.parametrize("read", [selectors.clinics, selectors.departments, doctors_now])
def test_with_a_replica_the_catalogue_is_read_there(read, settings, monkeypatch):
    assert read().db == "default"

    monkeypatch.setitem(settings.DATABASES, "replica", settings.DATABASES["default"])

    assert read().db == "replica"
