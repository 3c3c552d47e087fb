"""What happens when every field and every parameter says the worst?"""

import json
import re
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import product
from unittest.mock import patch
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.http import QueryDict
from django.urls import get_resolver

from medbook.endpoints import Endpoint
from tests.security.routes import every_route
from tests.security.test_access import BODIES
from tests.security.world import ALICE, ANONYMOUS, SUPERUSER

MARKUP = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{91357*3571}}{% debug %}"
SUM = "326235847"
HOSTILE = {
    "nul": "before\x00after",
    "surrogate": "half \ud800 a character",
    "long": "x" * 10_000,
    "backwards": "\u202egnp.exe\u2066\u200b\ufeff",
    "markup": MARKUP,
    "sql": "' OR 1=1; DROP TABLE members_member; --",
    "number": "9" * 40,
    "wildcards": "%_\\",
}
# The others see the same pages, or many that are much alike.
PAIRS = [(ALICE, kind) for kind in HOSTILE]
PAIRS += [(person, kind) for person in (ANONYMOUS, SUPERUSER) for kind in ("nul", "markup")]
ONE_BY_ONE = ("nul", "markup", "number")  # the others in all fields at once
# Parameters that no form and no link shows.
FURTHER = {
    "page": {"next", "page", "q", "view", "day", "at", "half", "title", "department", "w"},
    "admin": {
        *("q", "p", "o", "e", "all", "next", "term", "app_label", "model_name", "field_name"),
        *("_popup", "_to_field", "_changelist_filters", "id__exact", "pk__in"),
        *("password__startswith", "member__phone_index__startswith"),
    },
}
LINE_BREAK = "x\r\nSet-Cookie: evil=1\r\n\r\n<script>alert(1)</script>"


class Forms(HTMLParser):
    """Collect a page's forms with their fields, and the parameters of its links."""

    def __init__(self, text):
        super().__init__()
        self.forms, self.parameters = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "form":
            method = (said.get("method") or "get").lower()
            self.forms.append({"method": method, "action": said.get("action") or "", "said": {}})
        elif tag in ("input", "select", "textarea", "button") and said.get("name") and self.forms:
            self.forms[-1]["said"].setdefault(said["name"], said.get("value") or "")
        elif tag == "a":
            query = urlsplit(said.get("href") or "").query
            self.parameters |= {name for name, _ in parse_qsl(query, keep_blank_values=True)}


@contextmanager
def noting_reads():
    """Collect the names that a page looks for in its address."""
    read = set()

    def noted(method):
        def looked_for(self, name, *rest):
            read.add(name)
            return method(self, name, *rest)

        return looked_for

    ways = ("get", "getlist", "__getitem__", "__contains__")
    with patch.multiple(QueryDict, **{way: noted(getattr(QueryDict, way)) for way in ways}):
        yield read


def encoded(fields):
    """Write a form as a browser does, or as somebody does who is none."""
    return urlencode(fields, encoding="utf-8", errors="surrogatepass")


def complaint(answer, value):
    """Tell what is wrong with an answer to something hostile."""
    if answer.status_code >= 500:
        return f"{answer.status_code}"
    if "evil" in answer.cookies:
        return "a header was injected"
    if "text/html" not in answer.headers.get("Content-Type", ""):
        return None
    for mark in ("<script>alert(1)", "<img src=x", SUM):
        if mark in answer.text:
            return f"not escaped: {mark}"
    return None


def readable(person):
    """List the pages that somebody can read, in one language, once for each kind of page."""
    for route in every_route():
        is_staffs = route.is_admin == (person == SUPERUSER)
        if not route.is_api and is_staffs and route.language != "zh-hans":
            yield route


@pytest.mark.parametrize(("person", "kind"), PAIRS)
def test_every_parameter_of_every_page_may_say_anything(world, person, kind):
    value, client = HOSTILE[kind], world.browser(person)
    wrong, tried = [], set()
    for route in readable(person):
        path = route.path(world.fill)
        with noting_reads() as read:
            page = client.get(path)
        names = FURTHER["admin" if route.is_admin else "page"] | read
        is_read = page.status_code == 200 and "text/html" in page.headers["Content-Type"]
        if is_read:
            found = Forms(page.text)
            names |= found.parameters
            names |= {
                name for form in found.forms if form["method"] == "get" for name in form["said"]
            }
        with noting_reads() as read_then:
            answers = {"all": client.get(f"{path}?{encoded(dict.fromkeys(names, value))}")}
        is_list = route.admin_act and route.admin_act[1] == "list"
        if is_read and kind in ONE_BY_ONE and (is_list or not route.is_admin):
            alone = read | read_then
            if is_list and kind != "nul":
                alone &= {"q"}  # what else Django's lists read, they do not show
            for name in alone:
                answers[name] = client.get(f"{path}?{encoded({name: value})}")
        tried |= set(answers)
        wrong += [
            f"{route} {name}: {said}"
            for name, answer in answers.items()
            if (said := complaint(answer, value))
        ]

    assert not wrong, "\n".join(wrong)
    if kind in ONE_BY_ONE:
        assert {"all", "q"} <= tried


@pytest.mark.parametrize(("person", "kind"), PAIRS)
def test_every_field_of_every_form_may_say_anything(world, person, kind):
    value = HOSTILE[kind]
    wrong, known = [], set()
    for route in readable(person):
        client = world.browser(person)
        path = route.path(world.fill)
        page = client.get(path)
        if page.status_code != 200 or "text/html" not in page.headers["Content-Type"]:
            continue
        for form in Forms(page.text).forms:
            if form["method"] != "post" or "out/" in form["action"]:
                continue
            target = urlsplit(form["action"]).path or path
            names = [name for name in form["said"] if name != "csrfmiddlewaretoken"]
            if (target, *names) in known:  # it stands on many pages
                continue
            known.add((target, *names))
            tries = [dict.fromkeys(names, value)]
            if kind in ONE_BY_ONE and not route.is_admin:
                tries += [{**form["said"], name: value} for name in names]
            for fields in tries:
                answer = world.browser(person).post(
                    target, encoded(fields), "application/x-www-form-urlencoded"
                )
                if said := complaint(answer, value):
                    wrong.append(f"{route} {target} {sorted(fields)}: {said}")

    assert not wrong, "\n".join(wrong)
    assert len(known) > 2


def endpoints():
    """List the API's addresses with the class that answers each."""
    for pattern in get_resolver().url_patterns:
        for inner in getattr(pattern, "url_patterns", [pattern]):
            cls = getattr(inner.callback, "cls", None) if hasattr(inner, "callback") else None
            if cls and issubclass(cls, Endpoint):
                yield inner.name, cls


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_parameter_of_the_api_may_say_anything(world, kind):
    value, queries = HOSTILE[kind], {name: cls.query for name, cls in endpoints()}
    assert len(queries) > 12
    wrong = []
    for route in every_route():
        person = SUPERUSER if "/admin/" in route.pattern else ALICE
        if not route.is_api or route.name not in queries:
            continue
        path, headers = route.path(world.fill), world.token(person)
        for name in [*queries[route.name]().fields, "unknown", value]:
            query = encoded({name: value})
            answer = world.browser(ANONYMOUS).get(f"{path}?{query}", headers=headers)
            if answer.status_code >= 500 or answer.status_code == 200:
                is_read = answer.status_code == 200 and name in queries[route.name]().fields
                if not is_read:
                    wrong.append(f"{route} {name}: {answer.status_code}")

    assert not wrong, "\n".join(wrong)


NAMES = [
    *("phone", "username", "password", "refresh", "name", "identity_number", "language", "pay"),
    *("patient", "schedule", "slot", "starts_at", "reason", "tier", "points", "price", "status"),
    *("state", "is_staff", "is_superuser", "role", "created_at", "hold_expires_at", "member"),
    *("fee", "__proto__", "id", "uid"),
]
VALUES = [*HOSTILE.values(), None, True, -1, 1e308, [], {}, [[]], {"$ne": 1}, "", " ", "0", 10**40]


def _post(world, path, body, person):
    headers = {**world.token(person), "Idempotency-Key": "hostile"}
    return world.browser(ANONYMOUS).post(path, body, "application/json", headers=headers)


def _unknown_to(world, path, person):
    """Tell which of the names an address refuses as unknown: they need not be tried one by one."""
    answer = _post(world, path, json.dumps(dict.fromkeys(NAMES, "x")), person)
    errors = answer.json().get("errors", []) if answer.content else []
    return {error["field"] for error in errors if error["code"] == "unknown_field"}


def test_every_field_of_the_api_may_say_anything(world):
    wrong = []
    for route in every_route():
        if not route.is_api or route.name in ("api-docs", "api-schema"):
            continue
        person = SUPERUSER if "/admin/" in route.pattern else ALICE
        path = route.path(world.fill)
        bodies = [json.dumps(value) for value in VALUES]
        bodies += [json.dumps(dict.fromkeys(NAMES, value)) for value in HOSTILE.values()]
        said = BODIES.get(route.name, {})
        unknown = _unknown_to(world, path, person)
        bodies += [
            json.dumps({**said, name: value})
            for name in {*NAMES, *said} - unknown
            for value in (HOSTILE.values() if unknown else [MARKUP])
        ]
        for body in bodies:
            answer = _post(world, path, body, person)
            if answer.status_code >= 500:
                wrong.append(f"{route} {body[:60]}: {answer.status_code}")
            elif answer.status_code >= 400:
                assert answer.headers["Content-Type"] == "application/problem+json"
            if answer.status_code == 405:
                break

    assert not wrong, "\n".join(wrong)


OWNED = ("tier", "points", "price", "state", "status", "is_staff", "role", "hold_expires_at")


@pytest.mark.parametrize("field", OWNED)
def test_nobody_gives_themselves_what_is_not_theirs_to_give(world, field):
    client, headers = world.browser(ANONYMOUS), world.token(ALICE)
    said = {"language": "en", field: "jade"}

    answer = client.patch("/api/v1/me/", json.dumps(said), "application/json", headers=headers)

    assert answer.status_code == 422
    assert [line["field"] for line in answer.json()["errors"]] == [field]
    world.alice.refresh_from_db()
    assert world.alice.tier.code == "member"
    assert not world.alice.user.is_staff


@pytest.mark.parametrize(
    "lookup",
    [
        "password__startswith=a",
        "user__password__startswith=a",
        "phone_index__startswith=a",
        "links__patient__identity_index=a",
        "user__token_version=1",
        "token_families__uid=a",
    ],
)
def test_lists_of_staff_cannot_be_filtered_by_what_is_secret(world, lookup):
    for model in ("user", "member", "patient"):
        answer = world.browser(SUPERUSER).get(f"/admin/members/{model}/?{lookup}")
        assert answer.status_code in (302, 400)
        if answer.status_code == 302:
            assert answer["Location"].endswith("?e=1")


def test_line_breaks_make_no_header(world):
    for path in ("/en/sign-in/", "/admin/login/"):
        answer = world.browser(ANONYMOUS).get(f"{path}?{encoded({'next': LINE_BREAK})}")
        assert complaint(answer, LINE_BREAK) is None
    phone = world.alice.phone.reveal()
    answer = world.browser(ANONYMOUS).post(
        "/en/sign-in/", {"login": phone, "password": "medbook-demo", "next": LINE_BREAK}
    )
    assert answer.status_code == 302
    assert not re.search(r"[\r\n]", answer["Location"])


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "django_language", "messages"])
def test_cookies_may_say_anything(world, name):
    values = ("\x00", "x" * 5000, MARKUP, "é", '"', "\\073")
    for value, path in product(values, ("/en/", "/", "/admin/login/", "/api/v1/me/")):
        client = world.browser(ANONYMOUS)
        answer = client.get(path, headers={"Cookie": f"{name}={value}"})
        assert complaint(answer, value) is None, (path, value)


@pytest.mark.parametrize(
    "header", ["Accept-Language", "User-Agent", "Referer", "Host", "Accept", "Authorization"]
)
def test_headers_may_say_anything(world, header):
    values = ("\x00", "x" * 5000, MARKUP, "é" * 50, "Bearer \x00", "*;q=9")
    for value, path in product(values, ("/en/", "/", "/admin/", "/api/v1/me/")):
        answer = world.browser(ANONYMOUS).get(path, headers={header: value})
        assert complaint(answer, value) is None, (path, value)
