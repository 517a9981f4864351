"""Builds leaderboard rows from records. A row averages the runs that differ only in their seed."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from benchmark.leaderboard.statistics import summarize
from benchmark.leaderboard.worth import Measured, Way, Worth, nothing, worth_of
from benchmark.results.cell import control_of
from benchmark.results.outcome import Answer
from benchmark.results.record import Cost
from benchmark.results.spelling import spelled

A = TypeVar("A", bound=Answer)

TaskName = Callable[[str, Mapping[str, Any]], str]
"""Maps a task and its options to the name that tables show."""

OptionValues = Callable[[str], Mapping[str, Any]]
"""Maps an algorithm to values of its options: what their absence in a cell means, or their defaults."""


def no_values(algorithm: str) -> Mapping[str, Any]:
    """Stands in where nothing is known about any option."""
    return {}


@dataclass(frozen=True)
class Row:
    """One line of a leaderboard: the runs of all cells that differ only in their seed.

    Args:
        pattern: the pattern of the masks, and of which tensors if not of all prunable ones (`Cell.scope`).
        n: number of successful runs, the only ones averaged. The other runs are counted by status.
        mean, std, ci_low, ci_high: statistics of the ranking metric on the test split, with a 95 % interval.
        verified: number of the successful runs that `bench verify` has reproduced.
        cost: means over the successful runs, by field of `Cost`; empty if there are none.
        scores: the ranking metric on the test split, by seed.
        validation: mean of the ranking metric on the validation split; None if any run has no value.
        label: the algorithm with the options that distinguish it from the other rows; the same in every table.
        task_label: the task with the options that distinguish it.
        edited: whether its runs edited the graphs that they trained on.
        in_parts: whether they took their training data part after part.
        task_name: name of the task in table titles.
        noted: number of its records with notes.
        unrefereed: number of its records whose algorithm ran in the process that judged it.
        worth: what zeros were worth in those of its networks that were measured, by the way in which they were run.
    """

    task: str
    task_options: dict[str, Any]
    model: str
    budget: str
    algorithm: str
    options: dict[str, Any]
    pattern: str
    sparsity: float
    metric: str
    direction: str
    n: int
    verified: int
    mean: float | None
    std: float | None
    ci_low: float | None
    ci_high: float | None
    cost: dict[str, float]
    failed: int
    diverged: int
    skipped: int
    timeout: int
    scores: dict[int, float]
    validation: float | None
    label: str
    task_label: str
    edited: bool = False
    in_parts: bool = False
    task_name: str = ""
    noted: int = 0
    unrefereed: int = 0
    worth: Mapping[Way, Worth] = field(default_factory=dict)

    @property
    def table(self) -> tuple[str, str, str]:
        """Task with options, model and budget: rows that agree in these share a table."""
        return spelled(self.task, self.task_options), self.model, self.budget

    @property
    def column(self) -> tuple[str, str, str, str, float]:
        """The table, pattern and sparsity: rows that agree in these are ranked together."""
        return *self.table, self.pattern, self.sparsity

    @property
    def question(self) -> tuple[str, ...]:
        """Task, model, pattern and sparsity: rows that agree in these are compared at equal cost, over all budgets."""
        return *self.table[:-1], self.pattern, f"{self.sparsity:g}"

    @property
    def dense(self) -> bool:
        """Whether nothing was pruned, edited or taken in parts, so that the row is a reference for every sparsity."""
        return self.sparsity == 0 and not self.edited and not self.in_parts

    @property
    def control(self) -> str | None:
        """Name of the control this row belongs to; None for a method. Controls are not ranked with methods."""
        return control_of(self.options)

    @property
    def flops(self) -> float | None:
        """Mean FLOPs of all training and scoring; None if no run was successful."""
        return self.cost["training_flops"] + self.cost["scoring_flops"] if self.cost else None

    @property
    def loss(self) -> float:
        """The mean, negated if higher is better, so that lower is always better; infinite without a result."""
        if self.mean is None:
            return float("inf")
        return -self.mean if self.direction == "max" else self.mean


def references(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """Return the dense row of each table: the cheapest one, if several methods were run at sparsity 0."""
    by_table: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        if row.dense and row.control is None and row.mean is not None:
            by_table[row.table] = min(
                by_table.get(row.table, row), row, key=lambda dense: (dense.flops or math.inf, dense.label)
            )
    return by_table


def rows(
    records: Iterable[Answer],
    task_name: TaskName = spelled,
    absent: OptionValues = no_values,
    defaults: OptionValues = no_values,
    measured: Measured = nothing,
) -> list[Row]:
    """Return the rows of these records, best first within each column; rows without a result last.

    Args:
        task_name: returns the name of a task in table titles; by default the task with all its options.
        absent: returns what the absence of options in a cell means, so that labels can say it.
        defaults: returns the defaults of options, as far as they are known; labels show what differs from them.
        measured: returns what `bench measure` has measured for the network of a record.
    """
    return [row for row, _ in grouped(records, task_name, absent, defaults, measured)]


def grouped(
    records: Iterable[A],
    task_name: TaskName = spelled,
    absent: OptionValues = no_values,
    defaults: OptionValues = no_values,
    measured: Measured = nothing,
) -> list[tuple[Row, list[A]]]:
    """Return the same rows as `rows`, each with its records."""
    groups: dict[str, list[A]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    cells = {key: group[0].cell for key, group in groups.items()}
    filled = {key: {**absent(cell.algorithm), **cell.options} for key, cell in cells.items()}
    labels = _labels({key: (cell.algorithm, filled[key]) for key, cell in cells.items()}, defaults)
    tasks = _labels({key: (cell.task, cell.task_options) for key, cell in cells.items()})
    called = {key: task_name(cell.task, cell.task_options) for key, cell in cells.items()}
    pairs = [(_row(group, labels[key], tasks[key], called[key], measured), group) for key, group in groups.items()]
    return sorted(pairs, key=lambda pair: _place(pair[0]))


def _row(group: Sequence[Answer], label: str, task_label: str, task_name: str, measured: Measured) -> Row:
    cell, ranking = group[0].cell, group[0].ranking
    ok = [record for record in group if record.score is not None]
    summary = summarize([record.score for record in ok if record.score is not None])
    validated = [record.validated for record in ok if record.validated is not None]
    count = Counter(record.status for record in group)
    return Row(
        task=cell.task,
        task_options=dict(cell.task_options),
        model=cell.network,
        budget=cell.schedule,
        algorithm=cell.algorithm,
        options=dict(cell.options),
        pattern=cell.scope,
        sparsity=cell.sparsity,
        metric=ranking.metric,
        direction=ranking.direction,
        n=summary.n,
        verified=sum(record.made_again for record in ok),
        mean=summary.mean,
        std=summary.std,
        ci_low=summary.low,
        ci_high=summary.high,
        cost=dict(
            zip(Cost.model_fields, map(statistics.fmean, zip(*(r.spent for r in ok), strict=True)), strict=False)
        ),
        failed=count["failed"],
        diverged=count["diverged"],
        skipped=count["skipped"],
        timeout=count["timeout"],
        scores={r.cell.seed: r.score for r in sorted(ok, key=lambda r: r.cell.seed) if r.score is not None},
        validation=statistics.fmean(validated) if ok and len(validated) == len(ok) else None,
        label=label,
        task_label=task_label,
        edited=any(record.edited for record in group),
        in_parts=any(record.in_parts for record in group),
        task_name=task_name,
        noted=sum(record.remarked for record in group),
        unrefereed=sum(record.unrefereed for record in group),
        worth=worth_of(measured(record.key) for record in ok),
    )


def shows_patterns(patterns: Iterable[str]) -> bool:
    """Whether the rows of a table have to show their pattern: there are several, or one for some tensors only."""
    distinct = set(patterns)
    return len(distinct) > 1 or any(" of " in pattern for pattern in distinct)


def _labels(named: Mapping[str, tuple[str, Mapping[str, Any]]], defaults: OptionValues = no_values) -> dict[str, str]:
    """Return a label for each group: its name, with the options that are not at their default, or differ from others'.

    Others are the groups of the same name.
    """
    values = Counter((name, key, str(value)) for name, options in named.values() for key, value in options.items())
    groups = Counter(name for name, _ in named.values())
    labels = {}
    for group, (name, options) in named.items():
        usual = defaults(name)
        shared = {key: value for key, value in options.items() if values[name, key, str(value)] == groups[name]}
        silent = {key for key, value in shared.items() if usual.get(key, value) == value}
        labels[group] = spelled(name, {key: value for key, value in options.items() if key not in silent})
    return labels


def _place(row: Row) -> tuple[Any, ...]:
    return (*row.column, row.mean is None, row.loss, row.label)
