"""Records and points as tidy frames: a row each, for experiments to ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.plugins import catalog
from benchmark.records.record import Record
from benchmark.records.spelling import spelled

if TYPE_CHECKING:
    from pandas import DataFrame

    from benchmark.studies.points import Drawn, Point

CELL = ("task", "model", "pattern", "sparsity", "budget", "seed", "start")


def of_records(records: Iterable[Record]) -> DataFrame:
    """A row per record, in the order given.

    Columns: `key`, `algorithm` (its name), `method` (with its options, without `control`), `control` (empty without),
    `options` (a dictionary), those of the cell, `status`, `score` (the metric that ranks), every metric of the test
    split by its name, `validation.*`, `diagnosis.*`, `noted.*`, `kept` (share of the prunable weights), `trainings`,
    `gflops`, `seconds`.
    """
    import pandas as pd

    return pd.DataFrame([_row(record) for record in records])


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
        values = {"point": str(point), **dict(point.values)}
        if found.error:
            rows.append({**values, "draw": len(found.rows), "status": "failed", "error": found.error})
        else:
            rows += [
                {**values, "draw": i, "status": "ok", "error": "", **row} for i, row in enumerate(found.rows[:draws])
            ]
    frame = pd.DataFrame(rows)
    frame.attrs["parameters"] = list(dict.fromkeys(name for point, _ in drawn for name, _ in point.values))
    return frame


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
    """The cells and points of these frames that have no result, as a reader would name them."""
    names = []
    for frame in frames:
        for _, row in frame[frame["status"] != "ok"].iterrows() if len(frame) else ():
            name = row["point"] if "point" in frame else f"{row['method']} at {row['sparsity']:g}, seed {row['seed']}"
            names.append(f"{name} ({row['status']})")
    return list(dict.fromkeys(names))
