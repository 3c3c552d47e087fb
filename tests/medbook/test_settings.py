import subprocess
import sys
from pathlib import Path

import pytest

from medbook.new_keys import new_keys

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    **new_keys(),
    "MEDBOOK_ENV": "production",
    "DATABASE_URL": "postgres://nobody@//nowhere/medbook",
    "REDIS_URL": "redis://nowhere",
}


def run(tmp_path, program, **environment):
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"MEDBOOK_VAR": str(tmp_path), **environment},
        check=False,
        capture_output=True,
        text=True,
    )


def read_settings(tmp_path, **environment):
    """Read the settings in a process of their own; return what it complains of."""
    return run(tmp_path, "import medbook.settings", **environment).stderr


def test_production_starts_with_all_it_needs(tmp_path):
    assert read_settings(tmp_path, **PRODUCTION) == ""


@pytest.mark.parametrize(
    "name",
    [
        "DJANGO_SECRET_KEY",
        "MEDBOOK_DATA_KEYS",
        "MEDBOOK_DATA_KEY_ACTIVE",
        "MEDBOOK_INDEX_KEYS",
        "MEDBOOK_JWT_KEY",
        "DATABASE_URL",
    ],
)
def test_nothing_secret_has_a_default(tmp_path, name):
    environment = {key: value for key, value in PRODUCTION.items() if key != name}

    assert f"Set the {name} environment variable" in read_settings(tmp_path, **environment)


def test_production_is_what_runs_when_nothing_is_said(tmp_path):
    environment = {key: value for key, value in PRODUCTION.items() if key != "MEDBOOK_ENV"}

    assert "ImproperlyConfigured" in read_settings(tmp_path, **environment, DEBUG="true")


@pytest.mark.parametrize("wrong", [{"REDIS_URL": ""}, {"DEBUG": "true"}])
def test_production_refuses_the_file_broker_and_debugging(tmp_path, wrong):
    assert "ImproperlyConfigured" in read_settings(tmp_path, **{**PRODUCTION, **wrong})


def test_secrets_may_come_from_files(tmp_path):
    key_file = tmp_path / "secret_key"
    key_file.write_text("from a file, and long enough to be a secret key")
    environment = {key: value for key, value in PRODUCTION.items() if key != "DJANGO_SECRET_KEY"}

    assert read_settings(tmp_path, **environment, DJANGO_SECRET_KEY_FILE=str(key_file)) == ""


@pytest.mark.parametrize(("seller", "expected"), [("2088", "['alipay']"), ("", "[]")])
def test_a_payment_gateway_is_off_until_all_its_keys_are_there(tmp_path, seller, expected):
    keys = {"ALIPAY_APP_ID": "2021", "ALIPAY_PRIVATE_KEY": "ours", "ALIPAY_PUBLIC_KEY": "theirs"}
    program = "from medbook.settings import PAYMENT_GATEWAYS; print(list(PAYMENT_GATEWAYS))"

    outcome = run(tmp_path, program, **PRODUCTION, **keys, ALIPAY_SELLER_ID=seller)

    assert outcome.stdout.strip() == expected
