from torch import Tensor

from benchmark import Amount, Masks, Run, algorithm
from benchmark.scores import Tensors

from ._learned import pop_up, put


@algorithm(paper="arXiv:2103.09377", trains_once=False, family="learned masks")
def biprop(run: Run, *, rate: Amount = 0.1, weight_decay: Amount = 1e-4) -> None:
    """Biprop: learn which weights to use, each by its sign alone (Diffenderfer & Kailkhura, 2021).

    Edge-popup with binary weights, the paper's MPT-1/32: all that are used of a layer have one size, the mean of what
    they were drawn at, with Kaiming's deviation.

    Options:
        rate: learning rate of the scores, falling to 0 along a cosine
        weight_decay: of the scores
    """
    weights = {name: w * (2 / w[0].numel()) ** 0.5 / w.std() for name, w in run.weights.items()}
    used = pop_up(run, lambda used, scores: straight_through(weights, used, scores), rate, weight_decay)
    put(run, binary(weights, used))
    run.prune(used)


def binary(weights: Tensors, used: Masks) -> dict[str, Tensor]:
    """alpha sign(w) of the used weights, alpha the mean of their |w|: of two values per layer, the nearest to them."""
    alpha = {name: (w.abs() * used[name]).sum() / used[name].sum().clamp_min(1) for name, w in weights.items()}
    return {name: alpha[name] * w.sign() * used[name] for name, w in weights.items()}


def straight_through(weights: Tensors, used: Masks, scores: Tensors) -> dict[str, Tensor]:
    """The binary weights, whose gradient by a score is the upstream one times sign(w), forward, and |w|, backward."""
    values = binary(weights, used)
    return {name: values[name] + weights[name] * (score - score.detach()) for name, score in scores.items()}
