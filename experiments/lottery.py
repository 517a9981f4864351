from typing import TYPE_CHECKING

import pandas as pd

from benchmark import Count, Finding, Study, difference, experiment

from ._arms import best, curves, over_zero, summary
from ._movement import RATIOS, as_far, further, movements
from ._options import AmountsOrNone, Several, Shares, numbers, with_option
from ._warmups import KEPT, higher_when_warmed, mapped, margins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLLOWED = "curve=40"
LOWER = {
    "gap": "the gap from training to test accuracy",
    "noted.curve.early_stop": "the step of early stopping",
}
"""What the claims are about besides accuracy, by column."""

ARMS = ["ticket", "one-shot", "re-initialised", "shuffled", "random"]


@experiment(
    paper="arXiv:1803.03635",
    full={
        "task": "cifar10",
        "model": "resnet-20",
        "budget": "full",
        "seeds": 5,
        "scope": "pattern",
        "rates": "0.01,0.03,0.1",
    },
    smoke={"task": "digits", "model": "mlp", "budget": "smoke", "seeds": 3, "rounds": "2,8"},
)
def lottery(
    study: Study,
    *,
    task: str = "mnist",
    model: str = "lenet-300-100",
    budget: str = "short",
    seeds: Count = 3,
    rounds: Several = "2,5,8,11,14,17",
    scope: str = "layer",
    rates: AmountsOrNone = "",
    warmups: Shares = "0,0.1,0.3",
) -> None:
    """Winning tickets: do they train as well as the dense network, and what makes them win (Frankle & Carbin, 2019)?

    A ticket is what iterative magnitude pruning leaves, a fifth of each layer at a time, trained from its initial
    weights. It is compared with the same counts in every layer pruned at once; the ticket from other initial weights;
    its positions shuffled within each layer; and random masks. Early stopping is at the first lowest validation loss.

    Options:
        task: what networks are trained for
        model: a model of the task
        budget: length of a training
        seeds: number of initialisations
        rounds: rounds of pruning that are shown; each keeps 0.8 of what the one before it kept
        scope: as for imp: layer for small networks, pattern (a global ranking) for residual ones
        rates: learning rates at which the ticket of 8 rounds is tried with every warm-up; none: no such panel
        warmups: shares of training over which these rates grow from 0
    """
    study.on(task, model=model, budget=budget, seeds=seeds)
    levels = [round(1 - 0.8**r, 6) for r in numbers(rounds)]
    dense = study.runs(f"dense:{FOLLOWED}").assign(arm="dense")
    arms = labelled(
        study.runs(f"imp:scope={scope},{FOLLOWED}", sparsity=levels, control=["reinit", "shuffle"]),
        study.runs(f"imp:scope={scope},rounds=1,{FOLLOWED}", f"random:distribution=erk,{FOLLOWED}", sparsity=levels),
    )
    everything = with_gap(pd.concat([dense, arms]))
    sparsest, ends = everything[everything.sparsity == max(levels)], everything[everything.sparsity == 0]
    found = {arm: sparsest[sparsest.arm == arm] for arm in ARMS}
    study.guard("pruning at random hurts", difference(ends, found["random"], above=0.005, among=everything))
    study.claim(
        "a ticket of at most a fifth of the weights is within 0.5 points of the dense network", small(everything)
    )
    for other in ARMS[1:4]:
        better = difference(found["ticket"], found[other], among=everything)
        study.claim(f"the smallest ticket is better than {other}", better)
    for column, what in LOWER.items():
        lower = difference(found["ticket"], ends, column=column, below=0.0, among=everything)
        study.claim(f"{what} of the smallest ticket is below that of the dense network", lower)
    tickets = arms[arms.arm == "ticket"]
    moves = movements(study, tickets)
    smallest = tickets[tickets.sparsity == max(levels)], moves[moves.sparsity == max(levels)]
    study.claim(
        "the weights of the smallest ticket move further than others of like initial magnitude", further(*smallest)
    )
    study.claim("random weights move as far as others, within 5 %", as_far(*smallest, within=0.05))
    shown = ["score", "noted.curve.early_stop", "gap", "trainings"]
    study.table(summary(everything, ["sparsity", "arm"], shown), "means over seeds")
    study.table(summary(moves, ["sparsity", "layer"], RATIOS), "movement of kept weights by that of pruned ones")
    study.figure("accuracy", drawn(everything))
    if rates:
        warmed(study, task, scope, rates.split(","), warmups.split(","))


def warmed(study: Study, task: str, scope: str, rates: list[str], warmups: list[str]) -> None:
    """At which rates a ticket needs its initial weights, and whether a warm-up makes it need them at higher ones."""
    tasks = [with_option(task, f"rate={rate},warmup={warmup}") for rate in rates for warmup in warmups]
    rows = margins(study.runs(f"imp:scope={scope}", task=tasks, sparsity=KEPT, control="reinit"))
    slow = rows[(rows.rate == min(rows.rate)) & (rows.warmup == min(rows.warmup))]
    study.claim(
        f"at rate {min(rows.rate):g} the ticket of 8 rounds is better than re-initialised", over_zero(slow, "margin")
    )
    study.claim(f"at rate {max(rows.rate):g} a warm-up makes it better by more", higher_when_warmed(rows))
    study.table(summary(rows, ["rate", "warmup"], ["score", "margin"]), "the ticket of 8 rounds, by rate and warm-up")
    study.figure("warmup", mapped(rows))


def labelled(tickets: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """All runs at all levels, with the arm that each belongs to."""
    names = {"": "ticket", "reinit": "re-initialised", "shuffle": "shuffled"}
    once = others.algorithm.map({"imp": "one-shot", "random": "random"})
    return pd.concat([tickets.assign(arm=tickets.control.map(names)), others.assign(arm=once)], ignore_index=True)


def with_gap(runs: pd.DataFrame) -> pd.DataFrame:
    """Train accuracy minus test accuracy, at the last step."""
    return runs.assign(gap=runs["noted.train.accuracy"] - runs.accuracy)


def small(everything: pd.DataFrame) -> Finding:
    """The level, with at most a fifth of the weights, whose loss against the dense network is most surely small."""
    dense, tickets = everything[everything.sparsity == 0], everything[everything.arm == "ticket"]
    return best(
        [
            difference(dense, group, below=0.005, says=f"at sparsity {level:.3g}", among=everything)
            for level, group in tickets[tickets.sparsity >= 0.8].groupby("sparsity")
        ]
    )


def drawn(runs: pd.DataFrame) -> "Figure":
    """Accuracy, early stopping and gap over the share of weights kept."""
    shown = {
        "score": "test accuracy",
        "noted.curve.early_stop": "step of early stopping",
        "gap": "train minus test accuracy",
    }
    return curves(runs, shown, arms=ARMS)
