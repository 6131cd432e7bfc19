"""A `Match` -> `Row`s: which array is read, how its axes move, and where it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dualcell.weights.axes import Move, in_words, inverse, joined, reshape
from dualcell.weights.inventory import Inventory, Layer, Shape, Weight
from dualcell.weights.kinds import KINDS, Role
from dualcell.weights.matching import Match, Matching


@dataclass(frozen=True)
class Row:
    """One weight of the target.

    Attributes:
        sources: the weights it is made of, each with its move into the target's layout:
            usually one; several are added; none where it gets a neutral value.
        target: the weight that is written.
        kind: the layer kind.
        fill: the neutral value; None if there is a source.
        by: what says that they belong together, see `matching.Match`.
        note: what else is to be known; may be empty.
    """

    sources: tuple[tuple[Weight, Move], ...]
    target: Weight
    kind: str
    fill: float | None
    by: str
    note: str = ""

    @property
    def source_name(self) -> str:
        """What is read, in words."""
        return " + ".join(weight.name for weight, _ in self.sources) or f"{self.fill:g} everywhere"

    @property
    def move(self) -> str:
        """The axis move, in words; empty if nothing moves."""
        return in_words(self.sources[0][1]) if self.sources else ""

    def first_alone(self) -> Row:
        """The row, made of its first source only."""
        return replace(self, sources=self.sources[:1])


@dataclass(frozen=True)
class Dropped:
    """A weight of the source without a place in the target: its values must do nothing.

    Attributes:
        weight: the weight.
        neutral: the value that does nothing.
        layer: the target's layer that lacks it.
    """

    weight: Weight
    neutral: float
    layer: str


@dataclass(frozen=True)
class Problem:
    """Why a weight of a matched layer cannot be copied.

    Attributes:
        name: the weight.
        reason: one sentence, with what to change.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Draft:
    """All a plan says about weights.

    Attributes:
        rows: each weight that would be written.
        dropped: weights of matched source layers without a place; they must do nothing.
        problems: weights of matched layers that cannot be copied, and why.
        left: paths of the arrays that are left over on each side.
        hints: what to change about what is left over.
        layers: how many layers belong together.
        doubts: what could not be seen, one sentence each.
    """

    rows: tuple[Row, ...]
    dropped: tuple[Dropped, ...]
    problems: tuple[Problem, ...]
    left: tuple[tuple[str, ...], tuple[str, ...]]
    hints: tuple[str, ...]
    layers: int
    doubts: tuple[str, ...] = ()


def draft(matching: Matching) -> Draft:
    """The rows of all matches, and what is left over: of a layer that lacks a weight, or has a wrong one, all."""
    couples = [(found, [*rows_of(found)]) for found in matching.matches]
    refused = [found for found, made in couples if any(isinstance(row, Problem) for row in made)]
    problems = tuple(row for _, made in couples for row in made if isinstance(row, Problem))
    made = [row for found, made in couples if found not in refused for row in made]
    rows = tuple(row for row in made if isinstance(row, Row))
    left = (
        (*matching.source_left, *(found.source for found in refused)),
        (*matching.target_left, *(found.target for found in refused)),
    )
    read = {(weight.array, weight.part) for row in rows for weight, _ in row.sources}
    filled = {(row.target.array, row.target.part) for row in rows}
    return Draft(
        rows,
        tuple(row for row in made if isinstance(row, Dropped)),
        problems,
        (_left(left[0], read), _left(left[1], filled)),
        tuple(dict.fromkeys([*(each.hint for each in (*left[0], *left[1]) if each.hint), *matching.parts])),
        len(matching.matches) - len(refused),
        matching.notes,
    )


def _left(layers: tuple[Layer, ...], used: set[tuple[str, tuple[int, int]]]) -> tuple[str, ...]:
    """The arrays of layers that are left over; one that is tied to a weight with a place is none."""
    weights = (weight for layer in layers if layer.kind != "counter" for weight in layer.weights)
    return tuple(dict.fromkeys(weight.array for weight in weights if (weight.array, weight.part) not in used))


def left_out(found: Draft, source: Inventory, target: Inventory) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths of the arrays on each side that the plan says nothing of: what overrides leave out."""
    told = {problem.name for problem in found.problems}
    read = {weight.array for row in found.rows for weight, _ in row.sources}
    read |= {one.weight.array for one in found.dropped} | {*found.left[0]}
    written = {row.target.array for row in found.rows} | {*found.left[1]}
    return _unsaid(source, read, told), _unsaid(target, written, told)


def _unsaid(side: Inventory, said: set[str], told: set[str]) -> tuple[str, ...]:
    weights = (weight for layer in side.layers for weight in layer.weights if not is_count(layer, weight))
    return tuple(dict.fromkeys(each.array for each in weights if each.array not in said and each.name not in told))


def is_count(layer: Layer, weight: Weight) -> bool:
    """Whether a weight only counts steps."""
    return any(role.counter and role.name == weight.role for role in KINDS[layer.kind])


def is_added(row: Row, before: Row) -> bool:
    """Whether a weight without a source is a second bias, whose sum with that of the row before the source holds."""
    joins = {role.name: role.joins for role in KINDS[row.kind]}
    return not row.sources and before.kind == row.kind and joins.get(row.target.role) == before.target.role


def rows_of(match: Match) -> Iterator[Row | Dropped | Problem]:
    """The rows of a match, in the order of the target's weights."""
    source, target = match.source, match.target
    if len(source.weights) == len(target.weights) == 1:  # also a bare parameter against a layer's only weight
        yield _row(match, source.weights, target.weights[0])
        return
    roles = {role.name: role for role in KINDS[target.kind]} | {role.name: role for role in KINDS[source.kind]}
    for weight in target.weights:
        found = source.role(weight.role)
        added = [] if found is None else _joining(source, target, weight.role)
        if found is not None:
            yield _row(match, (found, *added), weight)
        else:
            yield from _without_source(match, weight, roles[weight.role])
    for weight in source.weights:
        if target.role(weight.role) is None:
            yield from _without_target(weight, target, roles[weight.role])


def _joining(source: Layer, target: Layer, role: str) -> list[Weight]:
    """What the source holds apart and the target only together with `role`."""
    joining = [each.name for each in KINDS[source.kind] if each.joins == role]
    return [weight for weight in source.weights if weight.role in joining and target.role(weight.role) is None]


def _row(match: Match, sources: tuple[Weight, ...], target: Weight) -> Row | Problem:
    moves: list[tuple[Weight, Move]] = []
    for weight in sources:
        move = _between(weight, target)
        if move is None:
            return Problem(
                target.name,
                f"{weight.name} has shape {weight.shape}, {weight.canonical} in the layout of both; "
                f"{target.name} has {target.shape}, {target.canonical} there",
            )
        moves.append((weight, move))
    note = "two biases added: their sum is rounded once" if len(sources) > 1 else ""
    if match.source.kind != match.target.kind:
        note = f"{match.source.native} as {match.target.native}"
    return Row(tuple(moves), target, match.target.kind, None, match.by, note)


def _between(source: Weight, target: Weight) -> Move | None:
    """From one framework's layout to the other's; None if the shapes do not fit."""
    here, there = source.canonical, target.canonical
    if here == there:
        return joined(source.move, inverse(target.move))
    if _without_ones(here) != _without_ones(there):
        return None
    return joined(joined(source.move, reshape(here, there)), inverse(target.move))


def _without_ones(shape: Shape) -> list[int]:
    return [size for size in shape if size != 1]


def _without_source(match: Match, weight: Weight, role: Role) -> Iterator[Row | Problem]:
    if role.counter:
        return
    if role.neutral is None:
        reason = f"{match.source.path!r} ({match.source.native}) has no {role.name}; build it with one"
        yield Problem(weight.name, reason)
        return
    note = f"{match.source.path!r} has no {role.name}"
    if role.joins and match.source.role(role.joins) is not None:
        note = f"the source has one bias: the {role.joins.replace('_', ' ')} takes it whole"
    yield Row((), weight, match.target.kind, role.neutral, match.by, note)


def _without_target(weight: Weight, target: Layer, role: Role) -> Iterator[Dropped | Problem]:
    if role.counter or (role.joins and target.role(role.joins) is not None):
        return
    if role.neutral is None:
        yield Problem(weight.name, f"{target.path!r} ({target.native}) has no {role.name}; build it with one")
    else:
        yield Dropped(weight, role.neutral, target.path)
