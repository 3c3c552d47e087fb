import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.test import Client

from medbook import clock
from medbook.audit.models import OperationLog
from medbook.jobs.models import Job
from medbook.jobs.services import run_due_jobs
from members.choices import ConsentState, Relation
from members.errors import ExportRunning, TooManyExports
from members.services.exporting import start_export
from tests.appointments.booking import book
from tests.factories import (
    FamilyLinkFactory,
    PatientFactory,
    member_with_patient,
    resident_id,
    schedule_with_slots,
)

pytestmark = pytest.mark.django_db(transaction=True)
NUMBER = resident_id(77)


def signed_in(member):
    client = Client(raise_request_exception=False)
    client.force_login(member.user, "django.contrib.auth.backends.ModelBackend")
    return client


def exported(member, now=None):
    """Ask for an export, let the worker do it, and open the file."""
    job = start_export(member=member, by=member.user, now=now or clock.now())
    assert run_due_jobs(now=clock.now()) == 1
    job.refresh_from_db()
    with zipfile.ZipFile(io.BytesIO(job.result.reveal())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def told(member):
    return json.loads(exported(member)["export.json"])["tables"]


@pytest.fixture
def alice():
    member = member_with_patient(phone="+8613912340077")
    member.email = "alice@example.org"
    member.save()
    patient = member.links.get().patient
    patient.name, patient.identity_number = "陈爱丽", NUMBER
    patient.save()
    return member


def test_the_file_tells_what_is_known_about_a_member(alice):
    tables = told(alice)

    assert tables["members.member"][0]["phone"] == "+8613912340077"
    assert tables["members.member"][0]["email"] == "alice@example.org"
    assert tables["members.patient"][0]["name"] == "陈爱丽"
    assert tables["members.patient"][0]["identity_number"] == NUMBER
    assert len(tables["members.consent"]) == 2


def test_the_file_tells_of_visits_and_bills_and_of_nobody_elses(alice):
    bo = member_with_patient()
    schedule = schedule_with_slots(3)
    mine, other = book(alice, schedule), book(bo, schedule, key="bo")

    tables = told(alice)

    assert [row["reference"] for row in tables["appointments.appointment"]] == [mine.reference]
    assert len(tables["billing.invoice"]) == 1
    assert other.reference not in json.dumps(tables)


def test_a_calendar_comes_along(alice):
    visit = book(alice, schedule_with_slots(3))

    calendar = exported(alice)["appointments.ics"].decode()

    assert f"UID:{visit.uid}@medbook" in calendar
    assert "DTSTART;TZID=Asia/Shanghai:" in calendar
    assert "Cardiology" not in calendar
    assert calendar.startswith("BEGIN:VCALENDAR\r\n")
    assert all(len(line.encode()) <= 75 for line in calendar.split("\r\n"))


def test_no_password_and_no_index_is_in_the_file(alice):
    tables = json.dumps(told(alice))

    assert "argon2" not in tables
    for name in ("phone_index", "name_index", "token_version", "password"):
        assert name not in tables


@pytest.mark.parametrize(
    ("consent", "is_told"),
    [(ConsentState.GIVEN, True), (ConsentState.DECLARED, False), (ConsentState.WITHDRAWN, False)],
)
def test_of_others_it_is_what_the_member_wrote_until_they_agree(alice, consent, is_told):
    mother = PatientFactory(name="Real Name", identity_number=resident_id(78))
    FamilyLinkFactory(
        member=alice, patient=mother, relation=Relation.PARENT, consent=consent, label="Mum"
    )

    text = json.dumps(told(alice))

    assert "Mum" in text
    assert ("Real Name" in text) is is_told
    assert (resident_id(78) in text) is is_told


def test_a_removed_patient_is_told_no_longer(alice):
    mother = PatientFactory(name="Real Name", identity_number=resident_id(78))
    FamilyLinkFactory(
        member=alice,
        patient=mother,
        relation=Relation.PARENT,
        consent=ConsentState.GIVEN,
        removed_at=clock.now(),
    )

    assert "Real Name" not in json.dumps(told(alice))


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pdf_is_made_with_any_name(alice, language):
    alice.user.language = language
    alice.user.save()
    patient = alice.links.get().patient
    patient.name = "<b>陈</b> & 𠮷野 👩‍⚕️ \u202e" + "长" * 300
    patient.save()

    made = exported(alice)["export.pdf"]

    assert made.startswith(b"%PDF-")
    assert b"%%EOF" in made[-10:]


@pytest.mark.parametrize("font", ["", "/nowhere/font.ttf", __file__])
def test_the_pdf_is_made_without_fonts_on_the_machine(alice, settings, font):
    from members.services import export_pdf

    settings.EXPORT_FONT = font
    export_pdf.font.cache_clear()

    made = exported(alice)["export.pdf"]

    export_pdf.font.cache_clear()
    assert b"STSong-Light" in made


def test_an_export_is_in_the_operation_log_without_what_it_told(alice):
    exported(alice)

    row = OperationLog.objects.get(action="export.made")
    assert (row.actor_uid, row.subject_uid) == (alice.user.uid, alice.uid)
    assert set(row.facts) == {"tables", "rows"}


def test_one_export_runs_at_a_time(alice):
    start_export(member=alice, by=alice.user, now=clock.now())

    with pytest.raises(ExportRunning):
        start_export(member=alice, by=alice.user, now=clock.now())


def test_a_member_stops_an_export_and_nothing_is_kept(alice):
    client = signed_in(alice)
    job = start_export(member=alice, by=alice.user, now=clock.now())
    page = f"/en/account/privacy/export/{job.uid}/"
    assert f'action="{page}cancel/"' in client.get(page).text

    stopped = client.post(f"{page}cancel/", follow=True)

    assert "You have stopped this. Nothing is kept of it." in stopped.text
    assert f'action="{page}cancel/"' not in stopped.text
    assert run_due_jobs(now=clock.now()) == 0
    assert client.post(f"{page}cancel/").status_code == 302
    start_export(member=alice, by=alice.user, now=clock.now())


def test_three_exports_a_day_and_no_fourth(alice):
    now = clock.now()
    for _each in range(3):
        exported(alice, now)

    with pytest.raises(TooManyExports):
        start_export(member=alice, by=alice.user, now=now + timedelta(hours=23, minutes=59))
    assert start_export(member=alice, by=alice.user, now=now + timedelta(days=1, seconds=1))


def test_the_page_starts_it_shows_how_far_it_is_and_hands_it_over(alice):
    browser = signed_in(alice)

    answer = browser.post("/en/account/privacy/export/")
    progress = answer["Location"]
    waiting = browser.get(progress)
    run_due_jobs(now=clock.now())
    done = browser.get(progress, headers={"HX-Request": "true"})
    file = browser.get(f"{progress}file/")

    assert "in a moment" in waiting.text
    assert "Your data is ready." in done.text
    assert "<html" not in done.text
    assert file["Content-Disposition"] == f'attachment; filename="medbook-{alice.number}.zip"'
    assert "no-store" in file["Cache-Control"]
    assert zipfile.is_zipfile(io.BytesIO(file.content))


def test_a_second_press_is_answered_on_the_page(alice):
    browser = signed_in(alice)
    browser.post("/en/account/privacy/export/")

    answer = browser.post("/en/account/privacy/export/")

    assert answer.status_code == 409
    assert "put together already" in answer.text


def test_nobody_else_gets_the_file(alice):
    exported(alice)
    job = Job.objects.get()
    path = f"/en/account/privacy/export/{job.uid}/"

    for page in (path, f"{path}file/"):
        assert signed_in(member_with_patient()).get(page).status_code == 404
        assert "/sign-in/" in Client().get(page)["Location"]


def test_asked_too_early_the_file_leads_to_the_progress(alice):
    job = start_export(member=alice, by=alice.user, now=clock.now())
    path = f"/en/account/privacy/export/{job.uid}/"

    assert signed_in(alice).get(f"{path}file/")["Location"] == path


@pytest.mark.parametrize("page", ["/en/account/privacy/export/{uid}/file/", "/en/account/erase/"])
def test_who_signed_in_long_ago_shows_again_who_they_are(alice, monkeypatch, page):
    exported(alice)
    path = page.format(uid=Job.objects.get().uid)
    browser = signed_in(alice)
    later = clock.now() + timedelta(minutes=16)

    assert browser.get(path).status_code == 200
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = browser.get(path)

    assert answer.status_code == 302
    assert "/sign-in/again/" in answer["Location"]
