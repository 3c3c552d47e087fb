import re
import shutil
import stat
import subprocess
from pathlib import Path

import environ
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


@pytest.fixture
def secrets(tmp_path):
    """Return the folder that the script makes."""
    shutil.copy(ROOT / "deploy" / "new-secrets", tmp_path)
    subprocess.run([tmp_path / "new-secrets"], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_image_runs_as_an_ordinary_user():
    users = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)

    assert users[-1] == "10001:10001"


def test_image_knows_each_role_that_compose_starts():
    roles = set(
        re.findall(r"^([a-z |]+)\)$", (ROOT / "deploy" / "start").read_text(), re.MULTILINE)
    )
    known = {role.strip() for line in roles for role in line.split("|")}

    started = {one["command"][0] for one in COMPOSE["services"].values() if "build" in one}
    assert started <= known
    assert known == {"web", "api", "worker", "beat", "prepare"}


@pytest.mark.parametrize("script", ["start", "new-secrets"])
def test_scripts_are_shell_and_may_be_run(script):
    path = ROOT / "deploy" / script

    subprocess.run(["sh", "-n", path], check=True)
    assert path.stat().st_mode & stat.S_IXUSR


def test_script_makes_each_secret_that_compose_mounts(secrets):
    mounted = {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}

    assert {path.name for path in secrets.iterdir()} == mounted


def test_secrets_are_closed_to_other_users_of_the_machine(secrets):
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700


def test_application_and_owner_have_passwords_of_their_own(secrets):
    def described(name):
        return environ.Env.db_url_config((secrets / name).read_text())

    app, owner = described("database_url"), described("database_owner_url")
    assert (app["USER"], owner["USER"]) == ("medbook_app", "medbook_owner")
    assert app["PASSWORD"] == (secrets / "app_password").read_text()
    assert owner["PASSWORD"] == (secrets / "owner_password").read_text()
    assert app["PASSWORD"] != owner["PASSWORD"]


def test_secrets_are_never_replaced(secrets):
    before = (secrets / "data_keys").read_text()

    again = subprocess.run([secrets.parent / "new-secrets"], check=False, capture_output=True)

    assert again.returncode == 1
    assert (secrets / "data_keys").read_text() == before


def test_no_secret_reaches_the_image_or_the_repository():
    ignored_by_docker = (ROOT / ".dockerignore").read_text().splitlines()

    assert "deploy/*" in ignored_by_docker
    assert [line for line in ignored_by_docker if line.startswith("!")] == ["!deploy/start"]
    assert "/deploy/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
