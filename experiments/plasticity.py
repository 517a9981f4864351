from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from benchmark import Count, Finding, Fraction, Study, difference, experiment, panels, without_result

from ._arms import band, over_zero, summary
from ._options import Shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PATTERNS = {"magnitude": "global", "layer": "layer", "random": "global", "snip": "global"}
"""The pattern that each criterion prunes in. `layer` is magnitude within every layer."""

GIVES_WAY = 0.5
"""The share of each layer's kept weights that is replaced in the arms with regrowth."""

BEFORE, PRUNED, AFTER = (f"noted.plasticity.{moment}.accuracy" for moment in ("before", "pruned", "after"))
MEASURES = ["drop", "plasticity", "dense", "net"]
"""Accuracy lost by pruning; after minus before; the same for the dense network; and their difference."""

LEAST = 0.9
"""The smallest pruned share that claims are about: below it little is lost."""


@experiment(
    paper="arXiv:2106.10404",
    full={
        "task": "cifar10",
        "model": "resnet-20",
        "budget": "full",
        "at": "0,0.1,0.25,0.45,0.55,0.7,0.8,0.9,1",
        "shares": "0.2,0.5,0.9,0.98",
        "criteria": "magnitude,layer,random,snip",
    },
    smoke={"task": "digits", "model": "mlp", "budget": "smoke", "at": "0.25,1", "shares": "0.9", "criteria": "random"},
)
def plasticity(
    study: Study,
    *,
    task: str = "mnist:recipe=snip",
    model: str = "lenet-300-100",
    budget: str = "1000-steps",
    seeds: Count = 3,
    at: Shares = "0,0.2,0.4,0.6,0.9",
    shares: Shares = "0.9,0.98",
    criteria: str = "magnitude,random",
    tune: Fraction = 0.2,
) -> None:
    """When does a network recover from being pruned: while its learning rate is high, or late (Liu et al., 2021)?

    A network is pruned at a moment of its training, and trained on at the learning rate of that moment. Plasticity is
    its validation accuracy after that minus that before pruning. The dense network, trained on for as long at the same
    rate, is the zero line: what is gained by further training alone does not count as recovery.

    Options:
        task: what networks are trained for
        model: a model of the task
        budget: length of a whole training
        seeds: number of initialisations
        at: moments of pruning, as shares of training
        shares: shares of the weights that are pruned
        criteria: pruning criteria: magnitude (over the network), layer (by magnitude in each), random, snip
        tune: length of the training after pruning, as a share of training
    """
    study.on(task, model=model, budget=budget, seeds=seeds)
    moments, levels, names = at.split(","), [float(share) for share in shares.split(",")], criteria.split(",")
    dense = study.runs(*asked(moments, tune, names[0], 0.0), sparsity=0.0)
    arms = [
        study.runs(*asked(moments, tune, name, share), sparsity=levels, pattern=PATTERNS[name]).assign(arm=name + label)
        for name in names
        for share, label in ((0.0, ""), (GIVES_WAY, ", regrown"))
    ]
    pruned = measured(pd.concat(arms, ignore_index=True), dense)
    plain, grown = (pruned[pruned.arm == names[0] + label] for label in ("", ", regrown"))
    early, late = (plain[plain["at"] == moment] for moment in ends(plain["at"].unique()))
    hard = [level for level in levels if level >= LEAST]
    study.guard("pruning late hurts", mean(late[late.sparsity == max(levels)], column="drop", above=0.005))
    for level in hard:
        study.claim(
            f"{level:.3g} pruned: less is recovered late than early",
            mean(early[early.sparsity == level], late[late.sparsity == level], column="net"),
        )
    for level in hard:
        study.claim(
            f"{level:.3g} pruned: regrowth raises plasticity",
            mean(grown[grown.sparsity == level], plain[plain.sparsity == level], column="plasticity"),
        )
    study.table(summary(pruned, ["arm", "sparsity", "at"], MEASURES))
    study.figure("plasticity", drawn(pruned))


def asked(moments: Sequence[str], tune: float, criterion: str, regrow: float) -> list[str]:
    """An algorithm, as on the command line, for every moment."""
    kind = "magnitude" if criterion == "layer" else criterion
    return [f"plasticity:at={moment},tune={tune},criterion={kind},regrow={regrow}" for moment in moments]


def measured(pruned: pd.DataFrame, dense: pd.DataFrame) -> pd.DataFrame:
    """The rows of pruned networks with `at`, and with MEASURES against the dense network of their seed and moment."""
    both = [runs.assign(at=[options["at"] for options in runs.options]) for runs in (pruned, dense)]
    both = [runs.reindex(columns=list(dict.fromkeys([*runs, BEFORE, PRUNED, AFTER]))) for runs in both]
    rows, zero = both[0], both[1].assign(dense=both[1][AFTER] - both[1][BEFORE])[["seed", "at", "dense"]]
    rows = rows.assign(drop=rows[BEFORE] - rows[PRUNED], plasticity=rows[AFTER] - rows[BEFORE])
    rows = rows.merge(zero, on=["seed", "at"], how="left", validate="many_to_one")
    return rows.assign(net=rows.plasticity - rows.dense)


def ends(moments: Sequence[float]) -> tuple[float, float]:
    """The first moment at which something was trained, and the last one."""
    trained = sorted(moment for moment in moments if moment > 0)
    return trained[0], trained[-1]


def mean(a: pd.DataFrame, b: pd.DataFrame | None = None, *, column: str, above: float = 0.0) -> Finding:
    """The mean of a column over moments, by seed; minus that of b if there is one."""
    frames = [a] if b is None else [a, b]
    if lost := without_result(*frames):
        return Finding.incomplete(lost)
    means = [frame.groupby("seed", as_index=False)[column].mean().assign(status="ok") for frame in frames]
    if b is None:
        return over_zero(means[0], column, above=above)
    return difference(*means, column=column, above=above)


def drawn(pruned: pd.DataFrame) -> "Figure":
    """Net plasticity over the moment, a panel for each share pruned; the dense network trained on is zero."""
    import seaborn

    levels, arms = sorted(pruned.sparsity.unique()), list(dict.fromkeys(arm.split(",")[0] for arm in pruned.arm))
    figure, grid = panels([f"{level:.3g} of the weights pruned" for level in levels], (4.2, 3.4))
    colours = dict(zip(arms, seaborn.color_palette("colorblind"), strict=False))
    for axes, level in zip(grid, levels, strict=True):
        axes.axhline(0, color="0.35", lw=1.2, label="dense, trained on")
        for arm, rows in pruned[pruned.sparsity == level].groupby("arm", sort=False):
            name, regrown, _ = str(arm).partition(",")
            points, line = rows.assign(points=100 * rows.net), "--" if regrown else "-"
            band(axes, points, "at", "points", color=colours[name], ls=line, label=arm)
        axes.set(xlabel="moment of pruning, as a share of training", ylabel="net plasticity, in points")
        axes.set_yscale("symlog", linthresh=1)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    grid[0].legend(fontsize=8)
    return figure
