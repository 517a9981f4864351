"""Arms of an experiment: the clearest of several findings, summaries, and curves over the share of weights kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmark import Finding, difference, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame


LEGEND = 1.8
"""Its width, in inches."""


def over_zero(rows: DataFrame, column: str, *, above: float | None = None, below: float | None = None) -> Finding:
    """How far a column lies above 0, by seed; incomplete if a run has no result."""
    return difference(rows, rows.assign(**{column: 0.0}), column=column, above=above, below=below)


def best(findings: Sequence[Finding]) -> Finding:
    """The clearest of several findings, any of which would support the claim; its p is corrected for the choice."""
    if not findings:
        return Finding.incomplete(["any level"])
    if lost := [name for finding in findings for name in finding.missing]:
        return Finding.incomplete(lost)
    sign = 1 if findings[0].side == "above" else -1
    chosen = max(findings, key=lambda one: sign * (one.low if sign > 0 else one.high))
    return chosen if chosen.p is None else replace(chosen, p=min(1.0, chosen.p * len(findings)))


def summary(runs: DataFrame, by: Sequence[str], of: Sequence[str]) -> DataFrame:
    """The mean and standard deviation over seeds of some columns, grouped by others; sorted by the first of these."""
    import pandas as pd

    rows = []
    for values, group in runs.sort_values(by[0], kind="stable").groupby(list(by), sort=False):
        told: dict[str, Any] = dict(zip(by, values, strict=True)) | {"n": len(group)}
        for column in of:
            known = group[column].dropna() if column in group else group.score[:0]
            name = column.rpartition(".")[2]
            told |= {name: float(known.mean()) if len(known) else float("nan")}
            told |= {f"sd {name}": float(known.std()) if len(known) > 1 else float("nan")}
        rows.append(told)
    return pd.DataFrame(rows)


def curves(runs: DataFrame, columns: Mapping[str, str], arms: Sequence[str], dotted: Collection[str] = ()) -> Figure:
    """A panel for each column: every arm over the share of weights kept, mean and range of seeds; dense as a line."""
    import seaborn

    figure, grid = panels(list(columns.values()), (4.6, 3.4))
    colours = dict(zip(arms, seaborn.color_palette("colorblind"), strict=False))
    for axes, column in zip(grid, columns, strict=True):
        reference = runs[runs.arm == "dense"][column].dropna() if column in runs else runs.score[:0]
        if len(reference):
            axes.axhline(reference.mean(), color="0.35", ls="--", lw=1.2, label="dense")
        for arm, colour in colours.items():
            rows = runs[(runs.arm == arm) & runs[column].notna()]
            style = {"color": colour, "label": arm, "ls": ":" if arm in dotted else "-"}
            band(axes, rows.assign(kept=100 * (1 - rows.sparsity)), "kept", column, **style)
        axes.set(xlabel="weights kept, in percent", xscale="log")
        axes.set_xticks(100 * (1 - runs[runs.arm.isin(arms)].sparsity.unique()), minor=False)
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.2g}")
        axes.invert_xaxis()
    figure.set_figwidth(figure.get_figwidth() + LEGEND)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside right center", fontsize=8, frameon=False)
    return figure


def band(axes: Axes, rows: DataFrame, x: str, y: str, **style: Any) -> None:
    """The mean of y over x, and its range over whatever else the rows differ in, such as seeds."""
    found = rows.groupby(x)[y].agg(["mean", "min", "max"])
    [line] = axes.plot(found.index, found["mean"], **{"marker": "o", "ms": 4, **style})
    axes.fill_between(found.index, found["min"], found["max"], color=line.get_color(), alpha=0.15, lw=0)
