import pandas as pd

from benchmark import Count, Finding, Study, experiment, without_result

from ._arms import over_zero, summary
from ._options import Amounts, Shares
from ._streams import above_curve, exactly_zero, maps, over_capacity, with_forward_transfer

LEAST = -0.01
"""The backward transfer of training in sequence has to lie below this, else there is no forgetting to prevent."""

SHOWN = ["ACC", "bwt", "fwt", "capacity", "trainings"]


@experiment(
    paper="openreview:uj9PxVTVqq",
    full={"task": "permuted-mnist:parts=10", "seeds": 5},
    smoke={"budget": "smoke", "seeds": 3, "shares": "0.2,0.5", "etas": "0.25"},
)
def streams(
    study: Study,
    *,
    task: str = "split-digits",
    budget: str = "short",
    seeds: Count = 8,
    shares: Shares = "0.01,0.02,0.05,0.1,0.2,0.5",
    etas: Amounts = "0,0.25,0.75",
) -> None:
    """Streams: can subnetworks carry one part after the other without forgetting (Gao et al., 2023)?

    R has the accuracy on each part after each part. ACC is the mean of its last row; backward transfer (BWT) is what
    earlier parts have gained since they were learned; forward transfer (FWT) is what a part has gained over a network
    that learned it alone from the same initial weights, which is not the zero-shot transfer of Lopez-Paz & Ranzato
    (2017). Capacity is the share of the weights that at least one part uses.

    Options:
        task: a stream
        budget: length of the training of all parts together
        seeds: number of initialisations
        shares: values of packnet's option share
        etas: values of dsn's option eta; the last one is tried with replay, too
    """
    study.on(task, budget=budget, seeds=seeds)
    packnet = study.runs(*(f"packnet:share={share}" for share in shares.split(",")))
    dsn = study.runs(*(f"dsn:eta={eta}" for eta in etas.split(",")))
    replay = study.runs(f"dsn:eta={etas.rpartition(',')[2]},replay=true")
    supsup, others = study.runs("supsup"), study.runs("dense", "sequential", "alone")
    if lost := without_result(*study.asked):
        study.claim("subnetworks forget nothing", Finding.incomplete(lost))
        return
    alone, sequential = (others[others.algorithm == name] for name in ("alone", "sequential"))
    everything = with_forward_transfer(pd.concat([others, packnet, supsup, dsn, replay], ignore_index=True), alone)
    for name, runs in (("packnet", packnet), ("supsup", supsup), ("dsn without replay", dsn)):
        study.claim(f"the backward transfer of {name} is exactly 0", exactly_zero(runs))
    study.guard("training in sequence forgets", over_zero(sequential, "bwt", below=LEAST))
    for method, runs in dsn.groupby("method", sort=False):
        found = above_curve(runs, packnet, among=everything)
        study.claim(f"the ACC of {method} is at least that of packnet at equal capacity", found)
    study.claim("the backward transfer of dsn with replay is above 0", over_zero(replay, "bwt", above=0.0))
    study.table(summary(everything.assign(ACC=everything.score), ["method"], SHOWN), "means over seeds")
    study.figure("accuracies", maps(everything))
    study.figure("capacity", over_capacity(everything))
