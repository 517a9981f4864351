"""Risk and coverage of runs: tidy columns, the dense network at the same error, overlaps of what is rejected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmark import Finding, by_seed, paired, panels, without_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BY_CLASS, BY_STAKE = "diagnosis.selective", "diagnosis.reservation"
SHOWN = {"softmax": BY_CLASS, "reservation": BY_STAKE}
COVERAGES, AREAS = ("0.95", "0.9", "0.8"), ("AURC", "E-AURC")


def loss_of(task: str) -> str:
    """Which loss the label of a task names: `cross-entropy`, or `payoff 2.2` of the gambler's."""
    payoff = re.search(r"payoff=([0-9.]+)", task)
    return f"payoff {payoff[1]}" if payoff else "cross-entropy"


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with their loss, their share of weights and their error on the test split."""
    return runs.assign(loss=runs.task.map(loss_of), density=(1 - runs.sparsity).round(6), error=1 - runs.accuracy)


def few_errors(runs: pd.DataFrame, least: int) -> Finding:
    """How many networks make fewer errors than this on the test split; with so few errors, risks mean nothing."""
    known = runs[runs.status == "ok"]
    errors = known[f"{BY_CLASS}.errors"]
    return Finding.counted(
        int((errors < least).sum()), len(known), says=f"of {len(known)} networks; the fewest are {errors.min():.0f}"
    )


def steadiest(dense: pd.DataFrame) -> str:
    """The loss of the gambler with the best mean accuracy on validation, among those that succeed for every seed.

    Returns:
        "no payoff" if there is none.
    """
    gamblers = dense[dense.loss != "cross-entropy"]
    fine = gamblers.groupby("loss").filter(lambda runs: bool((runs.status == "ok").all()))
    means = fine.groupby("loss")["validation.accuracy"].mean()
    return str(means.idxmax()) if len(means) else "no payoff"


def by_scores(runs: pd.DataFrame) -> Finding:
    """How far the area by the reservation lies above the area by the softmax, on the same networks."""
    if not len(runs) or without_result(runs):
        return Finding.incomplete(without_result(runs) or ["any gambler"])
    return paired(by_seed(runs, f"{BY_STAKE}.aurc"), by_seed(runs, f"{BY_CLASS}.aurc"), below=0.0)


def stopped(path: Sequence[tuple[float, float]], error: float) -> float:
    """The second value of a path at the first place where its falling first value passes `error`; NaN if it never does.

    Between two points of the path it is interpolated linearly.
    """
    for (before, one), (after, other) in pairwise(path):
        if after <= error <= before:
            return one + (other - one) * (before - error) / max(before - after, 1e-12)
    return float("nan")


def above_stopped(runs: pd.DataFrame, dense: pd.DataFrame) -> Finding:
    """The excess area of pruned networks above that of the dense one of their seed, stopped at the same error.

    Args:
        dense: dense runs with increasing lengths of training.
    """
    if lost := without_result(runs, dense):
        return Finding.incomplete(lost)
    area, reference = by_seed(runs, f"{BY_CLASS}.e_aurc"), {}
    for seed, error in by_seed(runs, "error").items():
        of_seed = dense[dense.seed == seed]
        path = list(zip(of_seed.error, of_seed[f"{BY_CLASS}.e_aurc"], strict=True))
        reference[seed] = stopped(path, error)
    if any(np.isnan(list(reference.values()))):
        return Finding.uninformative("the dense network passes its error at no length, or before the shortest")
    return paired(area, reference, above=0.0)


def overlaps(runs: pd.DataFrame, others: pd.DataFrame) -> dict[int, float]:
    """The share of the examples rejected first that another network of the same row rejects first, too, by seed."""
    one, other = (dict(zip(f.seed, f[f"{BY_CLASS}.rejected"], strict=True)) for f in (runs, others))
    return {seed: len(set(one[seed]) & set(other[seed])) / max(1, len(one[seed])) for seed in one if seed in other}


def less_alike(runs: pd.DataFrame, dense: pd.DataFrame) -> Finding:
    """How far the overlap of pruned and dense networks of a seed lies above that of dense networks of two seeds."""
    if lost := without_result(runs, dense):
        return Finding.incomplete(lost)
    seeds = sorted(dense.seed)
    turned = dict(zip(seeds, [*seeds[1:], *seeds[:1]], strict=True))
    others = dense.assign(seed=dense.seed.map({other: seed for seed, other in turned.items()}))
    mean = np.mean(list(overlaps(runs, dense).values()))
    found = paired(overlaps(runs, dense), overlaps(dense, others), below=0.0, says=f"of an overlap of {mean:.2f}")
    return found if len(seeds) > 1 else Finding.uninformative("there is one seed")


def table(runs: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of error, risks and areas by both scores; networks that collapsed are counted, not averaged."""
    rows = []
    for (loss, arm, density), group in runs.groupby(["loss", "algorithm", "density"], sort=False):
        fine = group[group.status == "ok"]
        row = {"loss": loss, "arm": arm, "density": density, "n": len(fine), "failed": len(group) - len(fine)}
        row |= {"error": fine.error.mean()}
        for name, block in SHOWN.items():
            row |= {f"risk at {c}, {name}": _mean(fine, f"{block}.risk_at.{c}") for c in COVERAGES}
            row |= {f"{area}, {name}": _mean(fine, f"{block}.{area.lower().replace('-', '_')}") for area in AREAS}
        rows.append(row | {"row kept": _mean(fine, f"{BY_STAKE}.row_kept")})
    return pd.DataFrame(rows)


def _mean(runs: pd.DataFrame, column: str) -> float:
    return float(runs[column].mean()) if column in runs else float("nan")


def risks(runs: pd.DataFrame, chosen: str) -> Figure:
    """Risk over coverage, a panel for each share of weights: arms by colour, losses and scores by line.

    The dense network under cross-entropy is in every panel.
    """
    dense = runs[(runs.algorithm == "dense") & (runs.loss == "cross-entropy")]
    levels = sorted(runs.density.unique(), reverse=True)
    figure, grid = panels([f"{100 * level:g} % of the weights" for level in levels], (4.4, 3.4), across=2)
    colours = _colours(runs)
    for axes, level in zip(grid, levels, strict=True):
        shown = runs[runs.density == level]
        shown = shown if level == 1 else pd.concat([dense, shown])
        for (arm, name), (block, style, found) in _lines(shown, chosen).items():
            told = [column for column in found if column.startswith(f"{block}.risk_at.")]
            coverages = [float(column.rpartition("risk_at.")[2]) for column in told]
            axes.plot(coverages, found[told].mean(), style, color=colours[arm], lw=1.3, label=f"{arm}, {name}")
        axes.set(xlabel="coverage", ylabel="risk (error among those answered)", ylim=(0, None))
    for axes in grid[:2]:
        axes.legend(fontsize=6, loc="upper left")
    return figure


def _lines(runs: pd.DataFrame, chosen: str) -> dict[tuple[str, str], Any]:
    """Score, line and rows of each curve, by arm and name."""
    lines = {}
    for arm, group in runs[runs.status == "ok"].groupby("algorithm", sort=False):
        plain, gambler = group[group.loss == "cross-entropy"], group[group.loss == chosen]
        lines[arm, "cross-entropy"] = BY_CLASS, "-", plain
        lines[arm, f"{chosen}, softmax"] = BY_CLASS, "--", gambler
        lines[arm, f"{chosen}, reservation"] = BY_STAKE, ":", gambler
    return {key: line for key, line in lines.items() if len(line[2])}


def _colours(runs: pd.DataFrame) -> dict[str, Any]:
    import seaborn

    arms = [arm for arm in dict.fromkeys(runs.algorithm) if arm != "dense"]
    return dict(zip(arms, seaborn.color_palette("colorblind"), strict=False)) | {"dense": "0.35"}


def excess(runs: pd.DataFrame, path: pd.DataFrame, chosen: str) -> Figure:
    """E-AURC over the share of weights and over the error; the dense network as it trains is a line."""
    figure, grid = panels(["by the share of weights", "by the error"], (4.8, 3.6))
    area, colours = f"{BY_CLASS}.e_aurc", _colours(runs)
    kept = [round(100 * density, 4) for density in runs[runs.algorithm != "dense"].density.unique()]
    known = path[path.status == "ok"].groupby("length")[["error", area]].mean()
    grid[1].plot(known.error, known[area], "-", color="0.35", lw=1.2, label="dense, stopped earlier and earlier")
    for loss, style in (("cross-entropy", "o-"), (chosen, "^--")):
        fine = runs[(runs.loss == loss) & (runs.status == "ok")]
        level = fine[fine.algorithm == "dense"][area].mean()
        grid[0].axhline(level, color="0.35", ls=style[1:], lw=1.2, label=f"dense, {loss}")
        for arm, group in fine[fine.algorithm != "dense"].groupby("algorithm", sort=False):
            means = group.groupby("density")[["error", area]].mean()
            name = f"{arm}, {loss}"
            grid[0].plot(100 * means.index.to_numpy(), means[area], style, color=colours[arm], ms=5, label=name)
            grid[1].plot(group.error, group[area], style[0], color=colours[arm], ms=4, alpha=0.7)
    grid[0].set(xlabel="weights kept, in percent", ylabel="E-AURC by softmax", xscale="log")
    grid[0].invert_xaxis()
    grid[0].set_xticks(kept, [f"{share:g}" for share in kept])
    grid[0].minorticks_off()
    grid[1].set(xlabel="test error", ylabel="E-AURC by softmax")
    for axes in grid:
        axes.legend(fontsize=7)
    return figure
