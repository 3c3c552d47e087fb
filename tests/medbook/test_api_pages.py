"""Lists come in pages by signed cursors, in which nothing is doubled or left out."""

from datetime import timedelta

import pytest
from django.core import signing

from medbook import clock
from tests.api import ROOT, caller, refusal, wrong_fields
from tests.factories import ScheduleFactory, schedule_with_slots

pytestmark = pytest.mark.django_db
LIST = ROOT + "schedules/"


def sessions(count):
    """Make sessions of which pairs begin at the same time."""
    start = clock.now().replace(microsecond=123456) + timedelta(days=2)
    return [
        ScheduleFactory(starts_at=start + timedelta(hours=number // 2)) for number in range(count)
    ]


def walk(client, address, direction="next"):
    """Follow a list to its end; return the ids page by page."""
    pages = []
    while address:
        page = client.get(address).json()
        assert set(page) == {"next", "previous", "results"}
        pages.append([row["id"] for row in page["results"]])
        address = page[direction]
    return pages


def in_order(schedules):
    rows = sorted(schedules, key=lambda s: (s.starts_at, s.uid))
    return [str(schedule.uid) for schedule in rows]


def test_pages_follow_one_another_to_the_end():
    ids = in_order(sessions(7))

    assert walk(caller(), LIST + "?page_size=3") == [ids[:3], ids[3:6], ids[6:]]


def test_pages_lead_back_to_the_beginning():
    ids = in_order(sessions(7))
    client = caller()
    last = client.get(client.get(LIST + "?page_size=3").json()["next"]).json()["next"]

    assert walk(client, last, "previous") == [ids[6:], ids[3:6], ids[:3]]


def test_the_first_page_has_none_before_it_and_the_last_none_after():
    sessions(4)
    client = caller()

    first = client.get(LIST + "?page_size=2").json()
    last = client.get(first["next"]).json()

    assert (first["previous"], last["next"]) == (None, None)
    assert client.get(last["previous"]).json() == first


def test_what_comes_and_goes_doubles_nothing_and_leaves_nothing_out():
    made = sessions(6)
    ids = in_order(made)
    client = caller()
    first = client.get(LIST + "?page_size=3").json()
    by_id = {str(schedule.uid): schedule for schedule in made}

    by_id[ids[0]].delete()
    ScheduleFactory(starts_at=made[0].starts_at - timedelta(hours=5))

    assert walk(client, first["next"]) == [ids[3:]]


def test_a_page_keeps_the_filters():
    doctor = schedule_with_slots(1).doctor
    sessions(3)

    page = caller().get(LIST + f"?page_size=1&state=upcoming&doctor={doctor.uid}").json()

    assert page == {"next": None, "previous": None, "results": []}


@pytest.mark.parametrize("size", ["0", "-1", "101", "1000000000", "1.5", "x", "", "%00"])
def test_a_page_has_between_1_and_100_rows(size):
    assert "page_size" in wrong_fields(caller().get(LIST + f"?page_size={size}"))


@pytest.mark.parametrize("cursor", ["x", "cD0x", "a:b", "WyIwIl0:forged", "é", "%ff", ":", "W10:"])
def test_a_cursor_of_ones_own_making_is_refused(cursor):
    assert refusal(caller().get(LIST + f"?cursor={cursor}")) == (400, "malformed_cursor")


def test_a_cursor_that_was_changed_is_refused():
    sessions(3)
    client = caller()
    link = client.get(LIST + "?page_size=1").json()["next"]

    for place in range(link.index("cursor=") + 7, len(link)):
        changed = link[:place] + ("A" if link[place] != "A" else "B") + link[place + 1 :]
        if "&" not in link[place:]:
            assert client.get(changed).status_code in (400, 422)


def test_a_cursor_of_another_list_is_refused():
    schedule = schedule_with_slots(3)
    client = caller()
    link = client.get(f"{LIST}{schedule.uid}/slots/?page_size=1").json()["next"]

    assert refusal(client.get(LIST + link[link.index("?") :])) == (400, "malformed_cursor")


@pytest.mark.parametrize("position", [[], [0], [0, "x", "y"], {"a": 1}, 5, [0, "2026-01-01", 1, 2]])
def test_a_signed_cursor_of_an_older_form_is_refused(position):
    signer = signing.Signer(salt=f"{LIST}|('starts_at', 'uid')")
    cursor = signer.sign_object(position)

    assert refusal(caller().get(LIST + f"?cursor={cursor}")) == (400, "malformed_cursor")


def test_a_cursor_tells_no_running_number():
    sessions(2)

    link = caller().get(LIST + "?page_size=1").json()["next"]

    said = signing.Signer(salt=f"{LIST}|('starts_at', 'uid')").unsign_object(
        link[link.index("cursor=") + 7 :].split("&")[0].replace("%3A", ":")
    )
    assert [type(part) for part in said] == [int, str, str]
    assert said[0] == 0
