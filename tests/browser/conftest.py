"""A real browser before a real server and a real database."""

import pytest
from django.test import Client

playwright = pytest.importorskip("playwright.sync_api")

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items):
    """Mark what needs Chromium and a committed database."""
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="module")
def browser(chromium, django_db_setup):
    """Start Chromium.

    Playwright keeps an event loop in this thread, which Django takes for a sign of asynchronous
    code; nothing here runs in it. It would keep connections of its own there, so the database is
    made before.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with playwright.sync_playwright() as driver:
            program = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS)
            yield program
            program.close()


@pytest.fixture
def visitor(browser, live_server):
    """Return a function that opens a new window, signed in or not, and collects its complaints."""
    windows = []

    def open_window(member=None, *, width=360, height=640, **options):
        window = browser.new_context(
            viewport={"width": width, "height": height}, base_url=live_server.url, **options
        )
        windows.append(window)
        if member is not None:
            client = Client()
            client.force_login(member.user)
            window.add_cookies(
                [
                    {
                        "name": "sessionid",
                        "value": client.cookies["sessionid"].value,
                        "url": live_server.url,
                    }
                ]
            )
        page = window.new_page()
        page.set_default_timeout(10_000)
        page.complaints = []
        page.on("console", lambda message: _note(page, message))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield open_window
    for window in windows:
        window.close()


def _note(page, message):
    """Keep errors and warnings, but for the browser's remark on an answer that is meant."""
    if message.type in ("error", "warning") and "responded with a status of" not in message.text:
        page.complaints.append(message.text)
