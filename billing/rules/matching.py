"""Does a gateway's statement say what our books say?"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from billing.choices import DifferenceKind, MovementKind, Resolution


@dataclass(frozen=True)
class Movement:
    """Money in our books: that of the day, and whatever else a statement names."""

    key: int  # of its row, among its kind
    kind: MovementKind
    number: str
    transaction: str
    amount: Decimal
    is_done: bool  # it moved, as far as we know
    is_settled: bool = False  # a closed settlement contains it


@dataclass(frozen=True)
class Told:
    """A line of a statement."""

    key: int
    kind: MovementKind
    number: str
    transaction: str
    amount: Decimal


@dataclass(frozen=True)
class Apart:
    """What does not agree: the movement, the line, or both."""

    kind: DifferenceKind
    movement: Movement | None
    line: Told | None


@dataclass(frozen=True)
class Matching:
    """What agrees, and what does not."""

    pairs: frozenset[tuple[Movement, Told]]
    differences: frozenset[Apart]


def match(movements: Collection[Movement], lines: Collection[Told]) -> Matching:
    """Lay a statement beside our books, in whatever order either comes.

    A line is about the movement with our number; one without a number about that with the
    gateway's. Of several lines about one, that which fits best counts and the others are twice.
    """
    by_number = {(each.kind, each.number): each for each in movements}
    by_transaction = {
        (each.kind, each.transaction): each
        for each in sorted(movements, key=lambda movement: -movement.key)
        if each.transaction
    }
    about: defaultdict[tuple[str, str], list[Told]] = defaultdict(list)
    meant: dict[tuple[str, str], Movement | None] = {}
    for line in lines:
        names = by_number if line.number else by_transaction
        movement = names.get((line.kind, line.number or line.transaction))
        name = movement.number if movement else _name(line)
        about[line.kind, name].append(line)
        meant[line.kind, name] = movement
    pairs, differences = set(), set()
    for group, told in about.items():
        movement = meant[group]
        best, *others = sorted(told, key=lambda line: _misfit(line, movement))
        if kind := _difference(movement, best):
            differences.add(Apart(kind, movement, best))
        elif movement:
            pairs.add((movement, best))
        differences |= {Apart(DifferenceKind.TWICE, movement, line) for line in others}
    for movement in movements:
        is_due = movement.is_done and not movement.is_settled
        if is_due and (movement.kind, movement.number) not in about:
            differences.add(Apart(DifferenceKind.MISSING_THERE, movement, None))
    return Matching(frozenset(pairs), frozenset(differences))


def _difference(movement: Movement | None, line: Told) -> DifferenceKind | None:
    if movement is None:
        return DifferenceKind.MISSING_HERE
    if movement.is_settled:
        return DifferenceKind.TWICE
    if not movement.is_done:
        return DifferenceKind.STATE_DIFFERS
    return None if movement.amount == line.amount else DifferenceKind.AMOUNT_DIFFERS


def _name(line: Told) -> str:
    """Name what an unknown line is about; without any number each stands alone."""
    return f"{line.number or line.transaction or line.key} is not ours"


def _misfit(line: Told, movement: Movement | None) -> tuple[bool, bool, str, str, Decimal, int]:
    return (
        movement is not None and movement.amount != line.amount,
        movement is not None and movement.transaction != line.transaction,
        line.number,
        line.transaction,
        line.amount,
        line.key,
    )


def resolutions(kind: DifferenceKind, movement: MovementKind) -> tuple[Resolution, ...]:
    """List what can be done about a difference, the usual first."""
    is_payment = movement == MovementKind.PAYMENT
    match kind:
        case DifferenceKind.MISSING_HERE | DifferenceKind.TWICE if is_payment:
            return Resolution.TAKE_IN, Resolution.WRITE_OFF, Resolution.NEXT_DAY
        case DifferenceKind.MISSING_HERE | DifferenceKind.TWICE:
            return Resolution.WRITE_OFF, Resolution.NEXT_DAY
        case DifferenceKind.STATE_DIFFERS:
            return Resolution.TAKE_IN, Resolution.ASK, Resolution.WRITE_OFF, Resolution.NEXT_DAY
        case DifferenceKind.MISSING_THERE:
            return Resolution.NEXT_DAY, Resolution.REVERSE
        case DifferenceKind.AMOUNT_DIFFERS:
            return (Resolution.WRITE_OFF,)
