"""What does every answer say about itself to browsers and caches?"""

import io
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client

import tests
from tests.security.routes import every_route
from tests.security.test_access import knock
from tests.security.world import ALICE, ANONYMOUS, SUPERUSER

CHECKOUT = Path(tests.__file__).parents[1]
STRICT = {
    "default-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "object-src": "'none'",
}
POLICIES = {
    "api-docs": {**STRICT, "img-src": "'self' data:"},  # icons in the viewer's styles
    "appointments:pay": {**STRICT, "form-action": "'self' http://testserver"},  # where the bank is
}
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
KEPT_BY_CACHES = {  # the same for everybody
    "admin:jsi18n",
    "api-schema",
    "clinic-list",
    "department-list",
    "doctor-list",
    "doctor-detail",
    "schedule-list",
    "schedule-slots",
}
DATA = "application/json"


class Inline(HTMLParser):
    """Collect what a strict policy would not let a browser do."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "style":
            self.found.append("<style>")
        if tag == "script" and "src" not in said and said.get("type") != DATA:
            self.found.append("<script>")
        for name, value in attrs:
            if name == "style" or name.startswith("on"):
                self.found.append(f"{tag} {name}={value!r}")
            if str(value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"{tag} {name}={value!r}")
            if name in ("src", "href", "action") and re.match(r"(https?:)?//", value or ""):
                is_link = tag == "a"
                if not is_link:
                    self.found.append(f"{tag} {name}={value!r}")


def policy_of(answer):
    parts = answer.headers.get("Content-Security-Policy", "").split(";")
    return dict(part.strip().split(" ", 1) for part in parts if part.strip())


def complaints(answer, policy=STRICT, *, may_be_kept=False):
    """List what an answer's headers and markup lack."""
    found = [
        f"{name}: {answer.headers.get(name)}"
        for name, value in ALWAYS.items()
        if answer.headers.get(name) != value
    ]
    if policy_of(answer) != policy:
        found.append(f"policy {answer.headers.get('Content-Security-Policy')}")
    if not REQUEST_ID.fullmatch(answer.headers.get("X-Request-Id", "")):
        found.append("no request id")
    kept = answer.headers.get("Cache-Control", "")
    if "no-store" not in kept and not may_be_kept:
        found.append(f"may be kept: {kept!r}")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        page = Inline()
        page.feed(answer.content.decode())
        found += page.found
    return found


@pytest.mark.parametrize("person", [ANONYMOUS, ALICE, SUPERUSER])
def test_every_answer_is_strict_about_what_browsers_do(world, person):
    surprises = []
    for route in every_route():
        answer = knock(world, route, person)
        policy = STRICT if answer.status_code == 403 else POLICIES.get(route.name, STRICT)
        may_be_kept = route.name in KEPT_BY_CACHES
        surprises += [
            f"{route} ({answer.status_code}): {complaint}"
            for complaint in complaints(answer, policy, may_be_kept=may_be_kept)
        ]

    assert not surprises, "\n".join(surprises)


ERRORS = [
    (400, "GET", "/en/", {"HTTP_HOST": "elsewhere.example"}),
    (403, "POST", "/en/sign-in/", {"enforce": True}),
    (403, "GET", "/en/appointments/", {"person": SUPERUSER}),
    (404, "GET", "/en/nowhere/", {}),
    (404, "GET", "/nowhere", {}),
    (404, "GET", "/admin/nowhere/", {"person": SUPERUSER}),
    (404, "GET", "/api/v1/nowhere/", {}),
    (404, "GET", "/static/nowhere.css", {}),
    (405, "PUT", "/en/doctors/", {}),
    (405, "DELETE", "/api/v1/me/", {"token": ALICE}),
    (401, "GET", "/api/v1/me/", {}),
    (422, "POST", "/api/v1/auth/token/", {"body": "{}"}),
    (400, "POST", "/api/v1/auth/token/", {"body": "{"}),
    (500, "GET", "/en/broken/bug/", {}),
    (500, "GET", "/api/v1/broken/bug/", {}),
    (500, "GET", "/admin-broken/bug/", {}),
    (503, "GET", "/en/broken/database/", {}),
    (503, "GET", "/api/v1/broken/database/", {}),
    (409, "GET", "/en/broken/lock/", {}),
    (409, "GET", "/api/v1/broken/lock/", {}),
    (403, "GET", "/en/broken/permission/", {}),
]


@pytest.mark.parametrize(("status", "method", "path", "how"), ERRORS)
def test_errors_are_as_strict_and_tell_nothing(world, settings, status, method, path, how):
    settings.ROOT_URLCONF = "tests.security.broken_urls"
    person = how.get("person", ANONYMOUS)
    client = world.browser(person, enforce_csrf_checks=how.get("enforce", False))
    options = {"headers": world.token(how["token"])} if "token" in how else {}
    if "HTTP_HOST" in how:
        options["HTTP_HOST"] = how["HTTP_HOST"]
    content_type = DATA if path.startswith("/api/") else "application/x-www-form-urlencoded"

    answer = client.generic(method, path, how.get("body", ""), content_type, **options)

    assert answer.status_code == status
    assert complaints(answer) == []
    for word in ("Traceback", "psycopg", "Exception", "settings", "SECRET", "a bug with a phone"):
        assert word not in answer.text
    if path.startswith("/api/"):
        problem = json.loads(answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["code"]
        assert problem["request_id"] == answer.headers["X-Request-Id"]
    if status == 503 or "lock" in path:
        assert int(answer.headers["Retry-After"]) > 0


def test_what_staff_sees_after_pressing_a_button_is_as_strict(world):
    root = world.browser(SUPERUSER)
    member, patient = world.alice.pk, world.row("members.patient").pk
    broken = io.BytesIO(b'code,name_en\n"<script>alert(1)</script>,=1+1\n')
    broken.name = "doctors.csv"
    reveal = f"/admin/members/patient/{patient}/reveal/"
    answers = [
        root.post("/admin/members/member/", {"action": "suspend", "_selected_action": member}),
        root.post(
            "/admin/members/member/",
            {"action": "suspend", "_selected_action": member, "confirmed": "1", "days": "x"},
        ),
        root.post("/admin/member-search/", {"looked_for": world.alice.phone.reveal()}),
        root.post("/admin/member-search/", {"looked_for": "<script>alert(1)</script>"}),
        root.post(reveal, {"reason": ""}),
        root.post(reveal, {"reason": "At the desk with the card"}),
        root.post("/admin/scheduling/doctor/import/", {"file": broken}),
        root.post("/admin/scheduling/clinic/add/", {"name_en": "<script>alert(1)</script>"}),
        world.browser(ANONYMOUS).post("/admin/login/", {"username": "x", "password": "y"}),
        root.get("/admin/scheduling/doctor/?q=%3Cscript%3Ealert(1)%3C/script%3E"),
        root.get("/admin/scheduling/doctor/add/?_popup=1"),
    ]

    for answer in answers:
        assert answer.status_code in (200, 400, 422)
        assert complaints(answer) == []
        assert "<script>alert" not in answer.text


def test_an_answer_to_too_many_requests_is_as_strict(world, settings):
    settings.API_RATE_LIMITED = True
    settings.API_RATE_LIMITS_PER_MINUTE = {"write": 0, "read": 0, "network": 0}

    answer = world.browser(ANONYMOUS).get("/api/v1/me/", headers=world.token(ALICE))

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert complaints(answer) == []


@pytest.mark.parametrize("path", ["/static/medbook/css/medbook.css", "/static/admin/css/base.css"])
def test_static_files_are_kept_and_not_sniffed(client, path):
    answer = client.get(path)
    assert b"".join(answer.streaming_content)

    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" not in answer.headers["Cache-Control"]
    assert answer.headers["X-Request-Id"]


def test_pages_differ_by_cookie_and_answers_of_the_api_by_token(world):
    page = world.browser(ALICE).get("/en/appointments/")
    answer = Client().get("/api/v1/me/", headers=world.token(ALICE))

    assert "Cookie" in page.headers["Vary"]
    assert "Authorization" in answer.headers["Vary"]


def test_no_page_hides_behind_a_file_name(world):
    client = world.browser(ALICE)

    for path in ("/en/appointments/x.css", "/en/membership/x.css", "/api/v1/me/x.css"):
        assert client.get(path, follow=True).status_code == 404


def test_cookies_are_hidden_from_scripts_and_other_sites(world):
    client = Client()
    client.get("/en/sign-in/")
    client.post("/en/sign-in/", {"login": world.alice.phone.reveal(), "password": "medbook-demo"})

    assert {"csrftoken", "sessionid"} <= client.cookies.keys()
    for name in ("csrftoken", "sessionid"):
        assert client.cookies[name]["httponly"]
        assert client.cookies[name]["samesite"] == "Lax"
        assert not client.cookies[name]["domain"]


PRODUCTION = """
import json, django
from django.conf import settings
django.setup()
from django.test import Client
answers = {}
for name, options in {
    "plain": {},
    "behind the proxy": {"HTTP_X_FORWARDED_PROTO": "https"},
    "secure": {"secure": True},
    "alive": {},
}.items():
    path = "/livez" if name == "alive" else "/api/v1/nowhere/"
    answer = Client(raise_request_exception=False).get(path, HTTP_HOST="medbook.example", **options)
    answers[name] = {"status": answer.status_code, **dict(answer.headers)}
names = [name for name in dir(settings) if name.isupper()]
wanted = [name for name in names if name.startswith(("SESSION_", "CSRF_", "SECURE_", "LANGUAGE_C"))]
said = {name: getattr(settings, name) for name in [*wanted, "DEBUG", "ALLOWED_HOSTS"]}
print(json.dumps({"answers": answers, "settings": said}, default=str))
"""


def run_in_production(**more):
    environment = {**os.environ, "MEDBOOK_ENV": "production", "ALLOWED_HOSTS": "medbook.example"}
    environment |= {"DJANGO_SETTINGS_MODULE": "medbook.settings"}
    environment |= {"CELERY_BROKER_URL": "redis://localhost:6379/0", **more}
    return subprocess.run(
        [sys.executable, "-c", PRODUCTION],
        cwd=CHECKOUT,
        env={name: value for name, value in environment.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_speaks_only_over_tls():
    outcome = run_in_production()
    assert outcome.returncode == 0, outcome.stderr
    said = json.loads(outcome.stdout.splitlines()[-1])
    settings, answers = said["settings"], said["answers"]

    assert settings["DEBUG"] is False
    assert settings["SESSION_COOKIE_NAME"] == "__Host-sessionid"
    assert settings["CSRF_COOKIE_NAME"] == "__Host-csrftoken"
    for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE"):
        assert settings[name] is True
    for name in ("SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY"):
        assert settings[name] is True
    assert (settings["SESSION_COOKIE_PATH"], settings["SESSION_COOKIE_DOMAIN"]) == ("/", None)
    assert answers["plain"]["status"] == 301
    assert answers["plain"]["Location"].startswith("https://medbook.example/")
    assert answers["behind the proxy"]["status"] == 301  # no proxy is trusted unless counted
    assert answers["alive"]["status"] == 200
    hsts = answers["secure"]["Strict-Transport-Security"]
    assert int(re.search(r"max-age=(\d+)", hsts)[1]) >= 365 * 24 * 3600
    assert "includeSubDomains" in hsts


def test_production_believes_a_counted_proxy():
    outcome = run_in_production(TRUSTED_PROXY_COUNT="1")
    answers = json.loads(outcome.stdout.splitlines()[-1])["answers"]

    assert answers["plain"]["status"] == 301
    assert answers["behind the proxy"]["status"] == 404


@pytest.mark.parametrize("missing", ["DJANGO_SECRET_KEY", "MEDBOOK_DATA_KEYS", "DATABASE_URL"])
def test_production_does_not_start_without_its_secrets(missing):
    outcome = run_in_production(**{missing: None, "MEDBOOK_VAR": "/nonexistent"})

    assert outcome.returncode != 0
    assert missing in outcome.stderr
