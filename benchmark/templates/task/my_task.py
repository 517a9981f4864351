"""A task for prunebench: 569 biopsies, benign or malignant, by 30 measurements (Street et al., 1993)."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Recipe, Splits, Task, TensorData, carve

PRUNEBENCH_INTERFACE = 1  # what this is written for; a prunebench with another one says so


def load(folder: Path) -> Splits:
    """399 examples to train, 57 to validate, 113 to test; scaled by the mean and deviation of the training split."""
    bunch = load_breast_cancer()
    everything = TensorData(torch.from_numpy(bunch.data).float(), torch.from_numpy(bunch.target).long())
    rest, test = carve(everything, 113, seed=1)
    train, validation = carve(rest, 57, seed=2)
    mean, deviation = train.inputs.mean(dim=0), train.inputs.std(dim=0)

    def scaled(split: TensorData) -> TensorData:
        return TensorData((split.inputs - mean) / deviation, split.targets)

    return Splits(scaled(train), scaled(validation), scaled(test))


def mlp() -> nn.Module:
    """One hidden layer, 1,024 weights. The harness seeds the global generator, which they are drawn from."""
    return nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 2))


def cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean over the batch."""
    return F.cross_entropy(model(batch[0]), batch[1])


def accuracy(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Share of the examples whose likelier class is the right one."""
    right = [model(inputs).argmax(dim=1) == labels for inputs, labels in batches]
    return {"accuracy": float(torch.cat(right).double().mean())}


EPOCH = 399 // 32
sgd = partial(Recipe, batch_size=32, rate=0.05, momentum=0.9, weight_decay=1e-3)

my_task = Task(
    models={"mlp": mlp},
    recipes={
        "smoke": sgd(steps=2 * EPOCH),
        "short": sgd(steps=20 * EPOCH, cosine=True),
        "full": sgd(steps=100 * EPOCH, cosine=True),
    },
    data=load,
    loss=cross_entropy,
    evaluate=accuracy,
    metrics={"accuracy": "max"},
)
