"""Networks built from subset sums of random weights, and those that edge-popup finds among as many weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from benchmark import Finding, Study, difference, panels, without_result

from ._built_networks import built

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARES = [1 / 4, 1 / 2]

SEARCH = "edge-popup:constant=false"

SHOWN = ["accuracy", "target", "agreement", "output error, median", "output error, largest", "weight error, median"]
SHOWN += ["weight error, largest", "usable", "density", "density of all"]


def build(study: Study, widths: list[int], networks: int, budget: str) -> None:
    """Build trained networks from random weights, and search random networks of the same widths and densities."""
    study.on("digits", budget=budget, seeds=networks)
    targets = study.runs("dense", model="mlp")
    within = "a network built of a quarter of the usable random weights is within 0.5 points of its target"
    if lost := without_result(targets):
        study.claim(within, Finding.incomplete(lost))
        return
    values = study.networks(targets)
    nets = study.each(built, network=values, n=widths, share=SHARES)
    seeds = dict(zip(map(str, values), targets.seed, strict=True))
    nets = nets.assign(seed=nets.network.map(seeds), score=nets.get("accuracy"))
    popped = searched(study, widths)
    widest = nets[(nets.n == max(widths)) & (nets.share == min(SHARES))]
    rival = popped[(popped.n == max(widths)) & (popped.share == min(SHARES))]
    study.claim(within, difference(widest, widest.assign(score=widest.get("target")), above=-0.005))
    study.claim("edge-popup finds one of that density within 0.5 points", difference(rival, targets, above=-0.005))
    study.claim("what is built is better than what edge-popup finds", difference(widest, rival))
    study.table(compared(nets, popped), f"networks, means over {networks}")
    study.figure("networks", drawn(nets, popped))


def searched(study: Study, widths: list[int]) -> pd.DataFrame:
    """The runs of edge-popup on networks of 2 n random units for every input, at the densities that are built.

    Half of the units pass on zeros alone, so that `share` of the usable weights is half that share of all.
    """
    models = [f"pairs:{2 * n}" for n in widths]
    runs = study.runs(SEARCH, model=models, sparsity=[1 - share / 2 for share in SHARES])
    units = runs.model.str.removeprefix("pairs:").astype(int)
    return runs.assign(n=units // 2, share=2 * (1 - runs.sparsity))


def compared(nets: pd.DataFrame, popped: pd.DataFrame) -> pd.DataFrame:
    """A row per width and share: what is built, on average, and what edge-popup finds."""
    shown = [name for name in SHOWN if name in nets]
    rows = nets.groupby(["n", "share"], as_index=False)[shown].mean()
    found = popped.groupby(["n", "share"], as_index=False).score.mean().rename(columns={"score": "edge-popup"})
    rows.insert(1, "2 n", 2 * rows.n)
    return rows.merge(found, how="left", on=["n", "share"])


def drawn(nets: pd.DataFrame, popped: pd.DataFrame) -> Figure:
    """Accuracy, difference of outputs and errors of weights over n."""
    import seaborn

    titles = ["accuracy on the test images", "difference of outputs", "error of weights"]
    figure, (accuracy, outputs, weights) = panels(titles, (4.4, 3.6))
    colours = dict(zip(SHARES, seaborn.color_palette("colorblind"), strict=False))
    for share, colour in colours.items():
        ours, theirs = nets[nets.share == share], popped[popped.share == share]
        line(accuracy, ours, "accuracy", f"built, k / n = {share:g}", color=colour)
        line(accuracy, theirs, "score", f"edge-popup, {share / 2:g} of all", color=colour, ls=":", marker="s")
        for axes, what in ((outputs, "output error"), (weights, "weight error")):
            line(axes, ours, f"{what}, largest", f"largest, {share:g}", color=colour, ls="--")
            line(axes, ours, f"{what}, median", f"median, {share:g}", color=colour)
            axes.set(yscale="log")
    if "target" in nets:
        accuracy.axhline(nets.target.mean(), color="0.35", lw=1.2, ls="--", label="target", zorder=0)
    for axes in (accuracy, outputs, weights):
        axes.set(xlabel="n, half of the random units of an input", xticks=sorted(set(nets.n)))
        axes.legend(fontsize=7)
    return figure


def line(axes: Any, rows: pd.DataFrame, column: str, label: str, **style: Any) -> None:
    """The mean of a column over n, with the range of the networks."""
    if column not in rows or not rows[column].notna().any():
        return
    found = rows[rows[column].notna()].groupby("n")[column].agg(["mean", "min", "max"])
    axes.plot(found.index, found["mean"], label=label, **{"marker": "o", "ms": 4, **style})
    axes.fill_between(found.index, found["min"], found["max"], color=style["color"], alpha=0.12, lw=0)
