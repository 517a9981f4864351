from typing import TYPE_CHECKING

import pandas as pd

from benchmark import Count, Finding, Study, experiment

from ._arms import best, curves, summary, versus

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FOLLOWED = "curve=40"
TICKET, ONE_SHOT = f"imp:scope=layer,{FOLLOWED}", f"imp:scope=layer,rounds=1,{FOLLOWED}"
RANDOM = f"random:distribution=erk,{FOLLOWED}"
ARMS = ["ticket", "one-shot", "re-initialised", "shuffled", "random"]


@experiment(
    paper="arXiv:1803.03635",
    full={"budget": "full", "seeds": 5},
    smoke={"task": "digits", "model": "mlp", "budget": "smoke", "seeds": 3, "rounds": "2,8"},
)
def lottery(
    study: Study,
    *,
    task: str = "mnist",
    model: str = "lenet-300-100",
    budget: str = "short",
    seeds: Count = 3,
    rounds: str = "2,5,8,11,14,17",
) -> None:
    """Winning tickets: do they train as well as the dense network, and what makes them win (Frankle & Carbin, 2019)?

    A ticket is what iterative magnitude pruning leaves, a fifth of each layer at a time, trained from its initial
    weights. Beside it: the same counts of every layer pruned at once; the ticket from other initial weights; its
    positions shuffled within each layer; and random masks. Early stopping is at the first lowest validation loss.

    Options:
        rounds: rounds of pruning that are shown; each keeps 0.8 of what the one before it kept
    """
    study.on(task, model=model, budget=budget, seeds=seeds)
    levels = [round(1 - 0.8 ** int(r), 6) for r in rounds.split(",")]
    dense = study.runs(f"dense:{FOLLOWED}").assign(arm="dense")
    arms = labelled(
        study.runs(TICKET, sparsity=levels, control=["reinit", "shuffle"]),
        study.runs(ONE_SHOT, RANDOM, sparsity=levels),
    )
    sparsest = arms[arms.sparsity == max(levels)]
    study.guard("pruning at random hurts", versus(dense, sparsest[sparsest.arm == "random"], above=0.005))
    study.claim(
        "a ticket of at most a fifth of the weights is within 0.5 points of the dense network", small(dense, arms)
    )
    for other in ARMS[1:4]:
        study.claim(f"the smallest ticket is better than {other}", at(sparsest, "ticket", other))
    for column, what in {
        "gap": "the gap from training to test accuracy",
        "noted.curve.early_stop": "the step of early stopping",
    }.items():
        study.claim(f"{what} of the smallest ticket is below that of the dense network", lower(dense, sparsest, column))
    everything = with_gap(pd.concat([dense, arms]))
    study.table(summary(everything, ["sparsity", "arm"], ["score", "noted.curve.early_stop", "gap", "trainings"]))
    study.figure("accuracy", drawn(everything))


def labelled(tickets: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    """All runs at all levels, with the arm that each belongs to."""
    names = {"": "ticket", "reinit": "re-initialised", "shuffle": "shuffled"}
    once = others.algorithm.map({"imp": "one-shot", "random": "random"})
    return pd.concat([tickets.assign(arm=tickets.control.map(names)), others.assign(arm=once)], ignore_index=True)


def with_gap(runs: pd.DataFrame) -> pd.DataFrame:
    """Train accuracy minus test accuracy, at the last step."""
    return runs.assign(gap=runs["noted.train.accuracy"] - runs.accuracy)


def small(dense: pd.DataFrame, arms: pd.DataFrame) -> Finding:
    """The level of at most a fifth of the weights whose loss against the dense network is smallest for sure."""
    tickets = arms[(arms.arm == "ticket") & (arms.sparsity >= 0.8)]
    return best(
        [
            versus(dense, group, below=0.005, says=f"at sparsity {level:.3g}")
            for level, group in tickets.groupby("sparsity")
        ]
    )


def at(level: pd.DataFrame, one: str, other: str) -> Finding:
    """How far one arm lies above another at one level."""
    return versus(level[level.arm == one], level[level.arm == other])


def lower(dense: pd.DataFrame, level: pd.DataFrame, column: str) -> Finding:
    """The ticket's value minus the dense network's; the claim is that it is negative."""
    return versus(with_gap(level[level.arm == "ticket"]), with_gap(dense), column=column, below=0.0)


def drawn(runs: pd.DataFrame) -> "Figure":
    """Accuracy, early stopping and gap over the share of weights kept."""
    shown = {
        "score": "test accuracy",
        "noted.curve.early_stop": "step of early stopping",
        "gap": "train minus test accuracy",
    }
    return curves(runs, shown, arms=ARMS)
