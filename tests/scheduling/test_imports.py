"""How do files of doctors and rosters come in, whole or not at all, and go out again?"""

import csv
import io
import re
import threading
import time as time_module
import uuid
import zipfile
from datetime import date, datetime, time
from decimal import Decimal

import openpyxl
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.translation import override

from medbook.audit.models import OperationLog
from scheduling.models import Doctor, RosterTemplate
from scheduling.services.imports import check_file, export_file, import_file
from scheduling.services.uploads import MOST_ROWS, UnreadableFile, read_table
from tests.factories import (
    ClinicFactory,
    DepartmentFactory,
    DoctorFactory,
    RoomFactory,
    RosterTemplateFactory,
    UserFactory,
    VisitTypeFactory,
)
from tests.scheduling.staff import client_of, scheduler, staff

pytestmark = pytest.mark.django_db
DOCTORS = reverse("admin:scheduling_doctor_import")
ROSTERS = reverse("admin:scheduling_rostertemplate_import")
DOCTOR_LINE = {
    "code": "D0001",
    "name_en": "Chen Wei",
    "name_zh": "陈伟",
    "department": "cardio",
    "title": "Chief physician",
    "gender": "Female",
}
ROSTER_LINE = {
    "doctor": "D0001",
    "room": "R1",
    "visit_type": "first",
    "weekday": "Monday",
    "start_time": "08:00",
    "end_time": "12:00",
    "max_appointments": "12",
    "fee": "180.00",
    "valid_from": "2026-01-01",
}


@pytest.fixture
def hospital():
    """Give East Clinic a department, two doctors, two rooms and a kind of visit."""
    department = DepartmentFactory(code="cardio")
    VisitTypeFactory(code="first")
    for code in ("R1", "R2"):
        RoomFactory(code=code)
    return department


@pytest.fixture
def doctors(hospital):
    return [DoctorFactory(code=code, department=hospital) for code in ("D0001", "D0002")]


def csv_of(*lines, columns=None):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or lines[0])
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def xlsx_of(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def problems(model, content):
    return [
        (one.row, one.column, one.text) for one in check_file(model=model, content=content).problems
    ]


def rosters(*changes):
    return csv_of(
        *({**ROSTER_LINE, **change} for change in changes), columns=[*ROSTER_LINE, "valid_until"]
    )


# What is read


def test_a_file_of_doctors_is_imported(hospital):
    report = import_file(model=Doctor, content=csv_of(DOCTOR_LINE), by=(by := UserFactory()))

    doctor = Doctor.objects.get()
    assert (report.new, report.changed, report.unchanged) == (1, 0, 0)
    assert (doctor.code, doctor.name_zh, doctor.department) == ("D0001", "陈伟", hospital)
    assert (doctor.title, doctor.gender, doctor.is_active) == ("chief", "female", True)
    assert (doctor.slug, doctor.search_text) == ("chen-wei-d0001", "chen wei 陈伟 chenwei cw d0001")
    log = OperationLog.objects.get(action="catalogue.imported")
    assert (log.actor_uid, log.facts["new"]) == (by.uid, 1)


def test_an_import_sets_no_sequence_for_which_the_application_has_no_right(hospital):
    with CaptureQueriesContext(connection) as asked:
        import_file(model=Doctor, content=csv_of(DOCTOR_LINE), by=UserFactory())

    assert Doctor.objects.count() == 1
    assert [query["sql"] for query in asked if "setval" in query["sql"]] == []


def test_a_roster_line_is_one_template(doctors):
    import_file(
        model=RosterTemplate, content=rosters({"valid_until": "2026-6-30"}), by=UserFactory()
    )

    template = RosterTemplate.objects.get()
    assert (template.doctor, template.room.code, template.visit_type.code) == (
        doctors[0],
        "R1",
        "first",
    )
    assert (template.weekday, template.start_time, template.end_time) == (0, time(8), time(12))
    assert (template.max_appointments, template.fee) == (12, Decimal("180.00"))
    assert (template.valid_from, template.valid_until) == (date(2026, 1, 1), date(2026, 6, 30))


@pytest.mark.parametrize(
    ("said", "weekday"),
    [("1", 0), ("7", 6), ("wednesday", 2), ("SUN", 6), ("周三", 2), ("星期天", 6), ("礼拜一", 0)],
)
def test_weekdays_have_many_names(said, weekday, doctors):
    import_file(model=RosterTemplate, content=rosters({"weekday": said}), by=UserFactory())

    assert RosterTemplate.objects.get().weekday == weekday


def test_an_excel_workbook_is_read_as_people_see_it(doctors):
    header = list(ROSTER_LINE)
    line = [
        "D0001",
        "R1",
        "first",
        1,
        time(8),
        time(12),
        12.0,
        180.5,
        datetime.fromisoformat("2026-01-01"),
    ]
    book = xlsx_of(header, [None] * 9, line)

    report = import_file(model=RosterTemplate, content=book, by=UserFactory())

    assert report.new == 1
    template = RosterTemplate.objects.get()
    assert (template.start_time, template.fee) == (time(8), Decimal("180.50"))
    assert template.valid_from == date(2026, 1, 1)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_may_have_a_byte_order_mark_and_other_delimiters(delimiter, hospital):
    content = "\ufeff" + csv_of(DOCTOR_LINE).decode().replace(",", delimiter)

    assert check_file(model=Doctor, content=content.encode()).new == 1


def test_a_room_may_name_its_clinic(doctors):
    report = check_file(model=RosterTemplate, content=rosters({"room": "east/R1"}))

    assert (report.new, report.problems) == (1, [])


def test_importing_the_same_file_again_changes_nothing(doctors):
    content = rosters({}, {"weekday": "Tuesday"})
    import_file(model=RosterTemplate, content=content, by=UserFactory())

    report = import_file(model=RosterTemplate, content=content, by=UserFactory())

    assert (report.new, report.changed, report.unchanged) == (0, 0, 2)


def test_a_line_with_the_same_key_changes_what_there_is(doctors):
    import_file(model=RosterTemplate, content=rosters({}), by=UserFactory())

    report = import_file(
        model=RosterTemplate, content=rosters({"fee": "200", "end_time": "11:00"}), by=UserFactory()
    )

    assert (report.new, report.changed) == (0, 1)
    template = RosterTemplate.objects.get()
    assert (template.fee, template.end_time) == (Decimal("200.00"), time(11))


def test_renaming_doctors_by_file_keeps_addresses_and_finds_the_new_name(hospital):
    import_file(model=Doctor, content=csv_of(DOCTOR_LINE), by=UserFactory())

    import_file(
        model=Doctor, content=csv_of(DOCTOR_LINE | {"name_en": "Wei Chen-Li"}), by=UserFactory()
    )

    doctor = Doctor.objects.get()
    assert (doctor.slug, "wei chen li" in doctor.search_text) == ("chen-wei-d0001", True)


def test_a_file_may_swap_two_rooms(doctors):
    import_file(
        model=RosterTemplate,
        content=rosters({}, {"doctor": "D0002", "room": "R2"}),
        by=UserFactory(),
    )

    report = import_file(
        model=RosterTemplate,
        content=rosters({"room": "R2"}, {"doctor": "D0002", "room": "R1"}),
        by=UserFactory(),
    )

    assert (report.changed, report.problems) == (2, [])


# What is refused, by row and column


@pytest.mark.parametrize(
    ("change", "column", "told"),
    [
        ({"doctor": "D9999"}, "doctor", "There is no “D9999”."),
        ({"doctor": ""}, "doctor", "This cell is empty."),
        ({"room": "R9"}, "room", "There is no “R9”."),
        ({"visit_type": "nap"}, "visit_type", "There is no “nap”."),
        ({"weekday": "0"}, "weekday", "“0” is none of: Monday, Tuesday, Wednesday, Thursday,"),
        ({"start_time": "25:00"}, "start_time", "“25:00” is not a time; write 08:00."),
        ({"start_time": "8 o'clock"}, "start_time", "“8 o'clock” is not a time; write 08:00."),
        ({"end_time": "08:00"}, "end_time", "The end must come after the start."),
        ({"end_time": "20:01"}, "end_time", "A session lasts 12 hours at most."),
        ({"max_appointments": "twelve"}, "max_appointments", "“twelve” is not a whole number."),
        ({"max_appointments": "0"}, "max_appointments", "Ensure this value is greater than"),
        ({"max_appointments": "99999"}, "max_appointments", "Ensure this value is less than"),
        ({"fee": "1.80.0"}, "fee", "“1.80.0” is not an amount; write 180.00."),
        ({"fee": "180.005"}, "fee", "Ensure that there are no more than 2 decimal places."),
        ({"fee": "-1"}, "fee", "Ensure this value is greater than or equal to 0."),
        ({"fee": "99999999999"}, "fee", "Ensure that there are no more than"),
        ({"valid_from": "01/02/2026"}, "valid_from", "“01/02/2026” is not a date; write"),
        ({"valid_from": "2026-02-30"}, "valid_from", "“2026-02-30” is not a date; write"),
        ({"valid_until": "2025-12-31"}, "valid_until", "The last day must not come before"),
        ({"fee": "=1+1"}, "fee", "This cell holds a formula. Please write the value itself."),
        ({"room": "R\x01"}, "room", "This cell holds characters that are no text."),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column_and_nothing_is_imported(
    change, column, told, doctors
):
    content = rosters({}, {"weekday": "Tuesday"} | change)

    [(row, named, text)] = problems(RosterTemplate, content)
    report = import_file(model=RosterTemplate, content=content, by=UserFactory())

    assert (row, named) == (3, column)
    assert text.startswith(told)
    assert not report.is_clean
    assert not RosterTemplate.objects.exists()
    assert not OperationLog.objects.exists()


@pytest.mark.parametrize(
    ("change", "column", "told"),
    [
        ({"department": "x"}, "department", "There is no “x”."),
        ({"title": "Guru"}, "title", "“Guru” is none of: Chief physician,"),
        ({"name_zh": ""}, "name_zh", "This cell is empty."),
        ({"name_en": "x" * 81}, "name_en", "Ensure this value has at most 80 characters"),
        ({"code": "x" * 21}, "code", "Ensure this value has at most 20 characters"),
        ({"is_active": "maybe"}, "is_active", "“maybe” is neither yes nor no."),
    ],
)
def test_a_bad_cell_of_a_doctor_is_named(change, column, told, hospital):
    content = csv_of(
        DOCTOR_LINE, {**DOCTOR_LINE, "code": "D2", **change}, columns=[*DOCTOR_LINE, "is_active"]
    )

    [(row, named, text)] = problems(Doctor, content)

    assert (row, named) == (3, column)
    assert text.startswith(told)


def test_all_bad_cells_are_told_at_once_in_order(doctors):
    content = rosters({"fee": "x", "doctor": "D9"}, {}, {"weekday": "never", "start_time": "x"})

    assert [(row, column) for row, column, _text in problems(RosterTemplate, content)] == [
        (2, "doctor"),
        (2, "fee"),
        (4, "start_time"),
        (4, "weekday"),
    ]


def test_two_rows_that_clash_are_both_named(doctors):
    content = rosters(
        {},
        {"weekday": "Tuesday"},
        {"room": "R2", "start_time": "11:00"},
        {"doctor": "D0002", "end_time": "09:00"},
    )

    assert problems(RosterTemplate, content) == [
        (
            4,
            "doctor",
            "This clashes with row 2: Chen Wei already sits Monday 08:00–12:00 in room R1.",
        ),
        (5, "room", "This clashes with row 2: Room R1 is used by Chen Wei Monday 08:00–12:00."),
    ]


def test_a_clash_with_an_unchanged_row_names_that_row(doctors):
    import_file(model=RosterTemplate, content=rosters({}), by=UserFactory())

    [(row, _column, text)] = problems(RosterTemplate, rosters({}, {"start_time": "09:00"}))

    assert (row, text.split(":")[0]) == (3, "This clashes with row 2")


def test_a_row_that_clashes_with_the_roster_names_the_template(doctors):
    template = RosterTemplateFactory(
        doctor=doctors[0], room__code="R7", start_time=time(7), end_time=time(9)
    )

    assert problems(RosterTemplate, rosters({})) == [
        (
            2,
            "doctor",
            f"This clashes with roster template {template.pk}:"
            " Chen Wei already sits Monday 07:00–09:00 in room R7.",
        )
    ]


def test_blank_lines_are_skipped_and_counted(doctors):
    header, line = rosters({"fee": "x"}).split(b"\r\n")[:2]
    content = b"\r\n".join([header, b",,,,,,,,,", b"", line])

    assert [row for row, _column, _text in problems(RosterTemplate, content)] == [4]


def test_a_line_given_twice_is_named(doctors):
    assert problems(RosterTemplate, rosters({}, {"room": "R2"})) == [
        (3, "doctor", "This repeats row 2.")
    ]


def test_two_doctors_cannot_have_one_address_name(hospital):
    content = csv_of(DOCTOR_LINE | {"code": "D-1"}, DOCTOR_LINE | {"code": "D 1"})

    assert problems(Doctor, content) == [
        (3, "code", "The staff number is too much like that of doctor D-1.")
    ]


def test_a_room_of_another_clinic_is_refused(doctors):
    RoomFactory(clinic=ClinicFactory(code="west"), code="W1")

    assert problems(RosterTemplate, rosters({"room": "west/W1"})) == [
        (2, "room", "This room is in another clinic than the doctor.")
    ]


# Broken files


def bomb():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b" " * (101 * 1024 * 1024))
    return out.getvalue()


def plain_zip():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("holiday.txt", "sun")
    return out.getvalue()


BROKEN = {
    "empty": (b"", "The file is empty."),
    "blank": (b" \r\n \r\n", "The file is empty."),
    "header only": (csv_of(DOCTOR_LINE).split(b"\r\n")[0], "There are no rows below"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "This is neither CSV in UTF-8 nor"),
    "NUL": (csv_of(DOCTOR_LINE).replace(b"Chen", b"Ch\0en"), "This is neither CSV"),
    "GBK": (csv_of(DOCTOR_LINE).decode().encode("gbk"), "The file is not in UTF-8."),
    "UTF-16": (csv_of(DOCTOR_LINE).decode().encode("utf-16"), "This is neither CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, "This is an old Excel"),
    "cut Excel": (xlsx_of(list(DOCTOR_LINE))[:1000], "This Excel workbook is damaged"),
    "zip": (plain_zip(), "This Excel workbook is damaged"),
    "no sheet": (xlsx_of(), "Missing columns in row 1"),
    "quotes": (csv_of(DOCTOR_LINE) + b'D2,"Chen', "Line 3 is not well-formed CSV"),
    "headers": (b"name,age\r\nChen,40\r\n", "Missing columns in row 1: code, name_en, name_zh"),
    "unknown": (
        csv_of(DOCTOR_LINE | {"salary": "1"}),
        "Unknown columns in row 1: salary.",
    ),
    "doubled": (
        csv_of(DOCTOR_LINE).replace(b"code,", b"code,code,", 1),
        "Columns twice in row 1: code.",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_explained(name, hospital):
    content, told = BROKEN[name]

    client = client_of(scheduler())
    response = client.post(DOCTORS, {"file": SimpleUploadedFile("doctors.csv", content)})

    assert response.status_code == 422
    if content:  # Django itself explains a file of no bytes
        [text] = response.context["form"].errors["file"]
        assert text.startswith(told)


def test_a_bomb_is_not_unpacked(hospital):
    with pytest.raises(UnreadableFile) as refusal:
        check_file(model=Doctor, content=bomb())

    assert refusal.value.detail == "This workbook is too large."


def test_more_rows_than_one_can_look_over_are_refused():
    content = b"code\n" + b"D\n" * (MOST_ROWS + 1)

    with pytest.raises(UnreadableFile) as refusal:
        read_table(content, known=["code"], required=["code"])

    assert refusal.value.detail == f"More than {MOST_ROWS} rows; please split the file."


def test_a_row_with_more_cells_than_columns_is_named(hospital):
    assert problems(Doctor, csv_of(DOCTOR_LINE) + b"a,b,c,d,e,f,g\r\n")[0][:1] == (3,)


def test_a_workbook_s_formula_is_not_taken_for_its_value(hospital):
    line = [*DOCTOR_LINE.values()]
    line[1] = '=HYPERLINK("http://evil")'

    assert problems(Doctor, xlsx_of(list(DOCTOR_LINE), line)) == [
        (2, "name_en", "This cell holds a formula. Please write the value itself.")
    ]


# The pages


def upload(client, address, content, name="roster.csv"):
    return client.post(address, {"file": SimpleUploadedFile(name, content)})


def test_a_file_is_checked_then_imported_on_a_second_press(doctors):
    client = client_of(scheduler())

    checked = upload(client, ROSTERS, rosters({}, {"weekday": "Tuesday"}))
    assert "2 new, 0 changed, 0 unchanged. Nothing has been written yet." in checked.text
    assert not RosterTemplate.objects.exists()

    done = client.post(ROSTERS, {"token": checked.context["token"]}, follow=True)
    assert "Imported: 2 new, 0 changed, 0 unchanged." in done.text
    assert RosterTemplate.objects.count() == 2


def test_a_page_names_both_lines_of_a_clash(doctors):
    client = client_of(scheduler())

    response = upload(client, ROSTERS, rosters({}, {"room": "R2", "start_time": "09:00"}))

    assert response.status_code == 422
    cells = re.findall(r"<td>(.*?)</td>", response.text)
    assert cells[-3:] == [
        "3",
        "doctor",
        "This clashes with row 2: Chen Wei already sits Monday 08:00–12:00 in room R1.",
    ]
    assert not re.search(r"<[^>]+\sstyle=|<script(?![^>]+src=)", response.text)


def test_a_check_is_good_for_its_own_person_once_and_not_forever(doctors):
    mine, other = client_of(scheduler()), client_of(scheduler())
    token = upload(mine, ROSTERS, rosters({})).context["token"]

    assert other.post(ROSTERS, {"token": token}).status_code == 422
    assert mine.post(ROSTERS, {"token": token}).status_code == 302
    assert mine.post(ROSTERS, {"token": token}).status_code == 422
    assert mine.post(ROSTERS, {"token": "x"}).status_code == 422
    assert mine.post(ROSTERS, {"token": uuid.uuid4()}).status_code == 422
    assert RosterTemplate.objects.count() == 1

    token = upload(mine, ROSTERS, rosters({"weekday": "2"})).context["token"]
    cache.clear()
    late = mine.post(ROSTERS, {"token": token})
    assert "The check is too old." in late.text


def test_what_clashes_since_the_check_is_not_imported(doctors):
    client = client_of(scheduler())
    token = upload(client, ROSTERS, rosters({})).context["token"]
    template = RosterTemplateFactory(doctor=doctors[0], start_time=time(7))

    late = client.post(ROSTERS, {"token": token})

    assert late.status_code == 422
    assert f"roster template {template.pk}" in late.text
    assert RosterTemplate.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_roster_that_somebody_changes_at_this_moment_is_not_overwritten(doctors):
    client = client_of(scheduler())
    token = upload(client, ROSTERS, rosters({})).context["token"]
    is_written = threading.Event()

    def roster_beside():
        with transaction.atomic():
            RosterTemplateFactory(doctor=doctors[0], start_time=time(7))
            is_written.set()
            time_module.sleep(0.3)  # the import waits for this transaction to end
        connection.close()

    thread = threading.Thread(target=roster_beside)
    thread.start()
    is_written.wait(5)
    late = client.post(ROSTERS, {"token": token})
    thread.join()

    assert late.status_code == 422
    assert "Somebody changed the roster in the meantime." in late.text
    assert RosterTemplate.objects.get().start_time == time(7)


@pytest.mark.parametrize("codenames", [[], ["view_doctor"], ["view_doctor", "add_doctor"]])
def test_importing_needs_the_rights_to_add_and_to_change(codenames, hospital):
    client = client_of(staff(*codenames))

    assert client.get(DOCTORS).status_code == 403
    assert upload(client, DOCTORS, csv_of(DOCTOR_LINE)).status_code == 403
    assert not Doctor.objects.exists()


def test_a_file_over_5_mb_is_refused(hospital):
    response = upload(client_of(scheduler()), DOCTORS, b"x" * (5 * 1024 * 1024 + 1))

    assert response.context["form"].errors == {"file": ["The file is larger than 5 MB."]}


# Export


def exported(client, name, **query):
    return client.get(reverse(f"admin:scheduling_{name}_export"), query)


def test_an_export_can_be_imported_again(doctors):
    RosterTemplateFactory(doctor=doctors[0], room__code="R5", valid_until=date(2026, 6, 30))
    client = client_of(scheduler())

    for model, name in ((Doctor, "doctor"), (RosterTemplate, "rostertemplate")):
        for file_format in ("csv", "xlsx"):
            with override("zh-hans"):
                content = exported(client, name, format=file_format).content
            report = check_file(model=model, content=content)
            assert (report.problems, report.new, report.changed) == ([], 0, 0)
            assert report.unchanged == model.objects.count()


def test_an_export_follows_the_filters_and_is_logged(doctors):
    DoctorFactory(code="D7", is_active=False, department=doctors[0].department)
    client = client_of(by := scheduler())

    response = exported(client, "doctor", format="csv", is_active__exact="0")

    lines = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [line["code"] for line in lines] == ["D7"]
    assert re.fullmatch(
        r'attachment; filename="doctor-\d{4}-\d\d-\d\d\.csv"', response["Content-Disposition"]
    )
    log = OperationLog.objects.get(action="export.made")
    assert (log.actor_uid, log.facts) == (by.uid, {"model": "scheduling.doctor", "rows": 1})


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_no_exported_text_is_taken_for_a_formula_and_it_comes_back_as_it_was(sign, hospital):
    doctor = DoctorFactory(name_en=f"{sign}HYPERLINK(1)", department=hospital)

    content = export_file(rows=Doctor.objects.all(), file_format="csv", by=UserFactory())

    assert f"'{sign}HYPERLINK(1)" in content.decode()
    report = check_file(model=Doctor, content=content)
    assert (report.problems, report.unchanged) == ([], 1), doctor


def test_an_export_needs_the_right_to_look_and_a_known_format(doctors):
    assert exported(client_of(staff("view_room")), "doctor", format="csv").status_code == 403
    assert exported(client_of(scheduler()), "doctor", format="pdf").status_code == 404
    viewer = client_of(staff("view_doctor"))
    assert exported(viewer, "doctor", format="csv").status_code == 200
    assert viewer.post(reverse("admin:scheduling_doctor_export")).status_code == 405


# At scale


def test_2000_roster_lines_cost_a_few_queries(hospital, django_assert_max_num_queries):
    made = [
        Doctor(
            code=f"D{n:04d}",
            department=hospital,
            name_en=f"Doctor {n}",
            name_zh="陈伟",
            title="chief",
            gender="female",
        )
        for n in range(200)
    ]
    for doctor in made:
        doctor.fill_in()
    Doctor.objects.bulk_create(made)
    for n in range(200):
        RoomFactory(code=f"X{n}")
    content = rosters(
        *(
            {
                "doctor": f"D{n:04d}",
                "room": f"X{n}",
                "weekday": str(day),
                "start_time": start,
                "end_time": end,
            }
            for n in range(200)
            for day in range(1, 6)
            for start, end in (("08:00", "12:00"), ("13:00", "17:00"))
        )
    )

    with django_assert_max_num_queries(30):
        report = check_file(model=RosterTemplate, content=content)

    assert (report.new, report.problems) == (2000, [])
