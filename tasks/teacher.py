"""Teacher: outputs of a one-layer network with known sparse weights; synthetic (Zhang et al., 2021)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Amount, Count, DataSource, Recipe, Splits, Task, TensorData, UsageError, task

VALIDATION, TEST = 500, 2000

Taught = tuple[Tensor, Tensor]
"""Inputs [b, d] and outputs of the teacher [b]."""


@task
def teacher(
    *, d: Count = 60, neurons: Count = 5, support: Count = 10, samples: Count = 600, noise: Amount = 0.0
) -> Task:
    """Teacher: outputs of a one-layer network with known sparse weights; synthetic (Zhang et al., 2021).

    Inputs are standard normal; the output is the mean of ReLU(w_j x) over neurons j. Each w_j of the teacher has norm 1
    and is 0 outside of a random support, so that it is known which weights a pruner should keep: the diagnosis has
    precision and recall. The seed of a run draws its teacher, its examples and the weights it starts from, which know
    nothing of the teacher. There are no published results.

    Options:
        d: number of inputs
        neurons: of the teacher, and of the network
        support: weights of each neuron of the teacher that are not 0
        samples: training examples; those of fewer are the first of more
        noise: standard deviation of the noise in training and validation, as a multiple of the outputs'
    """
    if support > d:
        raise UsageError(f"support={support} is more than the {d} inputs of a neuron; give at most d={d}")
    splits = partial(draw, d, neurons, support, samples, noise)
    heavy_ball = partial(Recipe, batch_size=samples, rate=neurons / 2, momentum=0.9)
    return Task(
        models={"mean-of-relus": partial(MeanOfReLUs, d, neurons)},
        recipes={"smoke": heavy_ball(steps=40), "short": heavy_ball(steps=800), "full": heavy_ball(steps=4000)},
        data=DataSource(partial(splits, seed=0), split_of_seed=splits),
        loss=loss,
        evaluate=evaluate,
        metrics={"error": "min", "loss": "min"},
        sparsity=round(1 - support / d, 10),
        diagnose=diagnose,
    )


class MeanOfReLUs(nn.Module):
    """From inputs [b, d] to the mean over neurons of their ReLUs, [b]; rows of weights start with norm 1 on average."""

    def __init__(self, d: int, neurons: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d, neurons, bias=False)
        nn.init.normal_(self.hidden.weight, std=d**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.hidden(x)).mean(dim=1)


@dataclass(frozen=True)
class WithTeacher(TensorData):
    """Examples with the weights [neurons, d] that gave their targets. No other split than the test split has them."""

    weights: Tensor = field(kw_only=True)

    def to(self, device: torch.device) -> Self:
        moved = {name: getattr(self, name).to(device) for name in ("inputs", "targets", "weights")}
        return replace(self, **moved)


def draw(d: int, neurons: int, support: int, samples: int, noise: float, folder: Path, seed: int) -> Splits:
    """Draw a teacher, and examples in three splits; inputs of one split never depend on the size of another."""
    weights = drawn_teacher(d, neurons, support, generator(seed, 0))

    def examples(count: int, stream: int, noise: float) -> TensorData:
        x = torch.randn(count, d, generator=generator(seed, stream))
        y = F.relu(x @ weights.t()).mean(dim=1)
        return TensorData(x, y + noise * y.std(correction=0) * torch.randn(count, generator=generator(seed, -stream)))

    test = examples(TEST, 3, 0.0)
    return Splits(
        examples(samples, 1, noise),
        examples(VALIDATION, 2, noise),
        WithTeacher(test.inputs, test.targets, weights=weights),
    )


def generator(seed: int, stream: int) -> torch.Generator:
    """Of one of eight streams of a seed, from -4 to 3."""
    return torch.Generator().manual_seed(8 * seed + stream + 4)


def drawn_teacher(d: int, neurons: int, support: int, draws: torch.Generator) -> Tensor:
    """Weights [neurons, d] in rows of norm 1, normal on a random support of this size and 0 elsewhere."""
    places = torch.rand(neurons, d, generator=draws).argsort(dim=1)[:, :support]
    values = torch.randn(neurons, support, generator=draws)
    return torch.zeros(neurons, d).scatter(1, places, F.normalize(values, dim=1))


def loss(model: nn.Module, batch: Taught) -> Tensor:
    """Half the mean squared error."""
    inputs, outputs = batch
    return F.mse_loss(model(inputs), outputs) / 2


def evaluate(model: nn.Module, batches: Iterable[Taught]) -> dict[str, float]:
    """The root mean squared error, as a multiple of the standard deviation of the outputs; and half the mean square."""
    pairs = [(model(inputs).double(), outputs.double()) for inputs, outputs in batches]
    given, wanted = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    square = float((given - wanted).square().mean())
    return {"error": (square / float(wanted.var(correction=0))) ** 0.5, "loss": square / 2}


def diagnose(model: nn.Module, test: WithTeacher) -> dict[str, Any]:
    """Which of the weights that are not 0 lie on the support of the teacher, neuron by neuron.

    Returns:
        `precision`: the share of kept weights that lie on the support; `recall`: the share of the support that is kept;
        `chance`: the precision of masks drawn at random; `excess`: of the precision over it; `distance`: of the
        weights from the teacher's, relative to the norm of these.
    """
    [weights] = (parameter.detach() for parameter in model.parameters())
    return recovered(weights.double().cpu(), test.weights.double().cpu())


def recovered(weights: Tensor, truth: Tensor) -> dict[str, float]:
    """The same of two matrices [neurons, d], whose neurons are matched."""
    matched, wanted = weights[matching(weights, truth)], truth != 0
    kept = matched != 0
    right = int((kept & wanted).sum())
    precision, chance = right / max(1, int(kept.sum())), float(wanted.double().mean())
    return {
        "precision": precision,
        "recall": right / int(wanted.sum()),
        "chance": chance,
        "excess": precision - chance,
        "distance": float((matched - truth).norm() / truth.norm()),
    }


def matching(weights: Tensor, truth: Tensor) -> Tensor:
    """For each neuron of the truth, the neuron that is its own: the sum of all |cosines| is largest (Kuhn, 1955)."""
    cosines = F.normalize(truth, dim=1) @ F.normalize(weights, dim=1).t()
    _, chosen = linear_sum_assignment(cosines.abs().numpy(), maximize=True)
    return torch.from_numpy(chosen)
