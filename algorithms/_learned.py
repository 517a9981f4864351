"""Frozen weights and learned masks: what edge-popup and Gem-Miner share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from benchmark import Recipe, Run


def signed_constant(run: Run) -> None:
    """Give every weight Kaiming's deviation and its own sign: sign(w) sqrt(2 / fan-in) (Ramanujan et al., 2020).

    Their networks have norms that do not scale, which stand at 1 here, and no biases, which are left as drawn.
    """
    start = run.snapshot()
    fixed = {name: w.sign() * math.sqrt(2 / w[0].numel()) for name, w in run.weights.items()}
    scales = {name: value for name, value in start.state.items() if name.endswith("weight") and value.dim() == 1}
    ones = {name: torch.ones_like(value) for name, value in scales.items()}
    run.restore(replace(start, state={**start.state, **ones, **fixed}))


def straight_through(
    weights: Mapping[str, Tensor], kept: Mapping[str, Tensor], scores: Mapping[str, Tensor]
) -> dict[str, Tensor]:
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
