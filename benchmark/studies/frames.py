"""Records and points as tidy frames, one row each, for experiments to query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.plugins import catalog
from benchmark.results.record import Record
from benchmark.results.spelling import spelled
from benchmark.studies.findings import Finding, paired

if TYPE_CHECKING:
    from pandas import DataFrame

    from benchmark.studies.points import Drawn, Point

ROW = ("task", "model", "pattern", "sparsity", "budget", "start", "method", "control")
"""What the runs of one row have in common: everything but the seed."""


def of_records(records: Iterable[Record]) -> DataFrame:
    """A row per record, in the order given.

    Columns: `key`, `algorithm` (its name), `method` (with its options, without `control`), `control` (empty without),
    `options` (a dictionary), those of the cell, `status`, `score` (the metric that ranks), every metric of the test
    split by its name, `validated` (the score on the validation split), `validation.*`, `diagnosis.*`, `noted.*`, `kept`
    (share of the prunable weights), `trainings`, `gflops`, `seconds`. `attrs["direction"]` says whether higher (`max`)
    or lower scores (`min`) are better; it is absent where tasks differ in that.
    """
    import pandas as pd

    known = list(records)
    frame = pd.DataFrame([_row(record) for record in known])
    if len(directions := {record.ranking.direction for record in known}) == 1:
        frame.attrs["direction"] = directions.pop()
    return frame


def _row(record: Record) -> dict[str, Any]:
    cell = record.cell
    setting = {"task": catalog.label(cell.task, cell.task_options), "model": cell.network, "pattern": cell.scope}
    of_cell = setting | {"sparsity": cell.sparsity, "budget": cell.schedule, "seed": cell.seed, "start": cell.start}
    cost = record.cost
    return {
        "key": record.key,
        "algorithm": cell.algorithm,
        "method": spelled(cell.algorithm, _unusual(record)),
        "control": cell.control or "",
        "options": dict(cell.method_options),
        **of_cell,
        "status": record.status,
        "error": record.error or "",
        "score": float("nan") if record.score is None else record.score,
        **record.metrics,
        "validated": float("nan") if record.validated is None else record.validated,
        **_flat("validation", record.validation),
        **_flat("diagnosis", record.diagnosis),
        **_flat("noted", record.noted),
        "kept": record.density.weights if record.density else float("nan"),
        "trainings": cost.trainings,
        "gflops": (cost.training_flops + cost.scoring_flops) / 1e9,
        "seconds": cost.seconds,
    }


def _unusual(record: Record) -> dict[str, Any]:
    defaults = catalog.defaults(record.cell.algorithm)
    options = record.cell.method_options
    return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries by dotted names; lists stay what they are."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = _flat(f"{prefix}.{name}", value) if isinstance(value, Mapping) else {f"{prefix}.{name}": value}
        flat |= inner
    return flat


def of_points(drawn: Sequence[tuple[Point, Drawn]], draws: int) -> DataFrame:
    """A row per draw of each point: its parameters, `draw`, `status`, and what the function returned.

    A point that failed has one row with its error.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for point, found in drawn:
        values = {"point": str(point), **point.plain}
        if found.error:
            rows.append({**values, "draw": len(found.rows), "status": "failed", "error": found.error})
        else:
            rows += [
                {**values, "draw": i, "status": "ok", "error": "", **row} for i, row in enumerate(found.rows[:draws])
            ]
    frame = pd.DataFrame(rows)
    frame.attrs["parameters"] = list(dict.fromkeys(name for point, _ in drawn for name, _ in point.values))
    return frame


def difference(
    a: DataFrame,
    b: DataFrame,
    *,
    column: str = "score",
    above: float | None = None,
    below: float | None = None,
    says: str = "",
    among: DataFrame | None = None,
) -> Finding:
    """How far the runs of one row lie above those of another, paired by seed; incomplete if a run has no result.

    Args:
        column: the column to compare.
        above, below: the claim is that the difference lies above, or below, this number; by default above 0.
        says: where it was found, as in "at sparsity 0.98".
        among: the runs of the table that both rows are in; the noise is then estimated from all its rows together, as
            on leaderboards. With three seeds, two rows alone estimate it too poorly to tell much.

    Raises:
        UsageError: both bounds are given.
        ValueError: a seed has several runs.
    """
    if lost := without_result(a, b):
        return Finding.incomplete(lost)
    if not len(a) or not len(b) or column not in a or column not in b:
        return Finding.incomplete([column if len(a) and len(b) else "any run"])
    others = rows(among, column) if among is not None and column in among else []
    return paired(by_seed(a, column), by_seed(b, column), above=above, below=below, says=says, among=others)


def rows(runs: DataFrame, column: str = "score") -> list[dict[int, float]]:
    """The values of a column by seed, for each row of a table whose runs all have a value."""
    grouped = runs.groupby(list(ROW), dropna=False, sort=False)
    return [by_seed(group, column) for _, group in grouped if group[column].notna().all()]


def by_seed(frame: DataFrame, column: str = "score") -> dict[int, float]:
    """The values of a column by seed.

    Raises:
        ValueError: a seed has several rows.
    """
    seeds = frame["seed"].tolist()
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"several rows of one seed, for {', '.join(sorted(set(frame['method'])))}")
    return {int(seed): float(value) for seed, value in zip(seeds, frame[column], strict=True)}


def without_result(*frames: DataFrame) -> list[str]:
    """The names, for readers, of the cells and points of these frames that have no result."""
    names = []
    for frame in frames:
        for _, row in frame[frame["status"] != "ok"].iterrows() if len(frame) else ():
            name = row["point"] if "point" in frame else f"{row['method']} at {row['sparsity']:g}, seed {row['seed']}"
            names.append(f"{name} ({row['status']})")
    return list(dict.fromkeys(names))
