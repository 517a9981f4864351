"""Measures for methods that learn part by part: forward transfer, equal capacity, and pictures of R."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark import Finding, paired, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Rows = Sequence[Sequence[float]]
"""R: in row t, the accuracies on the parts up to t after part t."""

R = "diagnosis.R"


def with_forward_transfer(runs: DataFrame, alone: DataFrame) -> DataFrame:
    """The runs with their forward transfer `fwt`; none for those that learn all parts at once.

    Args:
        alone: the runs of the same seeds that learn every part from the initial weights.
    """
    single = {seed: diagonal(rows) for seed, rows in zip(alone.seed, alone[R], strict=True)}
    pairs = zip(runs.seed, runs[R], strict=True)
    return runs.assign(fwt=[forward_transfer(diagonal(rows), single[seed]) for seed, rows in pairs])


def diagonal(rows: Rows) -> list[float]:
    """The accuracy on each part when it was just learned; empty if all were learned at once."""
    return [row[-1] for row in rows] if len(rows) > 1 else []


def forward_transfer(own: Sequence[float], single: Sequence[float]) -> float:
    """The mean of R[i][i] - S[i] over all parts but the first, where S is of networks that learned a part alone."""
    return float(np.mean(np.subtract(own, single)[1:])) if own else float("nan")


def exactly_zero(runs: DataFrame) -> Finding:
    """The number of runs whose backward transfer is not exactly 0."""
    return Finding.counted(int((runs.bwt != 0).sum()), len(runs), says="runs in which it is another number")


def above_curve(runs: DataFrame, curve: DataFrame, among: DataFrame) -> Finding:
    """How far the accuracy of runs lies above that of others at the same capacity, by seed.

    Args:
        curve: runs at several capacities, between which their accuracy is interpolated.
        among: all rows of the table, of which the noise is estimated.
    """
    own = {int(seed): float(score) for seed, score in zip(runs.seed, runs.score, strict=True)}
    other = {int(seed): at(curve[curve.seed == seed], x) for seed, x in zip(runs.seed, runs.capacity, strict=True)}
    where = f"at capacity {runs.capacity.mean():.2g}"
    if any(np.isnan(list(other.values()))):
        return Finding.uninformative(f"{where}, packnet has no such capacity")
    rows = [dict(zip(group.seed, group.score, strict=True)) for _, group in among.groupby("method")]
    return paired(own, other, above=0.0, says=where, among=rows)


def at(curve: DataFrame, capacity: float) -> float:
    """The accuracy at a capacity, linear in its logarithm between those of the curve; none outside of them."""
    known = curve.sort_values("capacity")
    if not known.capacity.min() <= capacity <= known.capacity.max():
        return float("nan")
    return float(np.interp(np.log(capacity), np.log(known.capacity), known.score))


def maps(runs: DataFrame) -> Figure:
    """R of every method as a heat map, the mean over seeds."""
    import seaborn

    means = {method: mean(list(group[R])) for method, group in runs.groupby("method", sort=False)}
    lowest = min(np.nanmin(rows) for rows in means.values())
    figure, grid = panels(list(means), (3.0, 2.6), across=5)
    for axes, rows in zip(grid, means.values(), strict=True):
        parts = [str(part + 1) for part in range(rows.shape[1])]
        style = {"annot": len(parts) <= 5, "fmt": ".2f", "annot_kws": {"size": 7}, "square": True}
        seaborn.heatmap(rows, vmin=lowest, vmax=1, cmap="Blues", cbar=False, ax=axes, **style)
        axes.set_xticklabels(parts)
        axes.set_yticklabels(parts if len(rows) > 1 else ["all"], rotation=0)
        axes.set(xlabel="part", ylabel="after part")
        axes.grid(visible=False)
    return figure


def mean(several: Sequence[Rows]) -> np.ndarray:
    """The mean of several R, [rows, parts]; NaN for parts that were not learned yet."""
    parts = len(several[0][-1])
    filled = [[[*row, *[np.nan] * (parts - len(row))] for row in rows] for rows in several]
    return np.asarray(np.mean(filled, axis=0))


def over_capacity(runs: DataFrame) -> Figure:
    """ACC over capacity, mean and range of seeds, of methods that name what they use; dense training as a line."""
    import seaborn

    figure, [axes] = panels(["accuracy on all parts, in the end"], (6.0, 3.8))
    ceiling, shown = runs[runs.algorithm == "dense"], runs[~runs.algorithm.isin(["dense", "alone", "sequential"])]
    axes.axhline(ceiling.score.mean(), color="0.35", ls="--", lw=1.2, label="dense, all parts at once")
    replayed = shown.method.str.contains("replay")
    arms = shown.algorithm.where(~replayed, "dsn with replay")
    for arm, colour in zip(arms.unique(), seaborn.color_palette("colorblind"), strict=False):
        found = shown[arms == arm].groupby("method").agg({"capacity": "mean", "score": ["mean", "min", "max"]})
        found = found.sort_values(("capacity", "mean"))
        middle = found["score"]["mean"]
        spread = [middle - found["score"]["min"], found["score"]["max"] - middle]
        style: Any = {"marker": "o", "ms": 4, "capsize": 2, "ls": "-" if len(found) > 1 else ""}
        axes.errorbar(100 * found["capacity"]["mean"], middle, yerr=spread, color=colour, label=arm, **style)
    axes.set(xlabel="weights that any part uses, in percent", xscale="log", ylabel="ACC")
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.3g}")
    axes.legend(fontsize=8)
    return figure
