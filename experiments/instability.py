from typing import TYPE_CHECKING

import pandas as pd

from benchmark import Count, Finding, Sparsity, Study, difference, experiment, paired, panels, without_result

from ._arms import band, over_zero, summary
from ._options import Shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STABLE = 0.02
"""The barrier below which a network is called stable (Frankle et al., 2020)."""

SPLITS = ["validation", "train"]
"""The splits with errors and barriers."""

NAMES = {"dense": "the dense network", "ticket": "the ticket", "random": "the shuffled ticket"}


@experiment(
    paper="arXiv:1912.05671",
    full={
        "task": "cifar10",
        "model": "resnet-20",
        "budget": "full",
        "sparsity": 0.832,
        "at": "0,0.005,0.01,0.02,0.05,0.1,0.2",
        "scope": "pattern",
        "seeds": 3,
    },
    smoke={"task": "digits", "model": "mlp", "budget": "smoke", "sparsity": 0.5, "at": "0,0.5"},
)
def instability(
    study: Study,
    *,
    task: str = "mnist",
    model: str = "lenet-300-100",
    budget: str = "1000-steps",
    sparsity: Sparsity = 0.914,
    at: Shares = "0,0.01,0.05,0.2",
    scope: str = "layer",
    seeds: Count = 1,
    pairs: Count = 3,
) -> None:
    """Do winning tickets win where training no longer depends on the order of the data (Frankle et al., 2020)?

    Two copies of a network branch at a moment of training and see the data in two orders. The barrier is how much the
    error rises on the line between them; below 0.02 the network is called stable. This is measured for the dense
    network, for tickets of iterative pruning rewound to that moment, and for these with masks shuffled within layers.

    Options:
        task: what networks are trained for
        model: a model of the task
        budget: length of a training
        seeds: number of initialisations
        sparsity: sparsity of the tickets
        at: moments of branching, as shares of training
        scope: as for imp: layer for small networks, pattern (a global ranking) for residual ones
        pairs: pairs of orders, each of which gives one value of a barrier
    """
    study.on(task, model=model, budget=budget, seeds=seeds)
    moments, orders = at.split(","), range(1, pairs + 1)
    whole = study.runs("dense")
    sources = study.runs(*(f"imp:scope={scope},rewind={m}" for m in moments), sparsity=sparsity, control="shuffle")
    sources = sources.assign(at=[options["rewind"] for options in sources.options])
    asked = [f"instability:at={m},pair={j}" for m in moments for j in orders]
    found = sources[sources.status == "ok"]
    sparse = study.runs(*(f"instability:at={{at}},pair={j},of={{key}}" for j in orders), over=found)
    lines = labelled(study.runs(*asked, sparsity=0.0), sparse, sources)
    for arm, moment in (("dense", min(lines["at"])), ("ticket", min(lines["at"])), ("ticket", max(lines["at"]))):
        study.claim(f"{NAMES[arm]} is stable from {moment:g} of training on", stable(lines, arm, moment))
    tickets = sources[sources.control == ""]
    for moment in dict.fromkeys((min(lines["at"]), max(lines["at"]))):
        finding = difference(tickets[tickets["at"] == moment], whole, above=-0.005)
        study.claim(f"rewound to {moment:g} of training the ticket is within 0.5 points of the dense network", finding)
    study.table(summary(lines, ["arm", "at"], SPLITS), "barriers")
    study.table(summary(sources, ["control", "at"], ["score"]), "accuracy of tickets; of shuffled masks")
    study.figure("barriers", drawn(lines, sources, whole))


def labelled(dense: pd.DataFrame, sparse: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """All pairs of branches, with the arm and the moment; within these, the number of a pair takes the seed's place."""
    arm = {key: "random" if control else "ticket" for key, control in zip(sources.key, sources.control, strict=True)}
    rows = pd.concat([dense, sparse], ignore_index=True)
    rows = rows.assign(
        arm=[arm[options["of"]] if options.get("of") else "dense" for options in rows.options],
        at=[options["at"] for options in rows.options],
    )
    rows = rows.assign(initialisation=rows.seed, seed=rows.groupby(["arm", "at"]).cumcount())
    rows = rows.rename(columns={f"noted.instability.{split}.barrier": split for split in SPLITS})
    return rows.reindex(columns=list(dict.fromkeys([*rows, *SPLITS])))


def stable(lines: pd.DataFrame, arm: str, moment: float) -> Finding:
    """The barrier on validation data, which should lie below STABLE: by pair, or by initialisation if several are."""
    rows = lines[(lines.arm == arm) & (lines["at"] == moment)]
    if not len(rows):
        return Finding.incomplete([f"the {arm} network parted at {moment:g}"])
    means = rows.groupby("initialisation").validation.mean().to_dict()  # the pairs of one are not independent
    if len(means) == 1 or without_result(rows):
        return over_zero(rows, "validation", below=STABLE)
    return paired(means, dict.fromkeys(means, 0.0), below=STABLE)


def drawn(lines: pd.DataFrame, sources: pd.DataFrame, whole: pd.DataFrame) -> "Figure":
    """Barriers of both splits over the moment of branching, and the test accuracy of tickets rewound to it."""
    import seaborn

    moments = sorted(lines["at"].unique())
    figure, grid = panels(["barrier, validation data", "barrier, training data", "test accuracy"], (4.2, 3.4))
    colours = dict(zip(NAMES, seaborn.color_palette("colorblind"), strict=False))
    for axes, split in zip(grid, SPLITS, strict=False):
        for arm, name in NAMES.items():
            band(axes, lines[lines.arm == arm], "at", split, color=colours[arm], label=name)
        axes.axhline(STABLE, color="0.35", ls="--", lw=1.2, label="stable below")
    for arm, control in (("ticket", ""), ("random", "shuffle")):
        band(grid[-1], sources[sources.control == control], "at", "score", color=colours[arm])
    grid[-1].axhline(whole.score.mean(), color=colours["dense"], lw=1.2)
    for axes in grid:
        axes.set_xscale("symlog", linthresh=min([moment for moment in moments if moment] or [1.0]))
        axes.set_xticks(moments, [f"{moment:g}" for moment in moments])
        axes.set_xlabel("moment of parting, as a share of training")
    grid[0].legend(fontsize=8)
    return figure
