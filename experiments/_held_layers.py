"""First layers of trained networks, represented by random filters that are cut down: claims, table and figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark import Finding, Study, Trained, difference, panels, without_result

from ._sliced_networks import NAMES, sliced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LARGEST_DIFFERENCE = 1e-5
"""Between the outputs with filters cut and those with filters zeroed, as a share of the largest."""


def hold(study: Study, values: list[Trained], trained: pd.DataFrame, widths: list[int]) -> None:
    """Represent the first layer of trained networks by random filters, and cut away those that are not used."""
    nets = study.each(sliced, network=values, n=widths)
    same, within = "cut networks compute what masked ones do", f"{max(widths)} random filters are within 0.5 points"
    if lost := without_result(nets):
        study.claim(same, Finding.incomplete(lost))
        return
    different = int((nets.difference > LARGEST_DIFFERENCE).sum())
    study.claim(same, Finding.counted(different, len(nets), says=f"of {len(nets)} networks differ by more than 1e-5"))
    seeds = dict(zip(map(str, values), trained.seed, strict=True))
    widest = nets[nets.n == max(widths)].assign(seed=lambda rows: rows.network.map(seeds))
    pairs = (widest.assign(score=widest[column]) for column in ("accuracy", "target"))
    study.claim(f"{within} of the layer that they hold", difference(*pairs, above=-0.005))
    study.table(means(nets), f"networks whose first layer is held by n random filters, means over {len(values)}")
    study.figure("networks", drawn(nets))


def means(nets: pd.DataFrame) -> pd.DataFrame:
    """A row per width. Milliseconds are those of one thread of the machine, for 16 images."""
    columns = ["accuracy", "target", "error", "usable", "kept", "difference"]
    columns += [f"{what}, {name}" for what in ("parameters", "ms") for name in NAMES]
    return nets.groupby("n", as_index=False)[columns].mean()


def drawn(nets: pd.DataFrame) -> Figure:
    """Accuracy, filters that are kept, and time, over the number of random filters."""
    figure, (accuracy, filters, time) = panels(
        ["accuracy on the test images", "filters of the 1 x 1 layer", "milliseconds of 16 images"], (4.4, 3.4)
    )
    line(accuracy, nets, "accuracy", "held by random filters", "C0")
    accuracy.axhline(nets.target.mean(), color="0.35", lw=1.2, ls="--", label="trained layer", zorder=0)
    line(filters, nets, "usable", "usable: v > 0", "C2")
    line(filters, nets, "kept", "kept", "C0")
    for name, colour in zip(NAMES, ("0.35", "C3", "C0"), strict=True):
        line(time, nets, f"ms, {name}", name, colour)
    for axes in (accuracy, filters, time):
        axes.set_xscale("log", base=2)
        axes.set(xlabel="random filters n", xticks=sorted(set(nets.n)))
        axes.xaxis.set_major_formatter(lambda n, _: f"{n:g}")
        axes.legend()
    for axes in (filters, time):
        axes.set_yscale("log")
    return figure


def line(axes: Any, nets: pd.DataFrame, column: str, label: str, colour: str) -> None:
    """The mean over networks, and their range."""
    found = nets.groupby("n")[column].agg(["mean", "min", "max"])
    axes.plot(found.index, found["mean"], "o-", color=colour, ms=4, label=label)
    axes.fill_between(found.index, found["min"], found["max"], color=colour, alpha=0.15, lw=0)
