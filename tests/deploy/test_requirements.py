import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["requirements", "requirements-local", "requirements-gateways", "requirements-dev"]

each_file = pytest.mark.parametrize("name", NAMES)


def direct_requirements(name):
    for line in (ROOT / f"{name}.in").read_text().splitlines():
        if line and not line.startswith(("#", "-")):
            requirement, _, reason = line.partition(" # ")
            yield re.split(r"[\[~<>=; ]", requirement.strip().lower())[0], reason.strip()


@each_file
def test_every_direct_requirement_says_why_it_is_here(name):
    pinned = (ROOT / f"{name}.txt").read_text()

    for requirement, reason in direct_requirements(name):
        assert reason, requirement
        assert re.search(rf"^# {re.escape(reason)}\n{re.escape(requirement)}==", pinned, re.M)


@each_file
def test_every_requirement_is_pinned_with_hashes(name):
    text = (ROOT / f"{name}.txt").read_text()
    pins = re.findall(r"^[a-z0-9].*(?:\n {4}--hash=.*)*", text, re.M)

    assert len(pins) >= len(list(direct_requirements(name)))
    for pin in pins:
        assert re.match(r"[a-z0-9.-]+==\S+ \\\n( {4}--hash=sha256:[0-9a-f]{64}( \\)?\n?)+$", pin), (
            pin
        )


def test_no_two_files_pin_different_versions():
    versions = {}
    for name in NAMES:
        for package, version in re.findall(
            r"^([a-z0-9.-]+)==(\S+)", (ROOT / f"{name}.txt").read_text(), re.M
        ):
            assert versions.setdefault(package, version) == version


@each_file
def test_no_index_or_place_of_somebodys_machine_is_named(name):
    for suffix in ("in", "txt"):
        assert not re.search(
            r"--(extra-)?index-url|--find-links|://", (ROOT / f"{name}.{suffix}").read_text()
        )
