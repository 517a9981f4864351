"""Records for tests of pages and pictures: several tables, failures, a control, a verified row, and hostile names."""

from __future__ import annotations

from typing import Any

from benchmark.leaderboard.page import Names
from benchmark.plugins import catalog
from benchmark.results.cell import Cell
from benchmark.results.published import Published
from benchmark.results.record import Audit, Cost, Density, LayerCount, Ranking, Record, Verification, failure

NAMES = Names(catalog.label, catalog.when)
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>\u2028'\"&amp;"
WHERE: dict[str, Any] = {
    "python": "3.12.1",
    "torch": "2.15.0",
    "numpy": "2.3.0",
    "prunebench": "0.1.0",
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "dirty": False,
    "device": "cpu",
    "processor": "Processor",
    "threads": 1,
    "plugins": {"algorithm": "prunebench 0.1.0", "task": "prunebench 0.1.0"},
    "recipe": {"steps": 1000, "batch_size": 64, "rate": 0.1, "optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0},
    "data": {"train": "a" * 64, "validation": "b" * 64, "test": "c" * 64},
}


def cell(algorithm: str = "imp", seed: int = 0, **changes: Any) -> Cell:
    given = {"task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "short"}
    return Cell.model_validate(given | {"algorithm": algorithm, "seed": seed} | changes)


def ran(of: Cell, score: float, metric: str = "accuracy", direction: str = "max", **changes: Any) -> Record:
    """A run that ended well, with everything a record holds."""
    kept = round((1 - of.sparsity) * 1000)
    record = Record(
        key=of.key,
        cell=of,
        status="ok",
        ranking=Ranking.model_validate({"metric": metric, "direction": direction}),
        metrics={metric: score},
        validation={metric: score},
        density=Density(weights=kept / 1000, parameters=kept / 1000, effective=kept / 1000),
        layers={"fc.weight": LayerCount(total=1000, kept=kept, effective=kept)},
        cost=Cost(trainings=1 + len(of.algorithm) / 10, training_flops=1e9 * (1 + kept), seconds=of.seed + 1),
        audit=Audit(passed=True),
        mask_digest="d" * 64,
        where=WHERE,
    )
    return record.model_copy(update=changes)


def board() -> list[Record]:
    """Two tables; in the first, methods at two sparsities, a control, a failed method and a verified one."""
    seen = Verification(when="2026-01-01T00:00:00+00:00", how="bit-equal")
    made = []
    for seed in range(3):
        noise = seed / 1000
        made.append(ran(cell("dense", seed, sparsity=0.0), 0.98 + noise))
        for sparsity in (0.9, 0.95):
            at = {"sparsity": sparsity}
            made.append(ran(cell("imp", seed, **at), 0.97 - sparsity / 100 + noise, verified=seen))
            made.append(ran(cell("snip", seed, **at), 0.95 - sparsity / 100 + 2 * noise))
            made.append(ran(cell("random", seed, **at), 0.90 - sparsity / 100 - noise))
        made.append(ran(cell("snip", seed, options={"control": "shuffle"}), 0.94 + noise))
        made.append(ran(cell("imp", seed, task="cora", model="gcn"), 0.3 - noise, "mae", "min"))
        made.append(ran(cell("snip", seed, task="cora", model="gcn"), 0.2 + noise, "mae", "min"))
    made.append(failure(cell("grasp"), made[0].ranking, "failed", "a reason", where=WHERE))
    return made


def hostile() -> list[Record]:
    """Every text of a record that nobody checks, as bad as it can be."""
    of = cell("imp", model=HOSTILE, options={"scope": HOSTILE}, pattern=HOSTILE, budget=HOSTILE)
    where = WHERE | dict.fromkeys(("processor", "device", "torch", "commit"), HOSTILE)
    where |= {"plugins": {"algorithm": HOSTILE}, "recipe": WHERE["recipe"] | {"optimizer": HOSTILE}}
    seen = Verification(when=HOSTILE, how=HOSTILE)
    well = ran(of, 0.9, HOSTILE, where=where, verified=seen)
    bad = of.model_copy(update={"seed": 1})
    return [well, failure(Cell.model_validate(bad.model_dump()), well.ranking, "failed", HOSTILE, where=where)]


def numbers() -> list[Published]:
    """A few, of a task that has records and of one that has none."""
    given = {"metric": "accuracy", "source": "full text", "table": "Table 1", "tag": "paper", "mean": 0.971}
    return [
        Published.model_validate(given | {"task": "digits", "model": "mlp", "algorithm": "snip", "paper": "A 2019"}),
        Published.model_validate(given | {"task": "mnist", "model": HOSTILE, "algorithm": HOSTILE, "paper": HOSTILE}),
    ]
