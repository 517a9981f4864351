"""`Study`, which an experiment is called with: it asks for runs and points, and reports claims, tables and figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.plugins.in_files import known
from benchmark.results.record import Record
from benchmark.results.spelling import choices
from benchmark.results.starts import finetuning
from benchmark.studies import frames
from benchmark.studies.findings import Claim, Finding, judged
from benchmark.studies.points import Drawn, Function, Point, point

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from benchmark.plugins.algorithm import Algorithm
    from benchmark.studies.trained import Trained
    from benchmark.sweep.plan import Selection

Answer = Callable[..., Sequence[Record]]
"""Returns the records of all cells of selections, in an order that does not depend on which of them were run now."""

Compute = Callable[[Sequence[Point], int], Iterable[tuple[Point, Drawn]]]
"""Returns every point with at least the given number of draws."""

Trainer = Callable[[str], "Trained"]
"""Returns the network of a record, by its key, as a value of points."""

Values = str | float | Sequence[Any]


def _untrained(key: str) -> Trained:
    raise UsageError(f"there are no trained networks here; the network of record {key[:8]} is asked for")


@dataclass(frozen=True)
class Defaults:
    """What `runs` asks for unless it is given something else."""

    task: str | Sequence[str] = ""
    model: str = ""
    budget: str = "short"
    seeds: int = 1
    start: str = ""
    pattern: str = "global"


@dataclass
class Study:
    """What an experiment asks with (`on`, `runs`, `each`) and reports with (`guard`, `claim`, `table`, `figure`).

    It has no training loop of its own: its runs are cells like any others, which appear on leaderboards and can be
    shown, verified and exported.

    Args:
        name: the name of the experiment.
        answer: returns the records of selections, and runs the cells that are missing.
        compute: returns points, and draws what is missing.
        trained: returns the networks of records.
    """

    name: str
    answer: Answer
    compute: Compute
    trained: Trainer = _untrained
    asked: list[DataFrame] = field(default_factory=list)
    tables: list[tuple[str, DataFrame]] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    guards: list[Claim] = field(default_factory=list)
    _defaults: Defaults = Defaults()
    _told: list[tuple[str, Finding, str]] = field(default_factory=list)
    _failed: str = ""

    # --- to ask -------------------------------------------------------------------------------------------------------

    def on(self, task: str | Sequence[str], **defaults: Any) -> None:
        """Set what later calls of `runs` ask for: `task`, `model`, `budget`, `seeds`, `start`, `pattern`."""
        self._defaults = replace(Defaults(), task=task, **defaults)

    def runs(
        self,
        *algorithms: str,
        sparsity: float | Sequence[float] = (),
        control: str | Sequence[str] = (),
        seeds: int | Sequence[int] | None = None,
        finetune: float | str | None = None,
        over: DataFrame | None = None,
        **settings: Any,
    ) -> DataFrame:
        """Return a row per run (`benchmark.studies.frames.of_records`); cells that have no record yet are run.

        Args:
            algorithms: as for `--algo`: `imp:scope=layer,rounds=1`.
            sparsity: as for `--sparsity`; by default that of the task.
            control: as for `--control`: each method also with one thing changed.
            seeds: how many, or which ones.
            finetune: as for `--finetune`.
            over: rows of other runs. There is one request per row, at its seed and sparsity, with the values of its
                columns in place of their names in `algorithms` and `task`: `ticket:of={key}`, `task="{target}"`.
            settings: `task`, `model`, `budget`, `start`, `pattern` in place of those set by `on`.

        Raises:
            UsageError: an unknown name, a wrong option, or nothing that can run.
        """
        from benchmark.sweep.plan import Selection

        wanted = replace(self._defaults, **settings)
        if not wanted.task:
            raise UsageError(f"experiment '{self.name}' asks for runs on no task; say study.on(TASK) first")
        count = wanted.seeds if seeds is None else seeds
        selection = Selection(
            algorithms=known(choices(algorithms), "algorithm") if over is None else [],
            tasks=known(choices(_several(wanted.task)), "task") if over is None else [],
            budget=wanted.budget,
            seeds=list(range(count)) if isinstance(count, int) else list(count),
            models=_several(wanted.model),
            sparsities=_several(sparsity),
            patterns=_several(wanted.pattern),
            controls=_several(control),
            starts=_several(wanted.start) or ("",),
            finetunes=(None if finetune is None else finetuning(str(finetune)),),
        )
        rows = over.to_dict("records") if over is not None else []
        tasks = _several(wanted.task)
        asked = [_about(row, algorithms, tasks, selection) for row in rows] if over is not None else [selection]
        frame = frames.of_records(self.answer(*asked))
        self.asked.append(frame)
        return frame

    def networks(self, runs: DataFrame) -> list[Trained]:
        """The networks of some runs, in their order, as values for `each`, whose function is given their tensors.

        Raises:
            UsageError: a run has no network, because it failed.
        """
        return [self.trained(key) for key in runs["key"]]

    def each(self, function: Function, *, draws: int = 1, over: DataFrame | None = None, **grid: Any) -> DataFrame:
        """Return a row per random draw of a function at every point of a grid; draws that are missing are computed.

        Args:
            function: a pure function of a module: `f(rng, **values) -> {name: number, boolean or string}`.
            draws: the number of draws at each point; draw 17 is the same whether 50 or 500 are asked for.
            over: points to compute, one per row, instead of a grid, or crossed with it.
            grid: parameters; a list, tuple or range has a point for each of its values. Values are numbers, booleans,
                strings, and trained networks.
        """
        axes = [[{name: value} for value in _several(values)] for name, values in grid.items()]
        rows = [[_plain_row(row) for row in over.to_dict("records")]] if over is not None else []
        places = [{k: v for part in parts for k, v in part.items()} for parts in product(*rows, *axes)]
        asked = list(dict.fromkeys(point(self.name, function, place) for place in places))
        found = dict(self.compute(asked, draws))
        frame = frames.of_points([(one, found[one]) for one in asked], draws)
        self.asked.append(frame)
        return frame

    def pruners(self, pattern: str = "global") -> list[str]:
        """The built-in methods that prune weights, support this pattern, and can be run without options.

        Algorithms that do not say when they prune are left out: they are instruments of experiments, not methods.
        """
        from benchmark.plugins import catalog, registry

        built_in = (name for name, one in catalog.plugins("algorithm").items() if one.distribution == catalog.BUILT_IN)
        methods = map(registry.algorithm, built_in)
        fits = (one for one in methods if one.prunes == {"weights"} and one.only in ("", pattern) and one.family)
        return [one.name for one in fits if _stands_alone(one)]

    # --- to tell ------------------------------------------------------------------------------------------------------

    def guard(self, what: str, finding: Finding) -> bool:
        """State a precondition of all claims that follow: if it does not hold, they are uninformative.

        Returns:
            whether it holds.
        """
        [judgement] = judged([(what, finding, "")])
        self.guards.append(judgement)
        if judgement.verdict != "holds" and not self._failed:
            self._failed = f"{what}: {finding.shortfall}"
        return judgement.verdict == "holds"

    def claim(self, sentence: str, finding: Finding) -> None:
        """State a sentence that its number may or may not support. Holm's correction covers all claims together."""
        self._told.append((sentence, finding, self._failed))

    def table(self, rows: DataFrame, title: str = "") -> None:
        """Add a table to the result, unchanged."""
        self.tables.append((title, rows))

    def figure(self, name: str, figure: Figure) -> None:
        """Add a figure to the result, under the name of its file."""
        self.figures[name] = figure

    @property
    def claims(self) -> list[Claim]:
        """All claims, judged together."""
        return judged(self._told)


def _about(row: Mapping[Any, Any], algorithms: Sequence[str], tasks: Sequence[str], selection: Selection) -> Selection:
    """The request for one row of other runs."""
    named = known(choices(text.format(**row) for text in algorithms), "algorithm")
    on = known(choices(text.format(**row) for text in tasks), "task")
    return replace(selection, algorithms=named, tasks=on, seeds=[row["seed"]], sparsities=[row["sparsity"]])


def _stands_alone(algorithm: Algorithm) -> bool:
    """Whether it can be run with its defaults: a method that trains another record's masks has no default record."""
    try:
        algorithm.resolve({})
    except UsageError:
        return False
    return True


def _several(values: Any) -> list[Any]:
    if isinstance(values, str):
        return [values] if values else []
    return list(values) if isinstance(values, Iterable) else [values]


def _plain_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a frame in Python's own numbers: a key can be made of these only."""
    return {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items()}
