"""Can another site act in a signed-in reader's name, or lead readers away?"""

import re
from urllib.parse import quote

import pytest
from django.test import Client

from members.models import Member
from tests.security import access
from tests.security.routes import every_route
from tests.security.test_access import SIGN_IN, allowed, outcome
from tests.security.world import ALICE, ANONYMOUS, SUPERUSER

ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "////evil.example/x",
    "https://evil.example/",
    "http://evil.example",
    "HTTPS://EVIL.EXAMPLE",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http:\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\\/evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    "/\n/evil.example",
    "\r\n//evil.example",
    " //evil.example",
    "//evil.example%2f..",
    "//evil.example\\@testserver",
    "//testserver@evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
    "https://evil.example#testserver",
    "https://evil.example?testserver",
    "//[::1]/",
    "//127.0.0.1:1/",
    "//0x7f000001",
    "//evil。example",
    "//ⓔvil.example",
    "ftp://testserver/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\nscript:alert(1)",
    "\x01javascript:alert(1)",
    "javascript://testserver/%0aalert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "blob:https://evil.example/1",
    "file:///etc/passwd",
    "mailto:x@evil.example",
    "//",
    "///",
    "http://",
    "https://testserver:bad/",
    "https://[testserver/",
    "\x00//evil.example",
    "//evil\x00.example",
    "x" * 5000 + "://evil.example",
]


def state_changing(routes):
    signed = (access.SIGNED, access.NOTIFIED)
    return [route for route in routes if not route.is_api and allowed(route) not in signed]


@pytest.mark.parametrize("person", [ANONYMOUS, ALICE, SUPERUSER])
def test_no_page_takes_a_form_that_is_not_its_own(world, person):
    client = world.browser(person, enforce_csrf_checks=True)
    taken = []
    for route in state_changing(every_route()):
        path = route.path(world.fill)
        answer = client.post(path, {"csrfmiddlewaretoken": "x" * 64})
        if answer.status_code != 403:
            taken.append(f"{route}: {answer.status_code}")
        assert "evil" not in answer.text

    assert not taken, "\n".join(taken)


def test_programs_that_need_no_token_need_a_signature(world):
    routes = [
        (route, refused)
        for route in every_route()
        for who, refused in ((access.SIGNED, 401), (access.NOTIFIED, 400))
        if allowed(route) == who
    ]
    assert len(routes) == 11

    for route, refused in routes:
        path, client = route.path(world.fill), world.browser(SUPERUSER, enforce_csrf_checks=True)
        statuses = {client.get(path).status_code, client.post(path, {"number": "P1"}).status_code}
        assert refused in statuses
        assert statuses <= {refused, 405}


def test_a_form_sent_from_elsewhere_is_refused_even_with_its_token(world):
    client = Client(enforce_csrf_checks=True)
    page = client.get("/en/sign-in/", secure=True)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1]
    form = {"csrfmiddlewaretoken": token, "login": "13800000001", "password": "x"}

    for origin in ("https://evil.example", "null", "http://testserver"):
        answer = client.post("/en/sign-in/", form, secure=True, headers={"Origin": origin})
        assert answer.status_code == 403

    at_home = client.post(
        "/en/sign-in/", form, secure=True, headers={"Origin": "https://testserver"}
    )
    assert at_home.status_code == 422


def test_the_api_knows_nobody_by_cookie(world):
    client = world.browser(ALICE)
    routes = [route for route in every_route() if route.is_api]
    guarded = [route for route in routes if allowed(route) != access.PUBLIC]
    assert len(guarded) > 8

    for route in guarded:
        answer = client.get(route.path(world.fill))
        assert answer.status_code == 401, route
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert "sessionid" not in answer.cookies


def test_the_api_sets_no_cookie(world):
    for route in every_route():
        if route.is_api:
            answer = Client().get(route.path(world.fill), headers=world.token(ALICE))
            assert not answer.cookies, route


def test_no_page_knows_anybody_by_token(world):
    alice, root = world.token(ALICE), world.token(SUPERUSER)
    for route in every_route():
        if route.is_api or allowed(route) == access.PUBLIC or route.language == "zh-hans":
            continue
        token = root if route.is_admin else alice
        answer = Client().get(route.path(world.fill), headers=token)
        assert outcome(answer) == SIGN_IN or answer.status_code == 405, route


def leads_away(answer):
    """Return where an answer sends the reader, now or by a click, if that is not this site."""
    targets = [answer.headers.get("Location", "")]
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        targets += re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)
    for target in targets:
        # As browsers read it: control characters are dropped, backslashes are slashes.
        read = re.sub(r"[\x00-\x20]", "", target).replace("\\", "/")
        if re.match(r"(?i)(//.|(?!tel:)[a-z][a-z0-9+.-]*:)", read):
            return target
    return None


def tempted(world, target, phone):
    """Ask every door that leads on to lead somewhere else."""
    asked, password = f"?next={quote(target, safe='')}", "medbook-demo"
    alice, root = world.browser(ALICE), world.browser(SUPERUSER)

    def stranger():
        return world.browser(ANONYMOUS)

    yield stranger().get(f"/en/sign-in/{asked}")
    yield stranger().get(f"/zh-hans/sign-up/{asked}")
    yield stranger().get(f"/admin/login/{asked}")
    yield alice.get(f"/en/sign-in/{asked}")
    yield root.get(f"/admin/login/{asked}")
    for said in ({"login": phone, "password": password}, {"login": phone, "password": "wrong"}):
        yield stranger().post("/en/sign-in/", {**said, "next": target})
    for said in ({"username": "x", "password": "y"}, {"username": "root-1", "password": password}):
        yield stranger().post("/admin/login/", {**said, "next": target})
    yield alice.post(f"/en/sign-out/{asked}", {"next": target})


@pytest.mark.parametrize("first", range(5))
def test_nobody_is_led_away(world, first):
    phone = Member.objects.get(pk=world.alice.pk).phone.reveal()
    for target in ELSEWHERE[first::5]:
        for answer in tempted(world, target, phone):
            assert answer.status_code < 500, target
            assert leads_away(answer) is None, target


def test_leads_back_within_the_site(world):
    phone = world.alice.phone.reveal()
    back = f"/en/appointments/{world.booked.reference}/"

    answer = Client().post(
        "/en/sign-in/", {"login": phone, "password": "medbook-demo", "next": back}
    )

    assert (answer.status_code, answer["Location"]) == (302, back)
