"""Can a guarded address be entered by another method, or spelt another way?"""

from urllib.parse import quote

import pytest

from tests.security import access
from tests.security.routes import every_route
from tests.security.test_access import IN, allowed, expected, knock, outcome
from tests.security.world import ANONYMOUS, BO

METHODS = ("POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND")
REFUSING = (400, 401, 403, 404, 405)


def guarded(person):
    """List the addresses that somebody may not open, in one language."""
    for route in every_route():
        who = allowed(route)
        if route.language != "zh-hans" and expected(route, who, person) != IN:
            yield route


def without_repetition(routes):
    """Leave out most models of the administration: their pages stand behind the same door."""
    for route in routes:
        if route.admin_act is None or route.admin_act[0] == "members.patient":
            yield route


def spellings(path):
    """Write an address in ways that servers and proxies may take for the same."""
    yield path.rstrip("/")
    yield path.upper()
    yield path.replace("/", "//")
    yield "/livez/.." + path
    yield "/livez/%2e%2e" + path
    yield path + "%2e"
    yield path + "%00"
    yield path + ";x=1"
    yield path + "x.css"
    yield quote(path).replace("/", "%2F")
    yield quote(quote(path, safe=""), safe="/")


@pytest.mark.parametrize("person", [ANONYMOUS, BO])
def test_no_method_opens_what_is_closed(world, person):
    surprises = []
    for route in without_repetition(guarded(person)):
        for method in METHODS:
            answer = knock(world, route, person, method)
            kept_out = outcome(answer) != IN or answer.status_code in REFUSING
            if not kept_out:
                surprises.append(f"{method} {route}: {answer.status_code}")

    assert not surprises, "\n".join(surprises)


@pytest.mark.parametrize("person", [ANONYMOUS, BO])
def test_no_spelling_opens_what_is_closed(world, person):
    client, token = world.browser(person), world.token(person)
    surprises = []
    for route in without_repetition(guarded(person)):
        for path in spellings(route.path(world.fill)):
            headers = token if route.is_api else {}
            answer = client.get(path, headers=headers)
            if 200 <= answer.status_code < 300 or answer.status_code >= 500:
                surprises.append(f"{path}: {answer.status_code}")

    assert not surprises, "\n".join(surprises)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_no_header_changes_the_method(world, header):
    path = f"/en/appointments/{world.booked.reference}/cancel/"

    world.browser("Alice").get(path, headers={header: "POST"})

    world.booked.refresh_from_db()
    assert world.booked.state == "booked"


@pytest.mark.parametrize("header", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
def test_no_header_changes_the_address(world, header):
    answer = world.browser(BO).get("/livez", headers={header: "/admin/"})

    assert answer.json() == {"status": "ok"}


def test_the_table_closes_most_addresses():
    assert len(list(guarded(ANONYMOUS))) > 100
    assert access.PAGES_AND_API["members:sign_in"] == access.PUBLIC
