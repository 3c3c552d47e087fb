"""Is every page Chinese when Chinese is asked for, down to labels that only screen readers hear?"""

import re
import uuid
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from appointments.models import Appointment
from appointments.services.cancelling import cancel_appointment
from appointments.services.holds import expire_lapsed_holds
from medbook import clock
from members.choices import Relation
from members.models import Suspension
from tests.appointments.booking import book, call_off, fill, hold
from tests.factories import (
    DoctorFactory,
    FamilyLinkFactory,
    MemberFactory,
    PatientFactory,
    PrivilegeFactory,
    TierFactory,
    schedule_with_slots,
)
from tests.members.messages import delivered

pytestmark = pytest.mark.django_db

SAID = {"alt", "aria-label", "placeholder", "title", "content"}
SAID_LATER = {"data-busy", "data-still-busy", "data-lost", "data-left", "data-over", "data-text"}
NOT_FOR_PEOPLE = {"viewport", "theme-color", "htmx-config", "color-scheme"}
# The other language's own name, an abbreviation, and doctors in their second script.
MEANT = ("English", "UTC", "Shen Yun", "Chen Wei")
CODES = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{\w+\}"  # of a request; gaps to be filled


class Words(HTMLParser):
    """Collect what a page says, in sight or to a screen reader."""

    def __init__(self):
        super().__init__()
        self.texts = []
        self._is_code = False

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self._is_code = tag in ("script", "style", "code", "textarea")
        if tag == "meta" and (given.get("name") in NOT_FOR_PEOPLE or "http-equiv" in given):
            return
        self.texts += [given[name] or "" for name in given if name in SAID | SAID_LATER]

    def handle_endtag(self, tag):
        self._is_code = False

    def handle_data(self, data):
        if not self._is_code:
            self.texts.append(data)


def english(page):
    """Find words of two letters or more that are not meant."""
    words = Words()
    words.feed(page)
    references = Appointment.objects.values_list("reference", flat=True)
    parts = [part for each in references for part in (each, each[:5], each[5:])]
    left = re.compile("|".join([*map(re.escape, [*parts, *MEANT]), CODES]))
    return {
        word for text in words.texts for word in re.findall(r"[A-Za-z]{2,}", left.sub(" ", text))
    }


def told(answer):
    """Read a page that was answered, whatever its status."""
    assert 'lang="zh-hans"' in answer.text
    return english(answer.text)


def test_a_stray_word_would_be_found():
    assert english('<p aria-label="Back to">预约 booked {time}<code>fee</code></p>') == {
        "Back",
        "to",
        "booked",
    }


@pytest.fixture
def alice():
    tiers = [
        TierFactory(code=code, name_zh=name)
        for code, name in (("member", "普通会员"), ("gold", "金卡"), ("jade", "翡翠卡"))
    ]
    PrivilegeFactory(tier=tiers[1], key="discount_rate", value="0.9")
    PrivilegeFactory(tier=tiers[2], key="early_access_minutes", value="30")
    own = FamilyLinkFactory(member=MemberFactory(tier=tiers[1]), patient__name="欧阳娜娜")
    FamilyLinkFactory(
        member=own.member, relation=Relation.CHILD, patient=PatientFactory(name="欧阳小明")
    )
    return own.member


@pytest.fixture
def page(client, alice):
    client.force_login(alice.user)
    return lambda address: client.get(f"/zh-hans/{address}")


@pytest.fixture
def shen():
    return DoctorFactory(slug="shen-yun", name_en="Shen Yun", name_zh="沈云")


@pytest.fixture
def days():
    today = clock.local_date(clock.now(), "Asia/Shanghai")
    return [today + timedelta(number) for number in range(1, 8)]


def test_finding_a_doctor(page, shen, days):
    schedule_with_slots(9, doctor=shen, service_date=days[0])
    fill(schedule_with_slots(2, doctor=shen, service_date=days[1]), 1)
    fill(schedule_with_slots(1, doctor=shen, service_date=days[2]))
    call_off(schedule_with_slots(2, doctor=shen, service_date=days[3]))
    for day, wait in ((days[4], timedelta(minutes=20)), (days[5], timedelta(hours=20))):
        schedule_with_slots(2, doctor=shen, service_date=day, release_at=clock.now() + wait)
    addresses = ["", "doctors/", "doctors/?q=沈&half=morning", "doctors/?q=无&title=chief"]
    addresses += ["doctors/?department=无"]

    for address in [*addresses, *(f"doctors/shen-yun/?day={day}" for day in days)]:
        assert told(page(address)) == set(), address


def test_booking_and_giving_back(page, alice, shen, days):
    in_time = book(alice, schedule_with_slots(3, doctor=shen, service_date=days[3]), key="a")
    back = book(alice, schedule_with_slots(3, doctor=shen, service_date=days[4]), key="b")
    cancel_appointment(appointment_uid=back.uid, by=alice.user, now=clock.now())
    off = schedule_with_slots(3, doctor=shen, service_date=days[5])
    called_off = book(alice, off, key="c")
    call_off(off)
    soon = clock.now() + timedelta(hours=4)
    late = book(
        alice,
        schedule_with_slots(
            2,
            service_date=days[0],
            starts_at=soon,
            ends_at=soon + timedelta(hours=3),
            release_at=clock.now() - timedelta(days=1),
            sale_stops_at=clock.now() + timedelta(hours=1),
        ),
        key="d",
    )
    an_hour_ago = clock.now() - timedelta(hours=1)
    over = hold(alice, schedule_with_slots(3, doctor=shen), key="e", now=an_hour_ago)
    expire_lapsed_holds(now=clock.now())
    held = hold(alice, schedule_with_slots(3, service_date=days[1]), key="f")

    for visit in (in_time, back, called_off, late, over, held):
        for name in ("", "confirm/", "booked/", "cancel/"):
            address = f"appointments/{visit.reference}/{name}"
            answer = page(address)
            if answer.status_code != 302:
                assert told(answer) == set(), address
    for address in ("", "appointments/", "appointments/?view=past", "appointments/?view=cancelled"):
        assert told(page(address)) == set(), address


def test_refused_and_unfinished_forms(client, page, alice, shen):
    schedule = schedule_with_slots(2, doctor=shen)
    visit = hold(alice, schedule)
    suspended = {
        "schedule_uid": schedule.uid,
        "starts_at": schedule.slots.get(number=2).starts_at.isoformat(),
        "idempotency_key": uuid.uuid4(),
    }
    Suspension.objects.create(
        member=alice,
        starts_at=clock.now(),
        ends_at=clock.now() + timedelta(days=30),
        reason="爽约",
    )

    assert told(client.post(f"/zh-hans/appointments/{visit.reference}/confirm/", {})) == set()
    assert told(client.post("/zh-hans/book/", {})) == set()
    assert told(client.post("/zh-hans/book/", suspended)) == set()


@pytest.mark.parametrize(
    ("form", "answers"),
    [
        ("sign-in", {}),
        ("sign-in", {"login": "13800000003", "password": "wrong"}),
        ("sign-up", {}),
        ("sign-in/code", {}),
        ("sign-up", {"phone": "1"}),
        ("reset-password", {}),
    ],
)
def test_strangers_and_their_forms(client, form, answers):
    assert told(client.get("/zh-hans/membership/")) == set()
    assert told(client.get(f"/zh-hans/{form}/")) == set()
    assert told(client.post(f"/zh-hans/{form}/", answers)) == set()


@pytest.mark.parametrize("form", ["sign-in/code", "sign-up", "reset-password"])
def test_codes_and_their_forms(client, form):
    address = f"/zh-hans/{form}/"
    client.post(address, {"phone": "13800000003", "terms": "on", "sensitive_data": "on"})

    for answers in ({}, {"code": "1"}, {"code": "123456", "password": "password123"}):
        assert told(client.post(address, answers)) == set()
    assert told(client.get(address)) == set()
    assert told(client.post(address, {"again": "yes"})) == set()
    for _ in range(5):
        answer = client.post(address, {"code": "123456", "password": "eine lange Wendung"})
    assert answer.status_code == 429
    assert told(answer) == set()


def test_membership(page):
    assert told(page("membership/")) == set()


@pytest.mark.parametrize("address", ["nowhere/", "doctors/nobody/", "appointments/0000000000/"])
def test_addresses_that_lead_nowhere_answer_alike(page, address):
    answer = page(address)

    assert answer.status_code == 404
    assert "<h1>这里没有内容</h1>" in answer.text
    assert told(answer) == set()


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_error_pages(status):
    with translation.override("zh-hans"):
        assert english(render_to_string(f"{status}.html")) == set()


def test_a_form_that_was_open_for_too_long():
    answer = Client(enforce_csrf_checks=True).post("/zh-hans/sign-in/", {})

    assert answer.status_code == 403
    assert told(answer) == set()


def test_the_confirmation_by_mail(alice, shen):
    alice.email = "alice@example.org"
    alice.save()
    alice.user.language = "zh-hans"
    alice.user.save()
    book(alice, schedule_with_slots(3, doctor=shen))
    mail.outbox.clear()

    delivered(now=clock.now() + timedelta(days=1))  # after the quiet hours

    [message] = mail.outbox
    assert english(message.subject) == set()
    assert english(re.sub(r"https?://\S+", "", message.body)) == set()
