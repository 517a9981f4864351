from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from benchmark import Count, Finding, Study, difference, experiment, without_result

from . import _teaching as drawn
from ._arms import curves
from ._recovery import Hits, bracket, fitted, halves, hits, joined, linear, misses_transition, more_often, rising
from ._students import around, beside, descent, distance, last, outputs, speed, teacher

VERSION = 1

KEPT = [1 / 12, 1 / 6, 1 / 3, 1 / 2, 3 / 4, 1]
"""Weights per neuron that the mask keeps, as shares of the inputs."""

SAMPLES = [5 / 6, 5 / 3, 5 / 2, 10 / 3, 5, 20 / 3, 10]
"""Examples, as multiples of the inputs."""

RECALL = "diagnosis.recall"

MEANS = {"precision": "diagnosis.precision", "excess": "diagnosis.excess", "error": "score", "trainings": "trainings"}
"""What is reported about each pruner besides its recall, by the column of its runs."""

LEVELS = [round(1 - 0.8**rounds, 6) for rounds in (2, 5, 8, 11, 14)]
"""Sparsities of tickets on real data."""


@experiment(
    paper="arXiv:2110.05667",
    full={"d": 500, "draws": 100, "real": "mnist:examples=250,mnist:examples=1000,mnist:examples=4000,mnist"},
    smoke={
        "d": 12,
        "neurons": 2,
        "draws": 6,
        "seeds": 3,
        "pruners": "magnitude,snip,granet",
        "budget": "smoke",
    },
)
def teacher_student(
    study: Study,
    *,
    d: Count = 60,
    neurons: Count = 5,
    draws: Count = 20,
    seeds: Count = 5,
    pruners: str = "",
    budget: str = "short",
    real: str = "",
) -> None:
    """Why tickets win: does a right mask need fewer examples, and which pruners find it (Zhang et al., 2021)?

    A teacher is a network of one hidden layer with sparse weights; a student of the same shape learns its outputs under
    a mask. The first part starts near the teacher, with masks that are right, or right but too loose; the second tests
    pruners, which start at random and find their own masks.

    Options:
        d: number of inputs
        neurons: number of hidden neurons of teacher and student
        draws: teachers at each point of the first part
        seeds: teachers that each pruner is tried on
        pruners: methods to rank; by default all built-in ones that prune weights one by one
        budget: how long pruners train
        real: tasks of real data on which tickets are trained, each a row
    """
    near_the_teacher(study, d, neurons, draws)
    study.on(f"teacher:d={d},neurons={neurons},support={sixth(d)},samples={10 * d}", budget=budget, seeds=seeds)
    from_random(study, pruners.split(",") if pruners else study.pruners())
    if real:
        tickets = study.runs("imp:scope=layer", task=real.split(","), sparsity=LEVELS)
        study.figure("real", curves(tickets.assign(arm=tickets.task), {"score": "test accuracy"}, real.split(",")))


def near_the_teacher(study: Study, d: int, neurons: int, draws: int) -> None:
    """How many examples right masks need, how fast they converge, and what looseness and noise do."""
    grid, r = {"d": d, "neurons": neurons, "draws": draws}, sixth(d)
    counts = [round(share * d) for share in SAMPLES]
    right = pd.DataFrame([{"support": kept, "kept": kept} for kept in (max(1, round(share * d)) for share in KEPT)])
    phase = located(study, right, counts, grid)
    rates = study.each(rate, over=right, samples=10 * d, beta=[0.0, 0.5], **grid)
    masks = pd.DataFrame([{"support": r, "kept": kept} for kept in (r, 2 * r, 4 * r, d)])
    loose = study.each(recovery, over=masks, samples=listed([10 * r, 20 * r, 30 * r]), noise=0.0, **grid)
    noisy = study.each(recovery, over=masks[:1], samples=f"{40 * r}", noise=[0.0, 0.1, 0.2, 0.4], **grid)
    if lost := without_result(*study.asked):
        study.claim("the examples needed grow linearly with the weights kept", Finding.incomplete(lost))
        return
    study.claim("the examples needed grow linearly with the weights kept", linear(phase, least=0.95))
    for beta, rows in rates.groupby("beta"):
        what = rising(np.sqrt(rows.kept.to_numpy()), rows.rate.to_numpy(), "more per step and root of r")
        study.claim(f"the fewer weights are kept, the faster they converge, with momentum {beta:g}", what)
    wide = hits(loose)
    freer = more_often(wide[2 * r][20 * r], wide[d][20 * r], f"more of the teachers, from {20 * r} examples")
    study.claim("a mask twice too loose recovers the teacher where the dense network does not", freer)
    needed = shares({kept: {n: row[n] for n in counts} for kept, row in phase.items()}).assign(half=halves(phase))
    study.table(needed, "share of teachers recovered under right masks, and N of one half")
    study.table(rates.groupby(["beta", "kept"], as_index=False).rate.mean(), "error after a step / before")
    study.table(shares(wide), f"share recovered under loose masks, of teachers with {r} weights a neuron")
    study.figure("theory", drawn.theory(phase, fitted(phase)[0], neurons, rates, wide, noisy))


def located(study: Study, right: pd.DataFrame, counts: list[int], grid: dict[str, int]) -> Hits:
    """Whether each teacher is recovered, by the number of examples.

    Further numbers are tried between the two where the share of hits crosses one half, and again if it still jumps.
    """
    found = hits(study.each(recovery, over=right, samples=listed(counts), noise=0.0, **grid))
    for everywhere in (True, False):
        further = {r: bracket(row, 4) for r, row in found.items() if everywhere or misses_transition(row)}
        finer = [{"support": r, "kept": r, "samples": listed(between)} for r, between in further.items() if between]
        if finer:
            found = joined(found, hits(study.each(recovery, over=pd.DataFrame(finer), noise=0.0, **grid)))
    return found


def from_random(study: Study, names: Iterable[str]) -> None:
    """Which pruners keep the support of the teacher, from a start that does not depend on it."""
    runs = study.runs("dense", *dict.fromkeys(["random", *names]))
    tried = runs[(runs.status != "skipped") & (runs.method != "dense")]
    random = tried[tried.method == "random"]
    above = {
        str(method): difference(rows, random, column=RECALL, among=tried)
        for method, rows in tried.groupby("method", sort=False)
    }
    for method, found in above.items():
        if method != "random":
            study.claim(f"{method} keeps more of the teacher's support than random masks do", found)
    ranked = ranking(tried, above)
    study.table(pd.concat([ranked, told(runs[runs.method == "dense"])]), "pruners, from a random start")
    if len(skipped := runs[runs.status == "skipped"]):
        study.table(skipped[["method", "error"]].drop_duplicates(), "do not apply")
    study.figure("pruners", drawn.ranking(ranked, chance=float(random["diagnosis.chance"].mean())))


def ranking(runs: pd.DataFrame, above: Mapping[str, Finding]) -> pd.DataFrame:
    """A row per pruner, sorted by the share of the support that it keeps, with its distance above random masks."""
    rows = [
        told(runs[runs.method == method]).assign(above_random=found.estimate, low=found.low, high=found.high)
        for method, found in above.items()
    ]
    return pd.concat(rows).sort_values("recall", ascending=False, ignore_index=True, kind="stable")


def told(runs: pd.DataFrame) -> pd.DataFrame:
    """One row of the table: the runs of one method."""
    recall = runs[RECALL]
    spread = {"n": int(recall.count()), "recall": recall.mean(), "least": recall.min(), "most": recall.max()}
    means = {name: runs[column].mean() for name, column in MEANS.items()}
    return pd.DataFrame([{"method": runs.method.iloc[0], **spread, **means}])


def shares(found: Hits) -> pd.DataFrame:
    """How often the teacher was recovered: a row per number of weights, a column per number of examples."""
    rows = {r: {f"N = {n}": float(hit.mean()) for n, hit in row.items()} for r, row in found.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("r").reset_index()


# --- what is computed -------------------------------------------------------------------------------------------------


def recovery(
    rng: np.random.Generator, *, d: int, neurons: int, support: int, kept: int, samples: str, noise: float
) -> dict[str, float]:
    """How far a student ends from its teacher, by the number of examples; smaller sets are nested in larger ones.

    Args:
        support: the number of weights per neuron of the teacher; the mask keeps them, and others up to `kept`.
        samples: numbers of examples, separated by commas.
        noise: the noise in the outputs, as a multiple of their standard deviation.
    """
    truth = teacher(rng, d, neurons, support)
    mask = around(rng, truth, kept)
    start, counts = beside(rng, truth, mask), [int(count) for count in samples.split(",")]
    x = rng.standard_normal((max(counts), d)).astype(np.float32)
    y = outputs(truth, x)
    y += (noise * y.std() * rng.standard_normal(len(y))).astype(np.float32)
    ends = {n: last(descent(start, mask, x[:n], y[:n], beta=0.9, rate=neurons / 2)) for n in counts}
    return {f"error {n}": distance(end, truth) for n, end in ends.items()}


def rate(
    rng: np.random.Generator, *, d: int, neurons: int, support: int, kept: int, samples: int, beta: float
) -> dict[str, float]:
    """The factor by which the distance from the teacher falls in a step, with momentum `beta`."""
    truth = teacher(rng, d, neurons, support)
    mask = around(rng, truth, kept)
    start, x = beside(rng, truth, mask), rng.standard_normal((samples, d)).astype(np.float32)
    path = descent(start, mask, x, outputs(truth, x), beta, rate=neurons)
    return {"rate": speed([distance(weights, truth) for weights in path])}


def sixth(d: int) -> int:
    """The weights of a neuron of the teacher that pruners and loose masks have to find."""
    return max(1, d // 6)


def listed(counts: Iterable[float]) -> str:
    """Whole numbers, separated by commas."""
    return ",".join(str(round(count)) for count in counts)
