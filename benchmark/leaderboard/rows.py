"""Leaderboard rows: pure functions of records. Groups hold everything but the seed; budgets and models never mix."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from benchmark.leaderboard.statistics import summarize
from benchmark.records.outcome import Answer
from benchmark.records.record import Cost
from benchmark.records.spelling import spelled

A = TypeVar("A", bound=Answer)
TaskName = Callable[[str, Mapping[str, Any]], str]
"""From a task and its options to what it is called."""


@dataclass(frozen=True)
class Row:
    """One line: the cells that differ in the seed alone.

    Args:
        n: runs that ended well; only they are averaged. The counts of the others stand beside it.
        verified: how many of them `bench verify` has made again.
        cost: means over these runs.
        scores: the metric that ranks, on the test split, by seed.
        validation: its mean on the validation split; None where a run has none.
        label: the algorithm, with the options that tell it from the other rows; the same in every table.
        task_label: the task, likewise.
        edited: its runs edited the graphs they trained on.
        task_name: the task, as tables call it.
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
    task_name: str = ""

    @property
    def table(self) -> tuple[str, str, str]:
        """What may stand in one table."""
        return spelled(self.task, self.task_options), self.model, self.budget

    @property
    def column(self) -> tuple[str, str, str, str, float]:
        """What is ranked together: one column of an aggregate over tables."""
        return *self.table, self.pattern, self.sparsity

    @property
    def question(self) -> tuple[str, ...]:
        """What is compared at equal cost: a column, whatever the budget, which is the last of `table`."""
        return *self.table[:-1], self.pattern, f"{self.sparsity:g}"

    @property
    def dense(self) -> bool:
        """Nothing was pruned: what every sparsity is held against."""
        return self.sparsity == 0 and not self.edited

    @property
    def control(self) -> str | None:
        """The control that this row is; a control questions a method and is not ranked with the methods."""
        control = self.options.get("control")
        return None if control is None else str(control)

    @property
    def flops(self) -> float | None:
        """All that was spent: every round of training, and scoring."""
        return self.cost["training_flops"] + self.cost["scoring_flops"] if self.cost else None

    @property
    def loss(self) -> float:
        """The mean, so turned that lower is better; infinite where there is none."""
        if self.mean is None:
            return float("inf")
        return -self.mean if self.direction == "max" else self.mean


def references(rows: Iterable[Row]) -> dict[tuple[str, str, str], Row]:
    """By table, the row at which nothing is pruned: the cheapest, where methods were asked to keep everything."""
    by_table: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        if row.dense and row.control is None and row.mean is not None:
            by_table[row.table] = min(
                by_table.get(row.table, row), row, key=lambda one: (one.flops or math.inf, one.label)
            )
    return by_table


def rows(records: Iterable[Answer], task_name: TaskName = spelled) -> list[Row]:
    """Best first within each column of each table; groups without a result last.

    Args:
        task_name: what tables call a task; with all of its options where nothing better is known.
    """
    return [row for row, _ in grouped(records, task_name)]


def grouped(records: Iterable[A], task_name: TaskName = spelled) -> list[tuple[Row, list[A]]]:
    """The same rows, each with the records that it is made of."""
    groups: dict[str, list[A]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    cells = {key: group[0].cell for key, group in groups.items()}
    labels = _labels({key: (cell.algorithm, cell.options) for key, cell in cells.items()})
    tasks = _labels({key: (cell.task, cell.task_options) for key, cell in cells.items()})
    called = {key: task_name(cell.task, cell.task_options) for key, cell in cells.items()}
    pairs = [(_row(group, labels[key], tasks[key], called[key]), group) for key, group in groups.items()]
    return sorted(pairs, key=lambda pair: _place(pair[0]))


def _row(group: Sequence[Answer], label: str, task_label: str, task_name: str) -> Row:
    cell, ranking = group[0].cell, group[0].ranking
    well = [record for record in group if record.score is not None]
    summary = summarize([record.score for record in well if record.score is not None])
    known = [record.validated for record in well if record.validated is not None]
    count = Counter(record.status for record in group)
    return Row(
        task=cell.task,
        task_options=dict(cell.task_options),
        model=cell.model,
        budget=cell.budget,
        algorithm=cell.algorithm,
        options=dict(cell.options),
        pattern=cell.pattern,
        sparsity=cell.sparsity,
        metric=ranking.metric,
        direction=ranking.direction,
        n=summary.n,
        verified=sum(record.made_again for record in well),
        mean=summary.mean,
        std=summary.std,
        ci_low=summary.low,
        ci_high=summary.high,
        cost=dict(
            zip(Cost.model_fields, map(statistics.fmean, zip(*(r.spent for r in well), strict=True)), strict=False)
        ),
        failed=count["failed"],
        diverged=count["diverged"],
        skipped=count["skipped"],
        timeout=count["timeout"],
        scores={r.cell.seed: r.score for r in sorted(well, key=lambda r: r.cell.seed) if r.score is not None},
        validation=statistics.fmean(known) if well and len(known) == len(well) else None,
        label=label,
        task_label=task_label,
        edited=any(record.edited for record in group),
        task_name=task_name,
    )


def _labels(named: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """By key of the group: a name, with those options in which the groups of this name differ."""
    values = Counter((name, key, str(value)) for name, options in named.values() for key, value in options.items())
    groups = Counter(name for name, _ in named.values())
    labels = {}
    for group, (name, options) in named.items():
        telling = {key: value for key, value in options.items() if values[name, key, str(value)] != groups[name]}
        labels[group] = spelled(name, telling)
    return labels


def _place(row: Row) -> tuple[Any, ...]:
    return (*row.column, row.mean is None, row.loss, row.label)
