"""A whole MedBook of its own: real database, web server and worker, to be hurt."""

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

import psutil
import pytest

from medbook.embedded_postgres import EmbeddedPostgres

CHECKOUT = Path(__file__).resolve().parents[2]
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
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
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

    def ask(self, method, path, body=None, *, token=None, key=None, accept="application/json"):
        """Send one request; return status, headers and body. Raises: OSError."""
        headers = {"Accept": accept, "Content-Type": "application/json"}
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

    def web_workers(self):
        """Return the processes that answer requests."""
        for child in psutil.Process(self._process.pid).children(recursive=True):
            is_master = child.ppid() == self._process.pid
            if not is_master and "granian" in " ".join(child.parent().cmdline()):
                yield child

    def process(self):
        return psutil.Process(self._process.pid)


@pytest.fixture(scope="module")
def medbook():
    """Run a MedBook with demo data for the tests of one module."""
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=os.environ["MEDBOOK_VAR"]))
    folder.chmod(0o711)  # root's PostgreSQL runs as another user
    running = Running(folder)
    running.start()
    yield running
    running.stop()


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
