"""Helpers of methods that learn scores of frozen weights: edge-popup, biprop and Gem-Miner."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from benchmark import Anywhere, Masks, Recipe, Run, keep_each, keep_top, noise, weights_per_layer
from benchmark.scores import Tensors, magnitude


def signed_constant(run: Run) -> None:
    """Set every weight to the Kaiming standard deviation with its own sign (Ramanujan et al., 2020).

    That is sign(w) sqrt(2 / fan-in). The networks of the paper have norm layers without scales, so scales are set to 1
    here, and no biases, which are left as drawn.
    """
    run.write({name: w.sign() * math.sqrt(2 / w[0].numel()) for name, w in run.weights.items()} | unit_scales(run))


def unit_scales(run: Run) -> dict[str, Tensor]:
    """Return the scales of norm layers, all 1, for networks of which nothing but masks is trained."""
    scales = {name: value for name, value in run.parameters.items() if name.endswith("weight") and value.dim() == 1}
    return {name: torch.ones_like(value) for name, value in scales.items()}


def pop_up(run: Run, effective: Callable[[Masks, Tensors], Tensors], rate: float, weight_decay: float) -> Masks:
    """Train one score per weight and return the masks of the largest |score| (Ramanujan et al., 2020).

    Scores start from a Kaiming uniform distribution. Every forward pass uses the weights with the largest |score|, the
    same share of each layer under `global`. The scales of norm layers, which the papers' have not, are set to 1.

    Args:
        effective: maps masks and |score| to the weights of the forward pass.
        rate: initial learning rate of the scores.
        weight_decay: weight decay of the scores.
    """
    if scales := unit_scales(run):
        run.write(scales)
    weights = run.weights
    counts = weights_per_layer("uniform", {name: w.shape for name, w in weights.items()}, run.target.density)
    draws = noise(weights, run.rng)  # turned into Kaiming uniform with a = sqrt(5) below
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
    """Return the kept weights. Their gradient treats the mask as if it were the score (Bengio et al., 2013)."""
    return {name: w * (kept[name].to(w.dtype) + (scores[name] - scores[name].detach())) for name, w in weights.items()}


def search_recipe(run: Run, rate: float, weight_decay: float) -> Recipe:
    """Return the run's recipe changed to train scores: SGD with momentum and a cosine schedule."""
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
