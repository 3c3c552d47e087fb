"""Run all of MedBook on one machine: `make run`.

Starts the database, prepares it, then keeps a web server and a worker with beat running until it
is told to stop. A real server is used for each of DATABASE_URL, REDIS_URL and CELERY_BROKER_URL
that the environment gives.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from medbook.embedded_postgres import EmbeddedPostgres, PostgresFailed, die_with_parent
from medbook.new_keys import new_keys

CHECKOUT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("MEDBOOK_VAR", CHECKOUT / "var")).absolute()
ENVIRONMENT_FILE = VAR / "development.env"
POLL_SECONDS = 0.1
READY_SECONDS = 60
STOP_SECONDS = 10
LONGEST_WAIT = 30
STEADY_SECONDS = 60

WELCOME = """
MedBook is ready after {seconds:.1f} s.

  Pages          {url}/
  Administration {url}/admin/
  API            {url}/api/v1/docs/

  Members        +8613800000001 (Member) …02 (Silver) …03 (Gold) …04 (Jade)
  Staff          admin  desk  doctor  scheduler  finance  auditor
  Password       medbook-demo, for all of them

  Database       {database}
  Broker         {broker}
  Stop           Ctrl-C; the data stays ({var}) until `make clean`
"""


class Service(Protocol):
    """Something that runs beside this process."""

    @property
    def is_running(self) -> bool:
        """Tell whether it lives."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """End it and everything that it started."""


class Program:
    """One process and its children, in a process group of their own."""

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return how the process ended."""
        return None if self._process is None else self._process.returncode

    def start(self) -> None:
        """Start the process."""
        self.stop()
        self._process = subprocess.Popen(
            [sys.executable, *self._command],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    def ask_to_end(self) -> None:
        """Let the process finish what it does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End the process, and whatever is left of its children."""
        if self._process is None:
            return
        self.ask_to_end()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._process = None


@dataclass
class Kept:
    """A service that is started again when it ends, later each time."""

    name: str
    service: Service
    failures: int = 0
    started_at: float = field(default_factory=time.monotonic)
    due_at: float | None = None

    def watch(self) -> None:
        """Start the service again when it ended and its waiting time is over."""
        now = time.monotonic()
        if self.due_at is not None:
            if now >= self.due_at:
                self._start_again()
        elif not self.service.is_running:
            self._plan(now)
        elif now - self.started_at > STEADY_SECONDS:
            self.failures = 0

    def _plan(self, now: float) -> None:
        wait = min(2**self.failures, LONGEST_WAIT)
        self.failures += 1
        self.due_at = now + wait
        say(f"{self.name} ended; starting it again in {wait} s.")

    def _start_again(self) -> None:
        self.due_at = None
        self.started_at = time.monotonic()
        try:
            self.service.start()
        except PostgresFailed as failure:
            say(f"{self.name}: {failure}")


class Supervisor:
    """Everything that `make run` runs."""

    def __init__(self, *, port: int, database: EmbeddedPostgres | None) -> None:
        self.port = port
        self.stopping = False
        self._database = database
        self._web = Program(web_command(port))
        self._worker = Program(worker_command())

    def run(self) -> int:
        """Prepare, serve until told to stop, and end everything. Returns the exit code."""
        started_at = time.monotonic()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self._stop)
        try:
            if self._database is not None:
                self._database.start()
            if not self._prepare():
                return 0 if self.stopping else 1
            self._web.start()
            self._worker.start()
            if self._wait_until_ready():
                say(welcome(port=self.port, seconds=time.monotonic() - started_at))
            self._keep()
        except PostgresFailed as failure:
            say(f"PostgreSQL did not start.\n{failure}")
            return 1
        finally:
            self._end()
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True

    def _prepare(self) -> bool:
        preparation = Program(["manage.py", "prepare"])
        preparation.start()
        while preparation.is_running and not self.stopping:
            time.sleep(POLL_SECONDS)
        succeeded = preparation.exit_code == 0
        preparation.stop()
        return succeeded and not self.stopping

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping and self._web.is_running and time.monotonic() < deadline:
            if is_ready(self.port):
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _keep(self) -> None:
        kept = [Kept("The web server", self._web), Kept("The worker", self._worker)]
        if self._database is not None:
            kept.insert(0, Kept("PostgreSQL", self._database))
        while not self.stopping:
            for each in kept:
                each.watch()
            time.sleep(POLL_SECONDS)

    def _end(self) -> None:
        programs = [self._web, self._worker]
        for program in programs:
            program.ask_to_end()
        for program in programs:
            program.stop()
        if self._database is not None:
            self._database.stop()
        say("MedBook has stopped.")


def web_command(port: int) -> list[str]:
    """Return how to start the web server."""
    options = {
        "--interface": "wsgi",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--blocking-threads": "8",
        "--workers-kill-timeout": "5",
        "--log-level": "warning",
    }
    flat = [word for option in options.items() for word in option]
    return ["-m", "granian", *flat, "--respawn-failed-workers", "medbook.wsgi:application"]


def worker_command() -> list[str]:
    """Return how to start the worker, with beat inside."""
    options = ["--beat", "--schedule", str(VAR / "beat"), "--concurrency", "2"]
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    return ["-m", "celery", "--app", "medbook", "--quiet", "worker", *options, *quiet]


def is_ready(port: int) -> bool:
    """Ask the web server whether it can serve."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_taken(port: int) -> bool:
    """Tell whether another program listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def welcome(*, port: int, seconds: float) -> str:
    """Return the table of addresses and accounts."""
    return WELCOME.format(
        seconds=seconds,
        url=f"http://localhost:{port}",
        database="as DATABASE_URL says" if is_given("DATABASE_URL") else f"{VAR / 'postgres'}",
        broker="x",
        var=VAR,
    )
