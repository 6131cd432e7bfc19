"""The arrows in order: blocks -> run -> captures -> pairs -> comparisons -> report.

One `Session` serves the cell magic, the fences and the context manager; `compare` and
`assert_close` enter halfway, with values already in hand.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from dualcell.blocks import SHOWN, Block, Cell
from dualcell.captures import OUT, Captures, Side, Watch, capture, root, take, unbound_hint
from dualcell.cell_settings import objects_of, with_settings
from dualcell.comparison import compare_pair
from dualcell.environment import Scope, check_environment, clashes, describe, wait_for
from dualcell.explanations import explain_failures
from dualcell.files import open_file
from dualcell.history import since_last_run
from dualcell.noise import Again
from dualcell.options import COMPARE_OPTIONS, Options, options_from
from dualcell.pairs import Pair, one_sided, other_texts, pair_up
from dualcell.pictures.drawing import check_plot, with_pictures
from dualcell.report import Report, Row, SideFacts, build_report, in_words, settings_of, with_reruns
from dualcell.requests import Request, free_names, read_requests
from dualcell.result import DualResult, remember
from dualcell.sources import Code, Outcome, mark
from dualcell.taps import Recorder
from dualcell.tolerance import glob_matches


class Session:
    """One run of two blocks, from the first line to the result.

    Args:
        cell: the blocks, captures and options, already checked.
        namespace: gives the names the blocks see, at the moment it is called.

    Raises:
        OptionError: a capture is no expression.
        DualError: see `check_environment`; nothing has run by then.
    """

    def __init__(self, cell: Cell, namespace: Callable[[], Mapping[str, Any]]) -> None:
        self.cell = cell
        self.requests = read_requests(cell.captures)
        self._clashes = clashes(cell)
        check_environment(cell)
        check_plot(cell.options)
        self._namespace = namespace
        self._scope = Scope()
        self._captures: list[Captures] = []
        self._bound: list[set[str]] = []
        self._seconds: list[float] = []
        self._facts: list[dict[str, str]] = []
        self._objects: list[dict[str, Any]] = []
        self._running: _Running | None = None
        self._where = "the lines above the first header"
        self.places: tuple[Hashable, ...] = ()  # where its last run is looked up; empty if it has none
        self.result: DualResult  # after `finish` or `abandon`

    @property
    def labels(self) -> tuple[str, str]:
        """What the two sides are called."""
        left, right = self.cell.blocks
        return left.label, right.label

    def open_shared(self) -> None:
        """Before the lines above the first header."""
        self._scope.enter_shared(self.cell)

    def open(self, index: int) -> None:
        """Before block `index` (0 or 1): take the other's captures, set the environment."""
        self.close()
        block = self.cell.blocks[index]
        self._where = f"the {block.label} block"
        self._scope.enter(block)
        self._running = _Running(block, index, Watch(self._namespace(), self._watched()))

    def show(self, value: Any) -> None:
        """Note the value of the running block's last expression."""
        if self._running is not None:
            self._running.last["value"] = value

    def close(self) -> None:
        """After a block: take its captures and put its environment back."""
        running, self._running = self._running, None
        try:
            if running is not None:
                self._take(running)
        finally:
            if running is not None:
                running.recorder.__exit__()
            self._scope.leave()

    def abandon(self, error: str) -> None:
        """After an error: put everything back, compare what was captured before it.

        Statements after the error did not run, so no name is surely bound.

        Args:
            error: the kind of error, for the note.
        """
        self.doubt()
        stopped = f"{self._where} raised {error}"
        try:
            self.finish(stopped)
        except Exception as failure:  # the user's own error is the news
            note = f"what came before could not be compared: {type(failure).__name__}: {failure}"
            report = build_report(self._sides(), (), settings_of(self.cell.options), (note,), stopped)
            self.result = remember(DualResult(self._with_code(report), ()))

    def doubt(self) -> None:
        """The running block was cut short, so no name is surely bound any more."""
        if self._running is not None:
            self._running.certain = frozenset()
            self._running.stopped = True

    def drop(self) -> None:
        """Put everything back, and forget what the running block did."""
        running, self._running = self._running, None
        try:
            if running is not None:
                running.recorder.__exit__()
        finally:
            self._scope.leave()

    def pairs(self) -> tuple[Pair, ...]:
        """Every row, with what each side has for it."""
        self.close()
        while len(self._captures) < 2:
            self._captures.append(Captures(cut="did not run"))
        left, right = self._captures
        return tuple(self._explained(pair) for pair in pair_up(left, right, self._optional(), self.labels))

    def finish(self, stopped: str = "", again: Again | None = None) -> None:
        """Compare what both sides handed out; what a side lacks is `missing`.

        Args:
            stopped: what ended the run before its time; such a run has not passed.
            again: what running the cell again has shown.
        """
        pairs = self.pairs()
        comparisons = tuple(compare_pair(pair, self.cell.options) for pair in pairs)
        notes = () if stopped else (*self._remarks(pairs), *self._without_rows())
        first, second = (block.framework for block in self.cell.blocks)
        asked = {request.row: (request.left, request.right) for request in self.requests}
        findings = explain_failures(comparisons, (first, second), asked) if self.cell.options.causes else None
        if findings and len(self._objects) == 2:
            findings, differing = with_settings(findings, (self._objects[0], self._objects[1]), (first, second))
            notes = (*notes, *differing)
        report = build_report(self._sides(), comparisons, settings_of(self.cell.options), notes, stopped, findings)
        report = replace(with_reruns(report, again) if again else report, sort=self.cell.options.sort)
        if self.places and not stopped:
            report = since_last_run(report, *self.places)
        report = with_pictures(report, comparisons, self.cell.options)
        self.result = remember(DualResult(self._with_code(report), comparisons))

    def on_both_sides(self) -> tuple[str, ...]:
        """The captures that both sides have by now; may be asked while the right block runs.

        That block's are there as soon as the names in them are bound.
        """
        running = self._running
        if not self._captures or (running is None and len(self._captures) < 2):
            return ()
        if running is None:
            return tuple(row for row in self._captures[0].rows if row in self._captures[1].rows)
        namespace = self._namespace()

        def is_there(row: str) -> bool:
            asked = next((request.right for request in self.requests if request.row == row), root(row))
            names = free_names(asked)
            return bool(names) and all(running.watch.changed(name, namespace) for name in names)

        return tuple(row for row in self._captures[0].rows if is_there(row))

    @property
    def likeness(self) -> tuple[Hashable, ...]:
        """What tells the cell from others where nothing else does: labels, captures, and either block's text.

        Whoever ports a model edits one block at a time; two cells that have no block in
        common are two.
        """
        own = (*self.labels, *(self.cell.captures or self._automatic()))
        texts = ("\n".join(line.text for line in block.code).strip() for block in self.cell.blocks)
        return tuple((own, index, text) for index, text in enumerate(texts))

    @property
    def names_asked_for(self) -> tuple[str, ...]:
        """Names that occur in the captures that were asked for."""
        expressions = [text for request in self.requests for text in (request.left, request.right)]
        return tuple(name for text in expressions for name in free_names(text))

    def _watched(self) -> set[str]:
        names = {name for block in self.cell.blocks for name in block.names}
        for request in self.requests:
            names |= {*free_names(request.left), *free_names(request.right)}
        return names

    def _named(self, index: int) -> dict[str, None]:
        """Names that a block binds, then those it reads, then those of its captures."""
        block = self.cell.blocks[index]
        asked = (request.right if index else request.left for request in self.requests)
        return dict.fromkeys((*block.names, *block.read, *(name for text in asked for name in free_names(text))))

    def _automatic(self) -> tuple[str, ...]:
        """Names that both blocks bind in their text; none if captures were asked for."""
        left, right = self.cell.blocks
        if self.requests:
            return ()
        return tuple(name for name in left.names if name in right.names and not name.startswith("_"))

    def _optional(self) -> tuple[str, ...]:
        """Automatic names that make no row unless both sides hold tensors.

        One that a block binds in its text but not in its run is `missing`, no less than
        one that was asked for.
        """
        asked = {*self._automatic(), *(root(request.row) for request in self.requests)}
        return (*self._bound_by_both(), *(() if OUT in asked else (OUT,)))

    def _bound_by_both(self) -> tuple[str, ...]:
        """Automatic names that both blocks have bound in this run."""
        return tuple(name for name in self._automatic() if all(name in bound for bound in self._bound))

    def _take(self, running: _Running) -> None:
        wait_for(running.block)
        seconds, facts = time.perf_counter() - running.started, describe(running.block)
        self._seconds.append(seconds)
        self._facts.append(facts)
        namespace = self._namespace()
        self._objects.append(objects_of(self._named(running.index), namespace))
        bound = {
            name for name in self._watched()
            if name in namespace and (name in running.certain or running.watch.changed(name, namespace))
        }  # fmt: skip
        self._bound.append(bound)
        other = self.cell.blocks[1 - running.index]
        foreign = self._bound[0] if running.index else set(other.names)
        side = Side(running.index, running.block.label, other.label, bound, foreign, running.stopped)
        rows = take(side, self.requests, self._automatic(), namespace, running.recorder, running.last)
        self._captures.append(rows)

    def _explained(self, pair: Pair) -> Pair:
        """One sentence instead of two when neither block binds what was asked for."""
        request = next((request for request in self.requests if request.row == pair.row), None)
        cut = any(side.cut for side in self._captures)
        if request is None or cut or not (pair.left.missing and pair.right.missing):
            return pair
        return _neither(pair, request, {name for block in self.cell.blocks for name in block.names}, self._bound)

    @property
    def code(self) -> Code | None:
        """The text of both blocks; None if it is not known, as with `dual` and where other extensions rewrite cells."""
        left, right = (block.code for block in self.cell.blocks)
        return Code(left, right, self.cell.above, self.cell.below) if left and right else None

    def _with_code(self, report: Report) -> Report:
        """The report with the text of both blocks and what came of each line, and how it is to be shown."""
        options, code = self.cell.options, self.code
        marked = code and mark(code, [self._outcome(row) for row in report.rows], self.labels)
        return replace(report, code=marked, shows_code=options.code, large=options.large)

    def _outcome(self, row: Row) -> Outcome:
        """What became of a row, and which names its two sides were made from."""
        fits = [one for one in self.requests if re.match(re.escape(one.row) + r"($|[.\[ ])", row.name)]
        more = f"max abs {in_words(row.max_abs)}" if row.max_abs else ""
        if fits:
            one = max(fits, key=lambda one: len(one.row))
            capture, left, right = one.row, free_names(one.left), free_names(one.right)
        else:
            capture = root(row.name)
            left = right = (capture,) if capture != OUT or OUT in self._automatic() else (SHOWN,)
        return Outcome(row.name, capture, row.verdict, not row.passed, left, right, more)

    def _sides(self) -> tuple[SideFacts, SideFacts]:
        def facts(index: int) -> SideFacts:
            if index >= len(self._seconds):  # it did not run
                return SideFacts(self.labels[index], None, {})
            own = _own_settings(self.cell.blocks[index].options, self.cell.options)
            return SideFacts(self.labels[index], self._seconds[index], self._facts[index] | own)

        return facts(0), facts(1)

    def _remarks(self, pairs: Iterable[Pair]) -> list[str]:
        rows = [pair.row for pair in pairs]
        remarks = [
            f"--tol {rule.pattern!r} fits no row"
            for rule in self.cell.options.tolerances.rules
            if not any(glob_matches(rule.pattern, row) for row in rows)
        ]
        remarks += [*self.cell.notes, *self._clashes]
        return remarks if rows else [*remarks, self._nothing()]

    def _without_rows(self) -> list[str]:
        """What makes no row: names that one block alone binds to tensors, texts that differ."""
        names = one_sided(self._captures[0], self._captures[1], self._bound_by_both())
        texts = other_texts(self._captures[0], self._captures[1], self._optional(), self.labels)
        said = [f"{name!r} holds values on one side only, so it was not compared" for name in names]
        return [*said, texts] if texts else said

    def _nothing(self) -> str:
        """Why a run without captures found no row, and what to write."""
        left, right = self.cell.blocks

        def bound(block: Block) -> str:
            return ", ".join(block.names) or "nothing"

        return (
            f"no name is bound to tensors by both blocks ({left.label} binds {bound(left)}; {right.label} binds "
            f'{bound(right)}). Name what to compare, as in: %%dual "left_name ~ right_name"'
        )


class _Running:
    """The block that runs now."""

    def __init__(self, block: Block, index: int, watch: Watch) -> None:
        self.block = block
        self.index = index
        self.watch = watch
        self.certain = block.certain
        self.stopped = False
        self.last: dict[str, Any] = {}
        self.recorder = Recorder(capture).__enter__()
        self.started = time.perf_counter()


def _own_settings(block: Options, cell: Options) -> dict[str, str]:
    """The settings of a block's header, where they differ from the cell's."""
    return {name: said for name, said in settings_of(block).items() if settings_of(cell).get(name) != said}


def _neither(pair: Pair, request: Request, names: set[str], bound: list[set[str]]) -> Pair:
    wanted = free_names(request.left)
    if not request.shared or any(name in side for name in wanted for side in bound):
        return pair
    sentence = f"neither block binds {wanted[0] if wanted else request.left!r}.{unbound_hint(request, sorted(names))}"
    return Pair(pair.row, replace(pair.left, missing=sentence), replace(pair.right, missing=sentence))


# --- values already in hand ---


def compare(left: Any, right: Any, **options: Any) -> DualResult:
    """Compare two tensors, or two nested structures leaf by leaf.

    Args:
        left: a tensor of any framework, a number, or a dict, list, tuple, NamedTuple or
            dataclass of them; or a `pathlib.Path` of a file (see `files.open_file`), which
            is compared without being read into memory whole. The reference unless
            `reference="right"`.
        right: the same structure on the other side; a file of several arrays is a dict.
        **options: `rtol` and `atol` (both or neither), `tol` (a list of texts like
            `"h*:rtol=1e-3,atol=1e-4"`), `allow_dtype`, `equal_nan`, `reference`, `causes`
            (False: only measure; a row's `findings` still looks into its cause), `sort`
            ("failing" shows failing rows first; `frame` and the result itself keep the order),
            `plot` (pictures in the HTML, as "heat,hist"; see `DualRow.plot`).

    Returns:
        A `DualResult`; a bare tensor's row is named `value`. It keeps the tensors
        themselves, without a copy.

    Raises:
        OptionError: an option is unknown or has a bad value.
        FileError: a path leads to no file, or to none that can be read as tensors.
        FrameworkError: h5py or torch is not installed, which reads such a file; or matplotlib, which draws.

    Examples:
        >>> import numpy as np
        >>> result = compare(np.float32([1, 2]), np.float32([1, 2]))
        >>> result.passed, result["value"].verdict
        (True, 'equal')
        >>> compare(np.zeros(3), np.zeros((3, 1)))["value"].verdict
        'shape'
    """
    checked = options_from(options, accepted=COMPARE_OPTIONS)
    check_plot(checked)
    rows = [
        Captures({"value" + path: leaf for path, leaf in capture(_opened(value), borrow=True)})
        for value in (left, right)
    ]
    pairs = pair_up(rows[0], rows[1], (), ("left", "right"))
    texts = other_texts(rows[0], rows[1], (), ("left", "right"))
    comparisons = tuple(compare_pair(pair, checked) for pair in pairs)
    settings = {name: said for name, said in settings_of(checked).items() if name != "device"}
    sides = SideFacts("left"), SideFacts("right")
    findings = explain_failures(comparisons) if checked.causes else None
    report = build_report(sides, comparisons, settings, (texts,) if texts else (), findings=findings)
    report = with_pictures(replace(report, sort=checked.sort), comparisons, checked)
    return DualResult(report, comparisons)


def _opened(value: Any) -> Any:
    return open_file(value) if isinstance(value, os.PathLike) else value


def assert_close(left: Any, right: Any, **options: Any) -> None:
    """`compare(left, right, ...)` that raises unless everything passed.

    Args:
        left: see `compare`.
        right: see `compare`.
        **options: see `compare`.

    Raises:
        DualMismatch: an `AssertionError` with the table in its text.
        OptionError: an option is unknown or has a bad value.
        FileError: see `compare`.

    Examples:
        >>> import numpy as np
        >>> assert_close(np.ones(2), np.ones(2))
    """
    __tracebackhide__ = True
    compare(left, right, **options).assert_close()
