"""Does whatever people do leave the books as the model says, and would a bug be seen?"""

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from billing.sandbox.choices import Behaviour
from scheduling.services.slots import free_slots
from tests.machine.booking_machine import BookingMachine
from tests.machine.clinic import Clinic

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("bank"),
    pytest.mark.breaks(  # where a bug is planted
        "nobody_owes_for_what_did_not_come_about", "what_is_paid_too_much_goes_back"
    ),
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


@pytest.fixture
def story(machine):
    """One story of the machine, told step by step."""
    story = machine()
    yield story
    story.teardown()


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


@pytest.mark.parametrize("calls_off", ["leave", "call_off"])
def test_they_agree_on_a_missed_visit_that_is_called_off_which_chance_seldom_tries(
    story, calls_off
):
    story.open_clinic()
    story.book(("ann", "ann"), "A1", 1, 100, "desk")
    story.pay(0)
    story.wait_until("A1", "start", 0)
    story.wait(timedelta(minutes=16))
    story.go_on(0, "miss")
    story.deliver()
    if calls_off == "leave":
        story.leave("A1", 60)
    else:
        story.call_off("A1")
    story.deliver()

    story.the_books_say_what_the_model_says()
    story.the_whole_database_is_as_it_must_be()
    states = [visit.state for visit in story.world.visits.values()]
    assert states == ["called_off"]


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


def pay_twice_and_too_late(story):
    """Let money come in twice when the place has gone to somebody who waited."""
    story.begin([Behaviour.NORMAL, Behaviour.NORMAL])
    story.wait_until("B1", "hold", 0)
    story.sweep()
    story.the_books_say_what_the_model_says()


def test_they_agree_that_what_is_paid_twice_and_too_late_goes_back(story):
    pay_twice_and_too_late(story)

    payments = story.world.payments.values()
    assert [(payment.is_extra, payment.left) for payment in payments] == [(False, 0), (True, 0)]


@pytest.mark.parametrize(
    ("where", "bug"),
    [
        ("billing.services.invoices.request_refund", lambda **asked: None),
        ("appointments.services.payment._send_money_back", lambda visit, now: None),
    ],
    ids=["what is paid twice stays", "what is paid too late stays"],
)
def test_a_planted_bug_about_money_from_the_bank_is_found(story, monkeypatch, where, bug):
    monkeypatch.setattr(where, bug)

    with pytest.raises(AssertionError, match="payments"):
        pay_twice_and_too_late(story)
