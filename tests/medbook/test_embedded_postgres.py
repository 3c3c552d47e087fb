import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import environ
import psutil
import psycopg
import pytest

from medbook.embedded_postgres import EmbeddedPostgres

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")


@pytest.fixture
def folder(request):
    """Return a folder that every user can reach, and remove what was kept elsewhere."""
    path = Path(os.environ["MEDBOOK_VAR"]) / f"embedded-{os.getpid()}-{request.node.name}"
    yield path
    elsewhere = path / "elsewhere"
    if elsewhere.is_symlink():
        shutil.rmtree(elsewhere.readlink())


@pytest.fixture
def started(folder):
    """Return a function that starts a server on the folder; all are stopped at the end."""
    servers = []

    def start(where=folder):
        server = EmbeddedPostgres(where, durable=False)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in reversed(servers):
        server.stop()


def connect(url):
    parts = environ.Env.db_url_config(url)
    return psycopg.connect(
        host=parts["HOST"],
        user=parts["USER"],
        dbname=parts["NAME"],
        port=parts["OPTIONS"]["port"],
        autocommit=True,
    )


def answer(url, question):
    with connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def main_process(folder):
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_keeps_its_data_between_runs(started):
    server = started()
    with connect(server.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    server.stop()

    assert answer(started().owner_url, "SELECT number FROM kept") == 7


def test_application_neither_owns_nor_makes_tables(started):
    server = started()

    with connect(server.app_url) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine ()")

        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'medbook'"
        ).fetchone()[0]
    assert owner == "medbook_owner"


def test_listens_on_no_network_address(started):
    assert answer(started().app_url, "SHOW listen_addresses") == ""


def test_stops_at_once_though_somebody_is_connected(started, folder):
    server = started()
    process = psutil.Process(main_process(folder))
    connection = connect(server.app_url)

    server.stop()

    assert not process.is_running()
    assert not server.is_running
    connection.close()


def test_survives_a_process_id_that_now_belongs_to_another(started, folder):
    started().stop()
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n")

    assert answer(started().app_url, "SELECT 1") == 1


def test_starts_again_after_it_was_killed(started, folder):
    server = started()
    process = psutil.Process(main_process(folder))
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=5)

    server.start()

    assert answer(server.app_url, "SELECT 1") == 1


def test_ends_a_server_that_outlived_its_supervisor(started, folder):
    first = started()

    second = started()

    assert not first.is_running
    assert answer(second.app_url, "SELECT 1") == 1


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells children of their parent's end"
)
def test_does_not_outlive_a_killed_supervisor(folder):
    program = (
        "import sys, time; from pathlib import Path;"
        "from medbook.embedded_postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(Path(sys.argv[1]), durable=False).start();"
        "print('started', flush=True); time.sleep(60)"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE
    )
    with supervisor:
        assert supervisor.stdout.readline() == b"started\n"
        server = psutil.Process(main_process(folder))

        supervisor.kill()

    gone, _ = psutil.wait_procs([server], timeout=10)
    assert gone or server.status() == psutil.STATUS_ZOMBIE


def test_finds_a_place_for_its_socket_below_a_long_path(started, folder):
    server = started(folder / ("a clinic with a long name " * 5).strip())
    elsewhere = Path(environ.Env.db_url_config(server.app_url)["HOST"]).parent

    assert answer(server.app_url, "SELECT 1") == 1
    assert elsewhere.parent == Path(tempfile.gettempdir())

    server.stop()
    assert not elsewhere.exists()


@as_root
def test_moves_where_its_user_can_reach(started, folder):
    folder.mkdir(mode=0o700)

    server = started()

    assert answer(server.app_url, "SELECT 1") == 1
    assert (folder / "elsewhere").readlink().exists()
    assert not (folder / "data").exists()
