"""Run all of MedBook on one machine: `make run`.

Starts the database, prepares it, then keeps a web server, a worker with beat and the sandbox bank
running until it is told to stop. A real server is used for each of DATABASE_URL, REDIS_URL and
CELERY_BROKER_URL that the environment gives.
"""

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from medbook.catalogues import compile_catalogues
from medbook.embedded_postgres import (
    EmbeddedPostgres,
    PostgresFailed,
    die_with_parent,
    follow_parent,
)
from medbook.new_keys import new_keys

CHECKOUT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("MEDBOOK_VAR", CHECKOUT / "var")).absolute()
ENVIRONMENT_FILE = VAR / "development.env"
READY_BEFORE = VAR / "ready-before"
SERVERS = ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "CELERY_BROKER_URL")
POLL_SECONDS = 0.2
STOP_SECONDS = 3  # an idle worker would take six; what is killed is idempotent and begins again
LONGEST_WAIT = 10
STEADY_SECONDS = 60

WELCOME = """
MedBook is ready after {seconds:.1f} s.

  Pages          {url}/
  Administration {url}/admin/
  API            {url}/api/v1/docs/
  Sandbox bank   {sandbox}/

  Members        +8613800000001 (Member) …02 (Silver) …03 (Gold) …04 (Jade)
  Staff          admin  desk  doctor  scheduler  finance  auditor
  Password       medbook-demo, for all of them
  Second step    auditor only: {python} manage.py demo_code

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

    def __init__(self, command: list[str], **environment: str) -> None:
        self._command = command
        self._environment = environment
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
            env={**os.environ, **self._environment},
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
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
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

    def watch(self, now: float) -> None:
        """Start the service again when it ended and its waiting time is over."""
        if self.due_at is not None:
            if now >= self.due_at:
                self._start_again(now)
        elif not self.service.is_running:
            self._plan(now)
        elif now - self.started_at > STEADY_SECONDS:
            self.failures = 0

    def _plan(self, now: float) -> None:
        wait = min(2**self.failures, LONGEST_WAIT)
        self.failures += 1
        self.due_at = now + wait
        say(f"{self.name} ended; starting it again in {wait} s.")

    def _start_again(self, now: float) -> None:
        self.due_at = None
        self.started_at = now
        try:
            self.service.start()
        except PostgresFailed as failure:
            say(f"{self.name}: {failure}")


class Supervisor:
    """Everything that `make run` runs."""

    def __init__(self, *, port: int, database: EmbeddedPostgres | None) -> None:
        self._port = port
        self._database = database
        self._web = Program(web_command(port))
        self._worker = Program(worker_command())
        self._bank = Program(bank_command(port + 1))
        self._stopping = False
        self._started_at = time.monotonic()

    def run(self) -> int:
        """Prepare, serve until told to stop, and end everything. Returns the exit code."""
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self._stop)
        try:
            compile_catalogues(CHECKOUT / "locale")
            if self._database is not None:
                self._database.start()
            settle_environment(self._port, self._database)
            if READY_BEFORE.exists():  # seldom anything to prepare: the web server starts beside it
                self._web.start()
            if not self._prepare():
                return 0 if self._stopping else 1
            if not self._web.is_running:
                self._web.start()
            self._worker.start()
            self._bank.start()
            self._keep()
        except PostgresFailed as failure:
            say(f"PostgreSQL did not start.\n{failure}")
            return 1
        finally:
            self._end()
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _prepare(self) -> bool:
        """Bring the database up to date. Returns whether to go on."""
        preparation = Program(["manage.py", "prepare"], STATEMENT_TIMEOUT="0")
        preparation.start()
        while preparation.is_running and not self._stopping:
            time.sleep(POLL_SECONDS)
        succeeded = preparation.exit_code == 0
        preparation.stop()
        return succeeded and not self._stopping

    def _keep(self) -> None:
        kept = [
            Kept("The web server", self._web),
            Kept("The worker", self._worker),
            Kept("The sandbox bank", self._bank),
        ]
        if self._database is not None:
            kept.insert(0, Kept("PostgreSQL", self._database))
        greeted = False
        while not self._stopping:
            for each in kept:
                each.watch(time.monotonic())
            if not greeted and is_ready(self._port):
                say(welcome(self._port, seconds=time.monotonic() - self._started_at))
                READY_BEFORE.touch()
                greeted = True
            time.sleep(POLL_SECONDS)

    def _end(self) -> None:
        programs = [self._web, self._worker, self._bank]
        for program in programs:
            program.ask_to_end()
        for program in programs:
            program.stop()
        if self._database is not None:
            self._database.stop()
        say("MedBook has stopped.")


def main() -> int:
    """Run until told to stop. Returns the exit code."""
    if os.environ.get("MEDBOOK_ENV", "development") != "development":
        say("`make run` is for development; deploy/ and compose.yaml are for production.")
        return 1
    if "MAKELEVEL" in os.environ:
        follow_parent(signal.SIGTERM)
    port = int(os.environ.get("PORT") or 8000)
    for number in (port, port + 1):
        if is_taken(number):
            say(f"Port {number} is taken. Another one: make run PORT={number + 1}")
            return 1
    for folder in ("broker", "broker-control", "static"):
        (VAR / folder).mkdir(parents=True, exist_ok=True)
    with (VAR / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"MedBook already runs with the data in {VAR}.")
            return 1
        for folder in ("broker", "broker-control"):
            forget_torn_files(VAR / folder)
        database = None if is_given("DATABASE_URL") else EmbeddedPostgres(VAR / "postgres")
        return Supervisor(port=port, database=database).run()


def forget_torn_files(folder: Path) -> None:
    """Delete what a killed process left empty: a worker that reads it dies, again and again."""
    for file in folder.iterdir():
        if file.is_file() and not file.stat().st_size:
            file.unlink()


def settle_environment(port: int, database: EmbeddedPostgres | None) -> None:
    """Complete the environment of all children, and keep it for `manage.py`."""
    values = {"MEDBOOK_ENV": "development", "BASE_URL": f"http://localhost:{port}"}
    values["SANDBOX_URL"] = sandbox_url(port)
    values |= new_keys() | keys_kept()
    if database is not None:
        values |= {"DATABASE_URL": database.app_url, "DATABASE_OWNER_URL": database.owner_url}
    servers = {name: os.environ[name] for name in SERVERS if is_given(name)}
    given = {name: os.environ[name] for name in values if os.environ.get(name)}
    values |= servers | given
    os.environ.update(values)
    with open(ENVIRONMENT_FILE, "w", opener=private) as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())


def keys_kept() -> dict[str, str]:
    """Return the keys of earlier runs: what they sealed has to stay readable."""
    if not ENVIRONMENT_FILE.exists():
        return {}
    lines = (line.partition("=") for line in ENVIRONMENT_FILE.read_text().splitlines())
    return {name: value for name, _, value in lines if name in new_keys()}


def private(path: str, flags: int) -> int:
    """Open a file that only its owner reads."""
    return os.open(path, flags, mode=0o600)


def is_given(name: str) -> bool:
    """Tell whether the environment names this server."""
    return bool(os.environ.get(name))


def web_command(port: int) -> list[str]:
    """Return how to start the web server."""
    options = {
        "--interface": "wsgi",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--workers": "1",
        "--blocking-threads": "8",
        "--workers-kill-timeout": "5",
        "--log-level": "error",
    }
    flat = [word for option in options.items() for word in option]
    return ["-m", "granian", *flat, "--respawn-failed-workers", "medbook.wsgi:application"]


def worker_command() -> list[str]:
    """Return how to start the worker, with beat inside."""
    options = ["--beat", "--schedule", str(VAR / "beat"), "--concurrency", "2"]
    quiet = ["--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    as_root = ["-W", "ignore::RuntimeWarning:celery.platforms"]  # "absolutely not recommended!"
    return [*as_root, "-m", "celery", "--app", "medbook", "--quiet", "worker", *options, *quiet]


def bank_command(port: int) -> list[str]:
    """Return how to start the bank of the sandbox gateway."""
    return ["manage.py", "run_sandbox", "--port", str(port)]


def sandbox_url(port: int) -> str:
    """Tell where the sandbox bank is while MedBook is on this port."""
    return f"http://localhost:{port + 1}/sandbox"


def is_ready(port: int) -> bool:
    """Ask the web server whether it can serve."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def is_taken(port: int) -> bool:
    """Tell whether another program listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def welcome(port: int, *, seconds: float) -> str:
    """Return the table of addresses and accounts."""
    return WELCOME.format(
        seconds=seconds,
        url=f"http://localhost:{port}",
        sandbox=sandbox_url(port),
        python=os.path.relpath(sys.executable),
        var=VAR,
    )


def say(text: str) -> None:
    """Print at once; a terminal that went away is no reason to leave something running."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
