"""Give a test run its environment: keys, a database, and Redis and Chromium where they exist.

Loaded by `-p tests.environment` before Django reads its settings. Nothing of the developer's own
environment reaches the tests except TEST_DATABASE_URL, TEST_REDIS_URL, TEST_CHROMIUM and
TEST_REQUIRE ("redis,browser": fail instead of skipping).
"""

import atexit
import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from medbook.catalogues import compile_catalogues
from medbook.embedded_postgres import EmbeddedPostgres, die_with_parent

READ_BY_SETTINGS = (
    "ALIPAY_APP_ID",
    "ALIPAY_GATEWAY",
    "ALIPAY_PAGE",
    "ALIPAY_PRIVATE_KEY",
    "ALIPAY_PUBLIC_KEY",
    "ALIPAY_SELLER_ID",
    "ALLOWED_HOSTS",
    "API_RATE_LIMITED",
    "BASE_URL",
    "CELERY_BROKER_URL",
    "CURRENCY",
    "DATABASE_OWNER_URL",
    "DATABASE_REPLICA_URL",
    "DATABASE_URL",
    "DEBUG",
    "DEFAULT_FROM_EMAIL",
    "DJANGO_SECRET_KEY",
    "EMAIL_URL",
    "LOG_LEVEL",
    "MEDBOOK_DATA_KEYS",
    "MEDBOOK_DATA_KEY_ACTIVE",
    "MEDBOOK_ENV",
    "MEDBOOK_INDEX_KEYS",
    "MEDBOOK_JWT_KEY",
    "MEDBOOK_VAR",
    "REDIS_URL",
    "RELEASE_THREADS",
    "SANDBOX_GATEWAY_KEY",
    "SANDBOX_MERCHANT_KEY",
    "SANDBOX_URL",
    "SECURE_SSL_REDIRECT",
    "SMS_GATEWAY",
    "SMS_KEY",
    "SMS_URL",
    "STATEMENT_TIMEOUT",
    "STATIC_ROOT",
    "TIME_ZONE",
    "TRUSTED_PROXY_COUNT",
    "WECHATPAY_APIV3_KEY",
    "WECHATPAY_APPID",
    "WECHATPAY_CERT_SERIAL",
    "WECHATPAY_MCHID",
    "WECHATPAY_PRIVATE_KEY",
    "WECHATPAY_PUBLIC_KEY",
    "WECHATPAY_PUBLIC_KEY_ID",
)
SKIP_REASONS = {
    "redis": "no redis-server on this machine (or set TEST_REDIS_URL)",
    "browser": "no chromium on this machine (or set TEST_CHROMIUM)",
    "gettext": "no gettext on this machine",
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Set the environment once, in the process that leads; xdist's workers inherit it."""
    if not _is_worker():
        _Environment().start()


def pytest_configure(config):
    """Refuse to start where a required server is missing."""
    required = set(filter(None, os.environ.get("TEST_REQUIRE", "").split(",")))
    if missing := sorted(required - _present()):
        raise pytest.UsageError("; ".join(SKIP_REASONS[name] for name in missing))


def pytest_collection_modifyitems(items):
    """Skip what needs a server that this machine has not."""
    present = _present()
    for name, reason in SKIP_REASONS.items():
        if name not in present:
            for item in items:
                if item.get_closest_marker(name):
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    """Say in the very last line how many tests were skipped, and why."""
    outcome = yield
    if not _is_worker():
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_line(_skipped_line(reporter.stats.get("skipped", [])))
    return outcome


@pytest.fixture
def redis_url():
    """Return the address of an empty Redis database that no other worker uses."""
    server = os.environ["TEST_REDIS_URL"].rstrip("/")
    number = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    url = f"{server}/{number}"
    redis = pytest.importorskip("redis")
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def chromium():
    """Return the path of the Chromium program."""
    return os.environ["TEST_CHROMIUM"]


def _skipped_line(reports):
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in reports)
    if not reasons:
        return "Skipped: none."
    listed = "; ".join(f"{count} × {reason}" for reason, count in sorted(reasons.items()))
    return f"Skipped: {reasons.total()} – {listed}."


def _is_worker():
    return "PYTEST_XDIST_WORKER" in os.environ


def _present():
    found = {
        "redis": os.environ.get("TEST_REDIS_URL"),
        "browser": os.environ.get("TEST_CHROMIUM"),
        "gettext": shutil.which("xgettext"),
    }
    return {name for name, value in found.items() if value}


class _Environment:
    """What the leading process starts before the tests and stops after them."""

    def __init__(self):
        self.var = Path(tempfile.mkdtemp(prefix="medbook-test-"))
        self.var.chmod(0o711)  # root's PostgreSQL runs as another user
        (self.var / "static").mkdir()  # WhiteNoise warns of a missing one
        atexit.register(shutil.rmtree, self.var, ignore_errors=True)

    def start(self):
        compile_catalogues(Path(__file__).parents[1] / "locale")
        database = os.environ.get("TEST_DATABASE_URL") or self._database()
        for name in READ_BY_SETTINGS:
            os.environ.pop(name, None)
            os.environ.pop(f"{name}_FILE", None)
        os.environ.update(
            ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
            BASE_URL="http://testserver",
            DATABASE_OWNER_URL=database,
            DATABASE_URL=database,
            DJANGO_SECRET_KEY="only for tests: " + "medbook" * 8,
            MEDBOOK_DATA_KEYS=f"1:{_key(1)},2:{_key(2)}",
            MEDBOOK_DATA_KEY_ACTIVE="1",
            MEDBOOK_ENV="development",
            MEDBOOK_INDEX_KEYS=f"1:{_key(3)}",
            MEDBOOK_JWT_KEY=_key(4),
            MEDBOOK_VAR=str(self.var),
            SANDBOX_GATEWAY_KEY=_key(5),
            SANDBOX_MERCHANT_KEY=_key(6),
            SANDBOX_URL="http://testserver/sandbox",
            TEST_CHROMIUM=os.environ.get("TEST_CHROMIUM") or _chromium(),
            TEST_REDIS_URL=os.environ.get("TEST_REDIS_URL") or self._redis(),
        )

    def _database(self):
        server = EmbeddedPostgres(self.var / "postgres", durable=False)
        atexit.register(server.stop)
        server.start()
        return server.owner_url

    def _redis(self):
        program = shutil.which("redis-server")
        if program is None:
            return ""
        port = _free_port()
        server = subprocess.Popen(
            [
                program,
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--databases",
                "64",
            ],
            cwd=self.var,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        atexit.register(_stop, server)
        _wait_for_port(port)
        return f"redis://127.0.0.1:{port}"


def _key(number):
    return base64.b64encode(bytes([number]) * 32).decode()


def _chromium():
    programs = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, programs)), "")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nothing answers on port {port}")


def _stop(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
