"""A whole MedBook of its own: real database, web server and worker, to be hurt."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import environ
import psutil
import psycopg
import pytest

import tests
from medbook.embedded_postgres import EmbeddedPostgres

CHECKOUT = Path(tests.__file__).parents[1]
READY_SECONDS = 90


class Running:
    """One running MedBook: how to ask it, and what to hurt."""

    def __init__(self, folder):
        self.database = EmbeddedPostgres(folder / "postgres")
        self._folder = folder
        self.port = _free_port()

    def start(self):
        self.database.start()
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MEDBOOK_", "DJANGO_", "TEST_", "REDIS_", "CELERY_"))
        }
        environment |= {
            "DATABASE_URL": self.database.app_url,
            "DATABASE_OWNER_URL": self.database.owner_url,
            "MEDBOOK_ENV": "development",
            "MEDBOOK_VAR": str(self._folder / "var"),
            "PORT": str(self.port),
            "API_RATE_LIMITED": "false",
        }
        (self._folder / "var").mkdir()
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "medbook.supervisor"],
                cwd=CHECKOUT,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.wait_until_ready(READY_SECONDS)

    def stop(self):
        """Tell MedBook to end, as `kill` or a terminal would; return its exit code."""
        try:
            self._process.send_signal(signal.SIGTERM)
            return self._process.wait(30)
        finally:
            self.database.stop()

    def wait_until_ready(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                assert self._process.poll() is None, self.log()
            time.sleep(0.1)
        raise AssertionError(self.log())

    def log(self):
        return (self._folder / "log").read_text(errors="replace")[-4000:]

    def ask(self, method, path, body=None, *, token=None, key=None, cookie=None):
        """Send one request; return status, headers and body. Raises: OSError."""
        headers = {"Content-Type": "application/json"}
        if cookie:
            headers["Cookie"] = cookie
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if key:
            headers["Idempotency-Key"] = key
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except http.client.HTTPException as broken:
            raise OSError(str(broken)) from broken
        finally:
            connection.close()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, answer.headers, json.loads(text) if is_json else text

    def connect(self):
        """Look into the database behind MedBook's back."""
        said = environ.Env.db_url_config(self.database.owner_url)
        return psycopg.connect(
            host=said["HOST"],
            port=said["OPTIONS"]["port"] if "port" in said.get("OPTIONS", {}) else said["PORT"],
            user=said["USER"],
            dbname=said["NAME"],
            autocommit=True,
        )

    def processes(self):
        """Return everything that was started, by its command line."""
        children = psutil.Process(self._process.pid).children(recursive=True)
        return {child: _command(child) for child in children}

    def web_workers(self):
        """Return the processes that answer requests."""
        for child in psutil.Process(self._process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if "granian" in _command(child):
                    return [each for each in child.children() if "tracker" not in _command(each)]
        return []

    def background_workers(self):
        """Return the processes that do what nobody waits for."""
        return [each for each, line in self.processes().items() if "celery" in line]


@pytest.fixture(scope="session")
def medbook():
    """Run one MedBook with demo data, to be hurt by one test after another."""
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=os.environ["MEDBOOK_VAR"]))
    folder.chmod(0o711)  # root's PostgreSQL runs as another user
    running = Running(folder)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def wait_for(condition, seconds):
    """Return what becomes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def _command(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
