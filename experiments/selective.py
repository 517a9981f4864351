import pandas as pd

from benchmark import Count, Finding, Study, difference, experiment, without_result

from ._options import Amounts, Several, Shares, numbers, shares, with_option
from ._risks import (
    BY_CLASS,
    above_stopped,
    by_scores,
    excess,
    few_errors,
    labelled,
    less_alike,
    risks,
    steadiest,
    table,
)

LEAST = 50
"""The fewest errors on the test split for which the curves mean anything."""


@experiment(
    paper="arXiv:1907.00208",
    full={
        "task": "cifar10",
        "model": "resnet-20",
        "payoffs": "2.2,2.6,3,6",
        "rounds": 20,
        "steps": "100,300,1000,3000,10000,30000",
    },
    smoke={"budget": "smoke", "payoffs": "9", "kept": "0.2", "rounds": 2, "steps": "7,14"},
)
def selective(
    study: Study,
    *,
    task: str = "digits-noisy",
    model: str = "mlp",
    budget: str = "full",
    seeds: Count = 3,
    payoffs: Amounts = "2.2,4,9",
    kept: Shares = "0.2,0.05,0.02",
    rounds: Count = 5,
    steps: Several = "5,10,20,40,80,160",
) -> None:
    """Selective prediction: does pruning destroy what a network knows of its own doubt (Ziyin et al., 2019)?

    A classifier that may abstain predicts the examples that it is most confident about; its risk is the share of errors
    among them. Cross-entropy and the gambler's loss are compared, dense and pruned, by the softmax and by the
    reservation. The gambler in claims and figures is the one whose dense networks have the best validation accuracy.

    Options:
        task: what networks are trained for; it must have the option loss=gambler
        model: a model of the task
        budget: length of a training
        seeds: number of initialisations
        payoffs: payoffs of the gambler's loss
        kept: shares of the weights that are kept
        rounds: rounds of imp
        steps: lengths at which a dense network is stopped, for its doubt at the error of a pruned one
    """
    losses = [task, *(with_option(task, f"loss=gambler,payoff={payoff}") for payoff in payoffs.split(","))]
    levels = [round(1 - share, 6) for share in shares(kept)]
    study.on(losses, model=model, budget=budget, seeds=seeds)
    dense = labelled(study.runs("dense"))
    pruned = labelled(study.runs(f"imp:rounds={rounds}", "snip", "random:distribution=erk", sparsity=levels))
    plain = dense[dense.loss == "cross-entropy"]
    shorter = [study.runs("dense", task=task, budget=f"{n}-steps").assign(length=n) for n in numbers(steps)]
    path = labelled(pd.concat([*shorter, plain.assign(length=10**9)]))
    if lost := without_result(path):
        study.claim("dense networks know their errors", Finding.incomplete(lost))
        return
    chosen = steadiest(dense)
    everything = pd.concat([dense, pruned], ignore_index=True)
    study.guard(f"every network makes at least {LEAST} errors", few_errors(everything, LEAST))
    gambler = dense[dense.loss == chosen]
    study.claim(
        f"dense, by softmax: the AURC of the gambler ({chosen}) is below that of cross-entropy",
        difference(gambler, plain, column=f"{BY_CLASS}.aurc", below=0.0),
    )
    study.claim(f"dense, {chosen}: the AURC by reservation is below that by softmax", by_scores(gambler))
    sparsest = pruned[(pruned.loss == "cross-entropy") & (pruned.sparsity == max(levels))]
    share = f"{100 * (1 - max(levels)):.3g} %"
    for arm, runs in sparsest.groupby("algorithm", sort=False):
        study.claim(f"{arm} at {share}: the E-AURC is above that of dense at the same error", above_stopped(runs, path))
    study.claim(
        f"imp at {share}: the tenth that it rejects first is less like that of dense than another dense seed's is",
        less_alike(sparsest[sparsest.algorithm == "imp"], plain),
    )
    study.table(table(everything))
    study.figure("risk", risks(everything, chosen))
    study.figure("excess", excess(everything, path, chosen))
