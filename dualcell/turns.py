"""A cell run as it is written, and then again: `Turns`.

`--noise K` runs it once more as it is, to see that it repeats, and K times with inputs
and weights moved by one ulp; `--referee` runs it in float64. Each turn begins with what
the first one found, and at the end everything is as the first one left it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from dualcell.belongings import Belongings, Held, reachable
from dualcell.blocks import Cell
from dualcell.captures import Captured
from dualcell.coded import Array, HostArray, copied
from dualcell.devices import host
from dualcell.environment import framework_of
from dualcell.errors import DualError, in_a_line
from dualcell.frameworks.registry import array_adapter, block_adapter, loaded_states
from dualcell.noise import Again, Noise, Referee, distance, measurable
from dualcell.options import Options
from dualcell.pairs import Pair
from dualcell.session import Session
from dualcell.ulp import nudged

Turn = Literal["written", "repeat", "nudged", "float64"]
_WORDS = {"repeat": "unchanged", "nudged": "with everything moved by one ulp", "float64": "in float64"}


class Turns:
    """Every run of one cell.

    Args:
        cell: the blocks, captures and options, already checked.
        namespace: the names the blocks see and bind.
        quiet: opened around the later runs; keeps what they print and show from the user.

    Attributes:
        current: the session of the run that is under way.
    """

    def __init__(
        self, cell: Cell, namespace: MutableMapping[str, Any], quiet: Callable[[], AbstractContextManager[Any]]
    ) -> None:
        options = cell.options
        self._plan: list[Turn] = []
        if options.noise:
            self._plan.append("repeat")
        for _ in range(options.noise):
            self._plan.append("nudged")
        if options.referee:
            self._plan.append("float64")
        self.cell = _seeded(cell) if self._plan else cell
        self._namespace = namespace
        self._quiet = quiet
        self.first = self.current = Session(self.cell, lambda: namespace)
        self._turn: Turn | None = None
        self._around, self._silence = ExitStack(), ExitStack()  # one run; all later runs
        self._seen: dict[int, Any] = {}
        self._moved = 0
        self._evidence = _Evidence(self.first.labels)
        self.notes: list[str] = []

    def again(self) -> bool:
        """End the run that is under way; whether the cell is to be run (once more)."""
        if self._turn is None:
            self._begin_first()
            return True
        self.current.close()
        self._see()
        if not self._plan:
            self._end()
            self.first.finish(again=self._found())
            return False
        self._begin_later(self._plan.pop(0))
        return True

    def open(self, index: int) -> None:
        """Before block `index`: inputs made above the first header are there now, and can be moved."""
        if index == 0 and self._turn in ("nudged", "float64"):
            found = reachable(self._reads, self._namespace)
            for held in (*found.tensors, *(Held(tensor, None) for tensor in found.inner_tensors())):
                self._change(held)
        self.current.open(index)

    def fail(self, error: BaseException) -> bool:
        """After an error in a run; whether it is none of the user's concern.

        An error of the first run, or Ctrl-C at any time, goes on its way. One that comes
        only when the cell is run again is a note.
        """
        if self._turn in (None, "written"):
            self._end()
            self.first.abandon(type(error).__name__)
            return False
        self._end()
        if isinstance(error, Exception):
            self.notes.append(
                f"the cell run again, {_WORDS[str(self._turn)]}, raised {in_a_line(error)}; "
                f"so nothing more is said about its noise"
            )
        else:
            self.notes.append(f"{type(error).__name__} while the cell was run again; the first run is complete")
        self.first.finish(again=self._found())
        return isinstance(error, Exception)

    @property
    def is_first(self) -> bool:
        """Whether the cell runs as it is written, and not again."""
        return self._turn in (None, "written")

    @property
    def outlook(self) -> str:
        """What comes after the run that is under way."""
        if self._turn is None:
            return ""
        more = len(self._plan) - 1
        left = f"; {more} more time{'s' if more > 1 else ''}" if more > 0 else ""
        return f"running again, {_WORDS[self._plan[0]]}{left}" if self._plan else "comparing"

    @property
    def _reads(self) -> tuple[str, ...]:
        return (*self.cell.reads, *self.first.names_asked_for)

    # --- the first run ---

    def _begin_first(self) -> None:
        self._turn = "written"
        self._if_possible(self._remember_before)
        self.current.open_shared()

    def _if_possible(self, remember: Callable[[], None]) -> None:
        """Remember what there is; what cannot be put back must not be run again, and costs nobody the first run."""
        try:
            if self._plan:
                remember()
        except Exception as error:
            self._plan.clear()
            self.notes.append(f"the cell was run once only: {_first_line(error)}")

    def _remember_before(self) -> None:
        found = reachable(self._reads, self._namespace)
        self._before = _Moment(found, self._namespace)
        self._births = _Births(found)
        self._around.enter_context(_born(self._births.record))

    def _remember_after(self) -> None:
        self._evidence.first = {pair.row: pair for pair in self.first.pairs()}
        self._after = _Moment(self._before.belongings, self._namespace)
        self._silence.enter_context(self._quiet())

    def _see(self) -> None:
        """Take what the run that has ended handed out."""
        self._around.close()
        if self._turn != "written":
            self._evidence.add(str(self._turn), self.current.pairs())
        else:
            self._if_possible(self._remember_after)

    # --- later runs ---

    def _begin_later(self, turn: Turn) -> None:
        self._turn = turn
        self._before.put_back()
        self._births.put_back()
        self._seen = {}
        self._random = np.random.default_rng(len(self._plan))
        cell = _in_float64(self.cell) if turn == "float64" else self.cell
        self.current = Session(cell, lambda: self._namespace)
        if turn != "repeat":
            self._around.enter_context(_born(self._newborn))
        if turn == "float64":
            for state in loaded_states():
                self._around.enter_context(state.in_float64())
        self.current.open_shared()

    def _newborn(self, tensor: Any, values: Any) -> None:
        """A weight that the running block has made: moved, or in float64 given what it was in the first run."""
        if values is not None:  # zeros, which no run moves
            if self._turn == "float64":
                self._births.take(values.shape)
        elif self._turn == "nudged":
            self._change(Held(tensor, None))
        elif id(tensor) not in self._seen:
            adapter: Any = array_adapter(tensor)
            adapter.refill(tensor, self._births.next(tensor))

    def _change(self, held: Held) -> None:
        """Move a tensor, or make it float64."""
        if id(held.value) in self._seen:
            return
        self._seen[id(held.value)] = held.value
        adapter: Any = array_adapter(held.value)
        if not hasattr(adapter, "refill") or adapter.why_not(held.value):
            return
        before = adapter.to_host(held.value)
        after = nudged(before, self._random) if self._turn == "nudged" else _widened(before)
        if after is None:
            return
        new = adapter.refill(held.value, after)
        self._moved += 1
        if new is not held.value and held.put is not None:
            held.put(new)

    # --- the end ---

    def _end(self) -> None:
        """Leave everything as the first run left it; what resists is said, and keeps nothing else from its place."""
        try:
            with ExitStack() as last:
                last.callback(self._silence.close)
                if self._turn not in (None, "written"):
                    last.callback(self._after.put_back)
                    last.callback(self._around.close)
                    last.callback(self.current.drop)
                else:
                    last.callback(self._around.close)
        except Exception as error:
            self.notes.append(f"not everything could be put back: {in_a_line(error)}")

    def _found(self) -> Again:
        if self.cell.options.noise and not self._moved and not self.notes:
            self.notes.append(
                "--noise found nothing to move: the blocks use no float array, layer or weight; make the inputs above "
                "the first header"
            )
            return Again({}, {}, self.notes)
        return Again(self._evidence.noise(), self._evidence.referee, self.notes)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


class _Moment:
    """How everything stood at one time."""

    def __init__(self, belongings: Belongings, namespace: MutableMapping[str, Any]) -> None:
        self.belongings = belongings
        self._namespace = namespace
        self._bound = {name: value for name, value in namespace.items() if _is_cells(name)}
        self._restore = belongings.keep()

    def put_back(self) -> None:
        for name in [name for name in self._namespace if _is_cells(name) and name not in self._bound]:
            del self._namespace[name]
        self._namespace.update(self._bound)
        self._restore()


_SHELLS = re.compile(r"_{1,3}|_i{0,3}|_i?[0-9]+|_[ido]h|_exit_code|__\w+__|In|Out|get_ipython|exit|quit|open")


def _is_cells(name: str) -> bool:
    """Whether a name is the user's; `_`, `_1`, `In` and their like are the shell's."""
    return not _SHELLS.fullmatch(name)


class _Births:
    """The weights that the first run made, with their first values."""

    def __init__(self, before: Belongings) -> None:
        self._before = before
        self._old = {id(tensor): tensor for tensor in before.inner_tensors()}
        self._made: list[tuple[Any, HostArray]] = []
        self._next = 0

    def record(self, tensor: Any, values: Any) -> None:
        if id(tensor) not in self._old:
            adapter: Any = array_adapter(tensor)
            self._made.append((tensor, copied(adapter.to_host(tensor)) if values is None else values))

    def put_back(self) -> None:
        """Give objects that were there before, and were built in the first run, their first weights again."""
        alive = {id(tensor) for tensor in self._before.inner_tensors()}
        for tensor, values in self._made:
            if id(tensor) in alive:
                adapter: Any = array_adapter(tensor)
                adapter.refill(tensor, values)
        self._made = [one for one in self._made if id(one[0]) not in alive]
        self._next = 0

    def next(self, tensor: Any) -> HostArray:
        """What the weight that is made now was in the first run.

        A constant stays what it is now: 0.1 was nothing but rounded in the first run.
        """
        adapter: Any = array_adapter(tensor)
        now = adapter.to_host(tensor)
        values, present = self.take(now.shape), np.asarray(now)
        if present.dtype.kind not in "fc" or np.array_equal(present.astype(values.dtype), values, equal_nan=True):
            return now
        return values.astype(present.dtype)

    def take(self, shape: tuple[int, ...]) -> Array:
        """The values of the weight whose turn it is."""
        if [values.shape for _, values in self._made[self._next : self._next + 1]] != [shape]:
            raise DualError(f"a weight of shape {shape} is made that the first run did not make")
        self._next += 1
        return np.asarray(self._made[self._next - 1][1])


class _Evidence:
    """What the runs have shown of each row."""

    def __init__(self, labels: tuple[str, str]) -> None:
        self._labels = labels
        self.first: dict[str, Pair] = {}
        self._moved: dict[str, dict[str, list[tuple[float, float]]]] = {}
        self.referee: dict[str, Referee] = {}

    def add(self, turn: str, pairs: Iterable[Pair]) -> None:
        for pair in pairs:
            first = self.first.get(pair.row)
            if first is None or not measurable(first.left, first.right):
                continue
            moved = distance(first.left, pair.left), distance(first.right, pair.right)
            if turn == "float64":
                self.referee[pair.row] = _judged(first, pair, moved, self._labels)
            else:
                self._moved.setdefault(pair.row, {}).setdefault(turn, []).append(moved)

    def noise(self) -> dict[str, Noise]:
        return {row: self._noise(row, turns) for row, turns in self._moved.items() if "nudged" in turns}

    def _noise(self, row: str, turns: dict[str, list[tuple[float, float]]]) -> Noise:
        left, right = (_largest(column) for column in zip(*turns["nudged"], strict=True))
        repeat = _largest(value for pair in turns.get("repeat", ()) for value in pair)
        first = self.first[row]
        refuted = row in self.referee and self.referee[row].verdict == "fault"
        return Noise(distance(first.left, first.right), left, right, repeat, len(turns["nudged"]), refuted)


def _largest(values: Iterable[float]) -> float:
    """The largest; NaN if one is."""
    values = [*values, 0.0]
    return math.nan if any(map(math.isnan, values)) else max(values)


def _judged(first: Pair, now: Pair, errors: tuple[float, float], labels: tuple[str, str]) -> Referee:
    left, right = (leaf.facts.dtype if leaf.facts else "missing" for leaf in (now.left, now.right))
    return Referee(
        distance(first.left, first.right), distance(now.left, now.right), *errors,
        size=max(_size(first.left), _size(first.right)), labels=labels, dtypes=(left, right),
    )  # fmt: skip


def _size(leaf: Captured) -> float:
    """Largest finite magnitude."""
    if leaf.facts is None or not math.prod(leaf.facts.shape):
        return 0.0
    values = np.abs(np.asarray(host(leaf)))
    return float(values.max(initial=0, where=np.isfinite(values)))


def _widened(array: HostArray) -> Array | None:
    """Narrower floats in float64, complex in complex128; None for all others."""
    values = np.asarray(array)
    wide = {"f": np.float64, "c": np.complex128}.get(values.dtype.kind)
    return None if wide is None or values.dtype.itemsize >= np.dtype(wide).itemsize else values.astype(wide)


def _born(visit: Callable[[Any, Any], None]) -> ExitStack:
    """Show `visit` the weights that any framework's layers make."""
    with ExitStack() as stack:  # a framework that refuses leaves no other one watched
        for state in loaded_states():
            stack.enter_context(state.born(visit))
        return stack.pop_all()


def _seeded(cell: Cell) -> Cell:
    """The cell with a seed, for runs that shall draw the same random numbers."""
    return _with_options(cell, lambda options: replace(options, seed=0) if options.seed is None else options)


def _in_float64(cell: Cell) -> Cell:
    """The cell with the default float type of both sides set, where a framework has one."""

    def widened(options: Options) -> Options:
        return replace(options, dtype="float64")

    can = [bool(getattr(block_adapter(framework_of(block)), "dtypes", ())) for block in cell.blocks]
    blocks = tuple(
        replace(block, options=widened(block.options)) if sets else block
        for block, sets in zip(cell.blocks, can, strict=True)
    )
    return replace(cell, blocks=blocks)


def _with_options(cell: Cell, change: Callable[[Options], Options]) -> Cell:
    blocks = tuple(replace(block, options=change(block.options)) for block in cell.blocks)
    return replace(cell, options=change(cell.options), blocks=blocks)
