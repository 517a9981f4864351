"""Arms of an experiment: their differences by seed, summaries, and curves over the share of weights kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark import Finding, by_seed, difference, panels, without_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def versus(
    a: DataFrame,
    b: DataFrame,
    *,
    column: str = "score",
    above: float | None = None,
    below: float | None = None,
    says: str = "",
) -> Finding:
    """How far a lies above b, paired by seed; incomplete where a run has no result."""
    if lost := without_result(a, b):
        return Finding.incomplete(lost)
    if not len(a) or not len(b) or column not in a or column not in b:
        return Finding.incomplete([column if len(a) and len(b) else "any run"])
    return difference(by_seed(a, column), by_seed(b, column), above=above, below=below, says=says)


def best(findings: Sequence[Finding]) -> Finding:
    """Of several findings, any of which bears out the claim, the clearest one; its p is corrected for the choice."""
    if not findings:
        return Finding.incomplete(["any level"])
    if lost := [name for finding in findings for name in finding.missing]:
        return Finding.incomplete(lost)
    sign = 1 if findings[0].side == "above" else -1
    chosen = max(findings, key=lambda one: sign * (one.low if sign > 0 else one.high))
    return chosen if chosen.p is None else replace(chosen, p=min(1.0, chosen.p * len(findings)))


def summary(runs: DataFrame, by: Sequence[str], of: Sequence[str]) -> DataFrame:
    """The mean and standard deviation over seeds of some columns, by others."""
    import pandas as pd

    rows = []
    for values, group in runs.groupby(list(by), sort=False):
        told: dict[str, Any] = dict(zip(by, values, strict=True)) | {"n": len(group)}
        for column in of:
            known = group[column].dropna() if column in group else group.score[:0]
            name = column.rpartition(".")[2]
            told |= {name: float(known.mean()) if len(known) else float("nan")}
            told |= {f"sd {name}": float(known.std()) if len(known) > 1 else float("nan")}
        rows.append(told)
    return pd.DataFrame(rows)


def curves(runs: DataFrame, columns: Mapping[str, str], arms: Sequence[str]) -> Figure:
    """A panel for each column: every arm over the share of weights kept, mean and range of seeds; dense as a line."""
    import seaborn

    figure, grid = panels(list(columns.values()), (4.6, 3.4))
    colours = dict(zip(arms, seaborn.color_palette("colorblind"), strict=False))
    for axes, column in zip(grid, columns, strict=True):
        reference = runs[runs.arm == "dense"][column].dropna() if column in runs else runs.score[:0]
        if len(reference):
            axes.axhline(reference.mean(), color="0.35", ls="--", lw=1.2, label="dense")
        for arm, colour in colours.items():
            found = (
                runs[(runs.arm == arm) & runs[column].notna()].groupby("sparsity")[column].agg(["mean", "min", "max"])
            )
            kept = 100 * (1 - found.index.to_numpy())
            axes.plot(kept, found["mean"], "o-", color=colour, ms=4, label=arm)
            axes.fill_between(kept, found["min"], found["max"], color=colour, alpha=0.15, lw=0)
        axes.set(xlabel="weights kept, in percent", xscale="log")
        axes.invert_xaxis()
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:g}")
    grid[0].legend(fontsize=8)
    return figure
