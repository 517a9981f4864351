"""How much better a ticket trains from its own initial weights than from others, over learning rates and warm-ups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmark import Finding, difference, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

KEPT = round(1 - 0.8**8, 6)
"""The sparsity after eight rounds that each keep 0.8 of the weights: 16.8 % are left."""


def margins(tickets: DataFrame) -> DataFrame:
    """A row per ticket with its `rate`, its `warmup` and its `margin`: how far it lies above its re-initialised twin.

    A ticket whose twin has no result has no margin either: it gets the twin's status.
    """
    own, twins = (tickets[tickets.control == control] for control in ("", "reinit"))
    twins = twins.set_index(["task", "seed"])[["score", "status"]].add_prefix("twin_")
    rows = own.join(twins, on=["task", "seed"])
    rows = rows.assign(
        rate=[_value(task, "rate") for task in rows.task],
        warmup=[_value(task, "warmup") for task in rows.task],
        margin=rows.score - rows.twin_score,
        status=rows.status.where(rows.status != "ok", rows.twin_status),
    )
    return rows.drop(columns=list(twins))


def higher_when_warmed(rows: DataFrame) -> Finding:
    """At the highest rate, how far the margin with the longest warm-up lies above that with none (the shortest)."""
    fast = rows[rows.rate == max(rows.rate)]
    warm, cold = (fast[fast.warmup == warmup] for warmup in (max(fast.warmup), min(fast.warmup)))
    return difference(warm, cold, column="margin")


def mapped(rows: DataFrame) -> Figure:
    """Two heat maps over rate and warm-up, means over seeds: the ticket's accuracy, and its margin in points."""
    import seaborn

    figure, grid = panels(["test accuracy of the ticket", "points above re-initialised"], (4.2, 3.2))
    for axes, column, scale in zip(grid, ("score", "margin"), (1, 100), strict=True):
        means = scale * rows.pivot_table(values=column, index="rate", columns="warmup", dropna=False)
        style = {"fmt": ".3f", "cmap": "Blues"} if column == "score" else {"fmt": "+.2f", "cmap": "vlag", "center": 0}
        seaborn.heatmap(means, annot=True, cbar=False, ax=axes, **style)
        axes.set(xlabel="warm-up, as a share of training", ylabel="learning rate")
        axes.invert_yaxis()
    return figure


def _value(task: str, option: str) -> float:
    """The value of an option in the label of a task, as `cifar10:rate=0.1,warmup=0`."""
    found = re.search(rf"[:,]{option}=([^,]+)", task)
    assert found is not None
    return float(found[1])
