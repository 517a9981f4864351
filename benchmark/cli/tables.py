"""Leaderboard rows as a reader wants them: a table for each task (with its options), model and budget."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark import registry
from benchmark.leaderboard import Row


def boards(rows: Sequence[Row]) -> dict[str, list[dict[str, str]]]:
    """Titled tables of spoken values, in the order of the rows."""
    found: dict[str, list[dict[str, str]]] = {}
    patterns = len({row.pattern for row in rows}) > 1
    for row in rows:
        way = "higher" if row.direction == "max" else "lower"
        task = registry.label(row.task, row.task_options)
        title = f"{task} / {row.model}, budget {row.budget}: {row.metric} on the test split ({way} is better)"
        found.setdefault(title, []).append(_spoken(row, patterns))
    return found


def _spoken(row: Row, patterns: bool) -> dict[str, str]:
    cost = row.cost
    return {
        "algorithm": row.label,
        **({"pattern": row.pattern} if patterns else {}),
        "sparsity": f"{row.sparsity:g}",
        row.metric: _number(row.mean),
        "std": _number(row.std),
        "95% interval": f"[{row.ci_low:.4f}, {row.ci_high:.4f}]" if row.ci_low is not None else "",
        "n": str(row.n),
        "trainings": f"{cost['trainings']:.1f}" if cost else "",
        "GFLOPs": f"{(cost['training_flops'] + cost['scoring_flops']) / 1e9:,.1f}" if cost else "",
        "seconds": f"{cost['seconds']:,.1f}" if cost else "",
        "": ", ".join(
            f"{n} {what}" for what in ("failed", "diverged", "skipped", "timeout") if (n := getattr(row, what))
        ),
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
