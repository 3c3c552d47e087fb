"""Does the rule find every way in which a statement and our books differ?"""

import random
from decimal import Decimal

from billing.choices import DifferenceKind, MovementKind, Resolution
from billing.rules.matching import Movement, Told, match, resolutions

PAYMENT, REFUND = MovementKind.PAYMENT, MovementKind.REFUND


def ours(key, *, kind=PAYMENT, amount=180, transaction=None, is_done=True, is_settled=False):
    said = f"T{kind}{key}" if transaction is None else transaction
    return Movement(key, kind, f"N{key}", said, Decimal(amount), is_done, is_settled)


def theirs(key, about=None, *, kind=PAYMENT, amount=180, number=None, transaction=None):
    about = key if about is None else about
    return Told(
        key,
        kind,
        f"N{about}" if number is None else number,
        f"T{kind}{about}" if transaction is None else transaction,
        Decimal(amount),
    )


CASES = {
    "nothing": ([], [], []),
    "agrees": ([ours(1)], [theirs(1)], []),
    "unknown": ([], [theirs(1)], ["missing_here"]),
    "not in the statement": ([ours(1)], [], ["missing_there"]),
    "under way, and not there": ([ours(1, is_done=False)], [], []),
    "settled before": ([ours(1, is_settled=True)], [], []),
    "settled before and told again": ([ours(1, is_settled=True)], [theirs(1)], ["twice"]),
    "a cent": ([ours(1)], [theirs(1, amount="180.01")], ["amount_differs"]),
    "under way here": ([ours(1, is_done=False)], [theirs(1)], ["state_differs"]),
    "told twice": ([ours(1)], [theirs(1), theirs(2, 1)], ["twice"]),
    "unknown and told twice": ([], [theirs(1), theirs(2, 1)], ["missing_here", "twice"]),
    "two unknown without numbers": (
        [],
        [theirs(1, number="", transaction=""), theirs(2, number="", transaction="")],
        ["missing_here", "missing_here"],
    ),
    "by the gateway's number": ([ours(1)], [theirs(1, number="")], []),
    "a refund is no payment": (
        [ours(1, kind=REFUND)],
        [theirs(1)],
        ["missing_here", "missing_there"],
    ),
    "both kinds with one number": (
        [ours(1), ours(1, kind=REFUND)],
        [theirs(1), theirs(2, 1, kind=REFUND)],
        [],
    ),
}


def test_tells_what_differs():
    found = {
        case: sorted(each.kind for each in match(movements, lines).differences)
        for case, (movements, lines, _kinds) in CASES.items()
    }

    assert found == {case: kinds for case, (_movements, _lines, kinds) in CASES.items()}


def test_of_several_lines_the_one_that_fits_best_counts():
    fits, other = theirs(2, 1), theirs(1, 1, amount=181)

    found = match([ours(1)], [other, fits])

    assert found.pairs == {(ours(1), fits)}
    assert [each.line for each in found.differences] == [other]


def planted(chance):
    """Make a day at random with every class of difference in it; return it with what to find."""
    movements, lines, wanted = [], [], set()
    classes = [None, *DifferenceKind.values]
    for key in range(1, 60):
        kind = chance.choice([PAYMENT, REFUND])
        what = classes[key] if key < len(classes) else chance.choice(classes)
        movement = ours(key, kind=kind, is_done=what != "state_differs")
        number = chance.choice([None, ""])
        line = theirs(key, kind=kind, number=number)
        if what == "amount_differs":
            line = theirs(key, kind=kind, number=number, amount="180.01")
        if what != "missing_here":
            movements.append(movement)
        if what != "missing_there":
            lines.append(line)
        if what == "twice":
            lines.append(theirs(key + 1000, key, kind=kind, number=number))
        if what:
            wanted.add((what, key))
    return movements, lines, wanted


def test_any_order_gives_the_same_and_everything_ends_in_one_place():
    chance = random.Random(1)
    for _round in range(40):
        movements, lines, wanted = planted(chance)
        found = match(movements, lines)
        for _shuffle in range(5):
            chance.shuffle(movements)
            chance.shuffle(lines)
            assert match(movements, lines) == found

        names = {
            (each.kind.value, each.movement.key if each.movement else each.line.key)
            for each in found.differences
        }
        assert names == wanted
        told = [line for _movement, line in found.pairs]
        told += [each.line for each in found.differences if each.line]
        assert sorted(told, key=lambda line: line.key) == sorted(lines, key=lambda line: line.key)
        at = [movement for movement, _line in found.pairs]
        at += [
            each.movement for each in found.differences if each.movement and each.kind != "twice"
        ]
        assert len(at) == len(set(at)) == len(movements)


def test_every_difference_can_be_decided_and_only_what_is_told_is_taken_in():
    for kind in DifferenceKind:
        for movement in MovementKind:
            offered = resolutions(kind, movement)
            assert offered
            assert (Resolution.REVERSE in offered) == (kind == DifferenceKind.MISSING_THERE)
            assert not (Resolution.TAKE_IN in offered and kind == DifferenceKind.MISSING_THERE)
