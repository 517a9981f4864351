import torch
from torch import Tensor

from benchmark import Key, Run, algorithm, keep_each, noise
from benchmark.scores import magnitude

QUANTILES = 20
"""Bins of equal size in which weights of like initial magnitude are compared."""


@algorithm(paper="arXiv:1803.03635", prunes=None, family="dense")
def weight_movement(run: Run, *, of: Key = "") -> None:
    """Movement of weights: do those that a record kept move more in dense training (Frankle & Carbin, 2019)?

    Nothing is pruned. `noted.movement` has, for every layer, the mean distance from initial to trained weight of those
    that were kept, divided by that of those that were pruned. `raw` is confounded: what is kept because its trained
    weight is large has moved far for that reason alone. `matched` compares weights of like initial magnitude: in 20
    quantiles, weighted by what is kept of each. `random` is the raw ratio of random weights, as many in every layer,
    which should be 1.

    Options:
        of: the record whose masks say what is kept
    """
    start, found = run.weights, run.found(of)
    chance = keep_each(noise(start, run.rng), found.counts)
    run.train()
    moved = magnitude({name: weight - start[name] for name, weight in run.weights.items()})
    told = {
        name: {
            "raw": ratio(far, found[name]),
            "matched": matched(far, start[name].abs(), found[name]),
            "random": ratio(far, chance[name]),
        }
        for name, far in moved.items()
    }
    run.note("movement", told)


def ratio(moved: Tensor, kept: Tensor) -> float | None:
    """The mean of kept weights by that of pruned ones. None if one of them has no weight, or no pruned weight moved."""
    if not bool(moved[~kept].any()) or not bool(kept.any()):
        return None
    return float(moved[kept].double().mean() / moved[~kept].double().mean())


def matched(moved: Tensor, size: Tensor, kept: Tensor, bins: int = QUANTILES) -> float | None:
    """The ratio among weights of like size: the mean over bins, weighted by the number of kept weights in each.

    Bins in which the ratio is not defined are left out; None if all are.
    """
    order = size.flatten().argsort(stable=True)
    parts = [(moved.flatten()[part], kept.flatten()[part]) for part in torch.tensor_split(order, bins)]
    ratios = [(found, int(there.sum())) for far, there in parts if (found := ratio(far, there)) is not None]
    total = sum(count for _, count in ratios)
    return sum(found * count for found, count in ratios) / total if total else None
