"""Does whatever people do leave the books as the model says, and would a bug be seen?"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from scheduling.services.slots import free_slots
from tests.machine.booking_machine import BookingMachine
from tests.machine.clinic import Clinic

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.breaks("nobody_owes_for_what_did_not_come_about"),  # where a bug is planted
]

EXAMPLES = int(os.environ.get("MEDBOOK_MACHINE_EXAMPLES", "8"))
SHRINKS = (Phase.shrink,) if "MEDBOOK_MACHINE_SHRINKS" in os.environ else ()
STEPS = int(os.environ.get("MEDBOOK_MACHINE_STEPS", "30"))


@pytest.fixture
def machine(monkeypatch):
    """A machine over a clinic whose people stay; what returns by chance returns halfway."""
    monkeypatch.setattr(
        "appointments.services.returning._chance", type("Chance", (), {"random": lambda _: 0.5})()
    )
    monkeypatch.setattr(BookingMachine, "clinic", Clinic())
    return BookingMachine


def run(machine, examples):
    """Try so many stories; the same ones each time, so that a red build stays red."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            phases=(Phase.generate, *SHRINKS),
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_books_and_the_model_agree(machine):
    run(machine, EXAMPLES)


def overtake(slots, now):
    """Put a place on sale that somebody waits for."""
    free_slots(slots)


@pytest.mark.parametrize(
    ("where", "bug"),
    [
        ("appointments.services.cancelling.return_places", overtake),
        ("appointments.services.cancelling.give_up_invoice", lambda **asked: None),
    ],
    ids=["a waiting person is overtaken", "money is forgotten"],
)
def test_a_planted_bug_is_found(machine, monkeypatch, where, bug):
    monkeypatch.setattr(where, bug)

    with pytest.raises(AssertionError):
        run(machine, 15)
