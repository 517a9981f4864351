from torch import Tensor

from benchmark import Amount, Masks, Run, algorithm
from benchmark.scores import Tensors

from ._learned import pop_up


@algorithm(paper="arXiv:2103.09377", trains_once=False, family="learned masks")
def biprop(run: Run, *, rate: Amount = 0.1, weight_decay: Amount = 1e-4) -> None:
    """Biprop: learn which weights to use, each by its sign alone (Diffenderfer & Kailkhura, 2021).

    Edge-popup with binary weights, the paper's MPT-1/32: all used weights of a layer have the same magnitude, the mean
    |w| of their initial values, which are scaled to Kaiming's standard deviation.

    Options:
        rate: initial learning rate of the scores, decayed to 0 along a cosine
        weight_decay: weight decay of the scores
    """
    weights = {name: w * (2 / w[0].numel()) ** 0.5 / spread(w) for name, w in run.weights.items()}
    used = pop_up(run, lambda used, scores: straight_through(weights, used, scores), rate, weight_decay)
    run.write(binary(weights, used))
    run.prune(used)


def spread(weight: Tensor) -> Tensor:
    """The standard deviation of the weights of a layer; of a single one its magnitude."""
    return weight.std() if weight.numel() > 1 else weight.abs().mean()


def binary(weights: Tensors, used: Masks) -> dict[str, Tensor]:
    """Return alpha sign(w) for used weights and 0 for the others; alpha is the mean |w| of a layer's used weights."""
    alpha = {name: (w.abs() * used[name]).sum() / used[name].sum().clamp_min(1) for name, w in weights.items()}
    return {name: alpha[name] * w.sign() * used[name] for name, w in weights.items()}


def straight_through(weights: Tensors, used: Masks, scores: Tensors) -> dict[str, Tensor]:
    """Return the binary weights. The gradient of a score is the gradient of its weight times the weight's value w."""
    values = binary(weights, used)
    return {name: values[name] + weights[name] * (score - score.detach()) for name, score in scores.items()}
