import http.client
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from medbook.embedded_postgres import PostgresFailed
from medbook.supervisor import Kept, Program, forget_torn_files, is_taken

ROOT = Path(__file__).resolve().parents[2]
PARENT_OF_TWO = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, file=open(sys.argv[1], "w"), flush=True)
time.sleep(60)
"""


class Lamp:
    """A service that burns until somebody blows it out."""

    def __init__(self):
        self.is_running = True
        self.starts = 0

    def start(self):
        self.starts += 1
        self.is_running = True

    def stop(self):
        self.is_running = False


class BrokenLamp(Lamp):
    def start(self):
        self.starts += 1
        raise PostgresFailed("no oil")


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_starts_again_what_ended_later_each_time(capsys):
    lamp = Lamp()
    kept = Kept("The lamp", lamp, started_at=0)
    starts = []

    for second in range(20):
        kept.watch(second)
        if lamp.starts > len(starts):
            starts.append(second)
        lamp.stop()

    assert starts == [1 + 1, 3 + 2, 6 + 4, 11 + 8]
    assert "The lamp ended; starting it again in 8 s." in capsys.readouterr().out


def test_forgets_old_failures_after_a_steady_minute():
    lamp = Lamp()
    kept = Kept("The lamp", lamp, failures=5, started_at=0)

    kept.watch(60)
    assert kept.failures == 5

    kept.watch(61)
    assert kept.failures == 0


def test_goes_on_when_a_restart_fails(capsys):
    lamp = BrokenLamp()
    lamp.stop()
    kept = Kept("PostgreSQL", lamp, started_at=0)

    for second in range(5):
        kept.watch(second)

    assert lamp.starts == 2
    assert "PostgreSQL: no oil" in capsys.readouterr().out


def test_forgets_messages_that_were_torn_when_they_were_written(tmp_path):
    torn, whole = tmp_path / "torn.msg", tmp_path / "whole.msg"
    torn.touch()
    whole.write_text("{}")

    forget_torn_files(tmp_path)

    assert list(tmp_path.iterdir()) == [whole]


def test_ends_the_children_of_what_it_ends(tmp_path):
    note = tmp_path / "child"
    program = Program(["-c", PARENT_OF_TWO, str(note)])
    program.start()
    child = int(wait_for(lambda: note.exists() and note.read_text()))

    program.stop()

    assert not program.is_running
    wait_for(lambda: not lives(child), seconds=5)


@pytest.fixture
def house(tmp_path_factory):
    """Return a function that starts MedBook on a free port; whatever is left is ended."""
    var = Path(os.environ["MEDBOOK_VAR"]) / f"house-{os.getpid()}"
    running = []

    def start():
        port = two_free_ports()
        environment = {"PATH": os.environ["PATH"], "PORT": str(port), "MEDBOOK_VAR": str(var)}
        with (tmp_path_factory.mktemp("house") / "log").open("w+") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "medbook.supervisor"],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        running.append(process)
        wait_for(lambda: process.poll() is not None or is_ready(port), seconds=120)
        assert process.poll() is None, Path(log.name).read_text()
        return psutil.Process(process.pid), port

    start.var = var
    yield start
    for process in running:
        process.kill()
        process.wait()


def two_free_ports():
    """Return a free port whose next one, the sandbox bank's, is free, too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if not is_taken(port + 1):
            return port


def is_ready(port):
    return status_of(port, "/readyz") == 200


def status_of(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_runs_all_of_medbook_repairs_it_and_leaves_nothing_behind(house):
    supervisor, port = house()
    keys_file = house.var / "development.env"
    keys = [line for line in keys_file.read_text().splitlines() if "_KEY" in line]
    assert f"SANDBOX_URL=http://localhost:{port + 1}/sandbox\n" in keys_file.read_text()
    assert stat.S_IMODE(keys_file.stat().st_mode) == 0o600

    commands = {each.pid: " ".join(each.cmdline()) for each in supervisor.children()}
    (web,) = [pid for pid, command in commands.items() if "granian" in command]
    (database,) = [pid for pid, command in commands.items() if "bin/postgres" in command]
    assert [command for command in commands.values() if "celery" in command]
    assert [command for command in commands.values() if "run_sandbox" in command]
    wait_for(lambda: status_of(port + 1, "/sandbox/") == 200)

    os.kill(web, signal.SIGKILL)
    os.kill(database, signal.SIGKILL)
    wait_for(lambda: not lives(web) and not lives(database))
    wait_for(lambda: is_ready(port))

    everybody = supervisor.children(recursive=True)
    supervisor.terminate()
    assert supervisor.wait(timeout=30) == 0
    assert [each for each in everybody if lives(each.pid)] == []

    again, _ = house()
    assert [line for line in keys_file.read_text().splitlines() if "_KEY" in line] == keys
    everybody = again.children(recursive=True)
    again.kill()
    wait_for(lambda: not [each for each in everybody if lives(each.pid)], seconds=30)
