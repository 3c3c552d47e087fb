import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OF_MEDBOOK = {name for name, service in SERVICES.items() if "build" in service}

each_service = pytest.mark.parametrize("name", SERVICES)


def test_every_role_is_there_once():
    assert {SERVICES[name]["command"][0] for name in OF_MEDBOOK} == OF_MEDBOOK
    assert {"web", "worker", "beat", "prepare"} == OF_MEDBOOK
    assert set(SERVICES) - OF_MEDBOOK == {"database", "redis", "proxy"}


@each_service
def test_containers_cannot_write_or_gain_rights(name):
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert "privileged" not in service
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])


@each_service
def test_containers_are_limited(name):
    assert SERVICES[name]["mem_limit"]
    assert SERVICES[name]["pids_limit"]


@each_service
def test_whatever_keeps_running_is_watched(name):
    assert ("healthcheck" in SERVICES[name]) == (name != "prepare")


@each_service
def test_names_only_what_is_declared(name):
    service = SERVICES[name]

    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_only_the_proxy_is_reached_from_outside():
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"proxy"}
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["database"]["networks"] == SERVICES["redis"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", sorted(OF_MEDBOOK))
def test_secrets_come_by_file(name):
    service = SERVICES[name]
    files = {
        value.removeprefix("/run/secrets/")
        for variable, value in service["environment"].items()
        if variable.endswith("_FILE")
    }

    assert files == set(service["secrets"])
    assert not [
        variable
        for variable in service["environment"]
        if re.search(r"(_KEYS?|SECRET|PASSWORD|_URL)$", variable) and variable != "BASE_URL"
    ]


def test_only_the_preparation_acts_as_the_owner_of_the_tables():
    owners = {
        name for name in SERVICES if "database_owner_url" in SERVICES[name].get("secrets", [])
    }

    assert owners == {"prepare"}
    for name in OF_MEDBOOK - {"prepare"}:
        condition = SERVICES[name]["depends_on"]["prepare"]["condition"]
        assert condition == "service_completed_successfully"


def test_images_of_others_name_a_version():
    for name in set(SERVICES) - OF_MEDBOOK:
        assert re.fullmatch(r"[a-z]+:\d[\w.-]*", SERVICES[name]["image"])
