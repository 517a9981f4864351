"""Figures of teachers and students: how often one is recovered, how fast, and by which pruners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmark import panels, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from ._recovery import Hits, Numbers

START = "start: the teacher, and noise of half its norm"


def theory(phase: Hits, slope: float, neurons: int, rates: DataFrame, loose: Hits, noisy: DataFrame) -> Figure:
    """The four panels; `slope` is that of the fitted boundary."""
    titles = ["share of teachers recovered", "error after a step / before", "looser masks", "noise in the outputs"]
    figure, (a, b, c, e) = panels(titles, (5.0, 3.8), across=2)
    figure.suptitle(START, x=0.01, ha="left", fontsize="medium")
    boundary(a, phase, slope, neurons)
    speeds(b, rates)
    recoveries(c, loose)
    noises(e, noisy)
    return figure


def boundary(axes: Axes, phase: Hits, slope: float, neurons: int) -> None:
    """A dot for every number of examples and of weights; the darker, the more often the teacher is recovered."""
    places = [(n, r, hit.mean()) for r, row in phase.items() for n, hit in row.items()]
    x, y, shares = zip(*places, strict=True)
    dots = axes.scatter(x, y, c=shares, cmap="Blues", vmin=-0.15, vmax=1, s=46, marker="s", edgecolor="0.6", lw=0.4)
    ends, r = max(x), np.array([0.0, max(y)])
    axes.plot(slope * r, r, color="0.2", label=f"fitted: N = {slope:.1f} r")
    axes.plot(neurons * r, r, color="0.2", ls=":", label=f"as many as weights: N = {neurons} r")
    axes.set(
        xlabel="examples N", ylabel="weights kept of a neuron, r", xlim=(0, 1.04 * ends), ylim=(-0.3 * max(y), None)
    )
    axes.set_yticks([*phase])
    axes.legend(fontsize=8, loc="lower right")
    axes.figure.colorbar(dots, ax=axes, boundaries=np.linspace(0, 1, 11), ticks=[0, 0.5, 1])


def speeds(axes: Axes, rates: DataFrame) -> None:
    """The rate of convergence over the square root of r, mean and range of draws."""
    for beta, rows in rates.groupby("beta"):
        found = rows.groupby("kept").rate.agg(["mean", "min", "max"])
        band(axes, np.sqrt(found.index.to_numpy()), found, f"momentum {beta:g}")
    axes.set(xlabel="square root of r", ylabel="factor per step (lower is faster)")
    axes.legend(fontsize=8)


def recoveries(axes: Axes, loose: Hits) -> None:
    """The share of teachers recovered over the number of examples, a line for each mask."""
    for kept, row in loose.items():
        shares = np.array([hit.mean() for hit in row.values()])
        ends = np.array([wilson(int(hit.sum()), len(hit)) for hit in row.values()])
        [line] = axes.plot([*row], shares, "o-", ms=4, label=f"{kept} of a neuron")
        axes.fill_between([*row], ends[:, 0], ends[:, 1], color=line.get_color(), alpha=0.1, lw=0)
    axes.set(xlabel="examples N", ylabel="share of teachers recovered", ylim=(-0.03, 1.03))
    axes.legend(title="weights kept", fontsize=8)


def noises(axes: Axes, noisy: DataFrame) -> None:
    """The distance from the teacher over the noise in its outputs, mean and range of draws."""
    [column] = (name for name in noisy if name.startswith("error "))
    found = noisy.groupby("noise")[column].agg(["mean", "min", "max"])
    band(axes, found.index.to_numpy(), found, "")
    axes.set(xlabel="noise, in standard deviations of the output", ylabel="distance from the teacher")


def band(axes: Axes, x: Numbers, found: DataFrame, label: str) -> None:
    """A line of means, and a band of ranges."""
    [line] = axes.plot(x, found["mean"], "o-", ms=4, label=label)
    axes.fill_between(x, found["min"], found["max"], color=line.get_color(), alpha=0.15, lw=0)


def ranking(ranked: DataFrame, chance: float) -> Figure:
    """A dot for each pruner, from the best: the recall of the teacher's support, mean and range of seeds."""
    figure, [axes] = panels(["recall of the teacher's support, start at random"], (6.4, 0.6 + 0.19 * len(ranked)))
    places = np.arange(len(ranked))[::-1]
    axes.hlines(places, ranked["least"], ranked["most"], color="0.7", lw=2)
    axes.plot(ranked.recall, places, "o", ms=4.5)
    axes.axvline(chance, color="0.35", ls="--", lw=1.2, label="chance, before neurons are matched")
    axes.set_yticks(places, ranked.method, fontsize=8)
    axes.set(xlim=(0, 1.02), xlabel="share of the support that is kept, mean and range of seeds")
    axes.legend(fontsize=8, loc="lower right")
    return figure
