"""Frozen weights and learned masks: what edge-popup, biprop and Gem-Miner share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from benchmark import Anywhere, Masks, Recipe, Run, keep_each, keep_top, noise, weights_per_layer
from benchmark.scores import Tensors, magnitude


def signed_constant(run: Run) -> None:
    """Give every weight Kaiming's deviation and its own sign: sign(w) sqrt(2 / fan-in) (Ramanujan et al., 2020).

    Their networks have norms that do not scale, which stand at 1 here, and no biases, which are left as drawn.
    """
    fixed = {name: w.sign() * math.sqrt(2 / w[0].numel()) for name, w in run.weights.items()}
    scales = {name: value for name, value in run.parameters.items() if name.endswith("weight") and value.dim() == 1}
    put(run, {name: torch.ones_like(value) for name, value in scales.items()} | fixed)


def put(run: Run, values: Tensors) -> None:
    """Give these parameters these values; all others stay."""
    now = run.snapshot()
    run.restore(replace(now, state={**now.state, **values}))


def pop_up(run: Run, effective: Callable[[Masks, Tensors], Tensors], rate: float, weight_decay: float) -> Masks:
    """Train a score per weight, drawn by Kaiming's uniform law, and find what to keep (Ramanujan et al., 2020).

    Every forward uses the largest |score|, the same share of each layer under `global`.

    Args:
        effective: from what is used, and |score|, to the weights that the network computes with.
    """
    weights = run.weights
    counts = weights_per_layer("uniform", {name: w.shape for name, w in weights.items()}, run.target.density)
    draws = noise(weights, run.rng)  # below: Kaiming uniform with a = sqrt(5)
    start = {name: ((2 * draws[name] - 1) / w[0].numel() ** 0.5).to(w.dtype) for name, w in weights.items()}

    def used(scores: Tensors) -> Masks:
        if isinstance(run.target.pattern, Anywhere):
            return keep_each(run.target.oriented(magnitude(scores)), counts)
        return keep_top(magnitude(scores), run.target)

    recipe = search_recipe(run, rate, weight_decay)
    with run.learning(start, lambda scores: effective(used(scores), magnitude(scores)), recipe) as scores:
        run.train()
    return used(scores)


def straight_through(weights: Tensors, kept: Tensors, scores: Tensors) -> dict[str, Tensor]:
    """The kept weights, whose gradient by a score is as if the mask were the score itself (Bengio et al., 2013)."""
    return {name: w * (kept[name].to(w.dtype) + (scores[name] - scores[name].detach())) for name, w in weights.items()}


def search_recipe(run: Run, rate: float, weight_decay: float) -> Recipe:
    """The run's recipe for training scores: SGD with momentum along a cosine."""
    return replace(
        run.recipe,
        optimizer="sgd",
        rate=rate,
        momentum=0.9,
        nesterov=False,
        weight_decay=weight_decay,
        cosine=True,
        milestones=(),
        warmup=0,
    )
