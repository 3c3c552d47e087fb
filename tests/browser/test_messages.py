"""Are the inbox and its settings accessible, narrow enough, and of use without scripts?"""

from datetime import timedelta

import pytest

from medbook import clock
from medbook.outbox.services import dispatch_due_messages
from members.services.messages import notify_member
from tests.appointments.booking import book, call_off
from tests.browser.test_pages import looked_at
from tests.factories import member_with_patient, schedule_with_slots

INBOX, WAYS = "/en/inbox/", "/en/inbox/settings/"


@pytest.fixture
def alice():
    member = member_with_patient(email="alice@example.org")
    first = schedule_with_slots(3)
    later = first.service_date + timedelta(days=1)
    schedules = [first, schedule_with_slots(3, service_date=later)]
    for number, schedule in enumerate(schedules):
        book(member, schedule, key=str(number))
    call_off(schedules[0])
    dispatch_due_messages(now=clock.now())
    read = member.notifications.order_by("id")[0]
    notify_member(
        member=member, kind="code", key="x" * 120, facts={"code": "9" * 80}, now=clock.now()
    )
    read.read_at = clock.now()
    read.save()
    return member


@pytest.mark.parametrize("path", [INBOX, f"{INBOX}?kind=appointment_booked", WAYS])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_is_accessible_and_fits(visitor, alice, path, language):
    page = visitor(alice)

    page.goto(path.replace("/en/", f"/{language}/"))

    assert looked_at(page) == []


def test_an_empty_inbox_is_accessible_and_fits(visitor):
    page = visitor(member_with_patient())

    page.goto(INBOX)

    assert looked_at(page) == []


def test_works_without_scripts(visitor, alice):
    page = visitor(alice, java_script_enabled=False)

    page.goto(INBOX)
    page.get_by_role("button", name="Mark all as read").click()
    assert page.get_by_role("button", name="Mark as read").count() == 0
    page.get_by_role("link", name="How you are told").click()
    box = page.get_by_role("checkbox", name="Confirmations of bookings, SMS")
    box.uncheck()
    page.get_by_label("Quiet from").fill("22:15")
    page.get_by_role("button", name="Save").click()

    assert not page.get_by_role("checkbox", name="Confirmations of bookings, SMS").is_checked()
    assert page.get_by_label("Quiet from").input_value() == "22:15"


def test_a_message_leads_to_the_visit(visitor, alice):
    page = visitor(alice)

    page.goto(f"{INBOX}?kind=appointment_called_off")
    page.get_by_role("button", name="Open").first.click()

    page.wait_for_url("**/en/appointments/*/")
    assert alice.notifications.get(kind="appointment_called_off").read_at is not None


@pytest.mark.parametrize("width", [320, 360])
def test_the_number_of_unread_messages_is_not_cut_off(visitor, alice, width):
    for number in range(10):
        notify_member(
            member=alice, kind="code", key=str(number), facts={"code": "1"}, now=clock.now()
        )
    page = visitor(alice, width=width)

    page.goto("/en/appointments/")

    count = page.locator(".me > summary .count")
    assert int(count.evaluate("count => count.firstChild.data")) > 9
    box = count.bounding_box()
    assert box["x"] + box["width"] <= width
