from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

from torch import nn

from benchmark import Absent, Recipe, Task, shortened, task

from ._classification import METRICS, cross_entropy, evaluate, logits
from ._mnist import OPENLTH, SOURCE
from ._models import glorot, mlp, scaled
from ._timm import zoo

Source = Literal["openlth", "snip"]


def lenet5(width: float = 1.0) -> nn.Module:
    """LeNet-5 as in Caffe: 430,500 weights."""
    first, second, third = (scaled(units, width) for units in (20, 50, 500))
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(1, first, 5)),
        ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(first, second, 5)),
        ("pool2", nn.MaxPool2d(2)),
        ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(16 * second, third)),
        ("relu", nn.ReLU()),
        ("fc2", nn.Linear(third, 10)),
    ]
    return glorot(nn.Sequential(OrderedDict(layers)))


_lee = Recipe(
    steps=100_000, batch_size=100, rate=0.1, momentum=0.9, weight_decay=5e-4, milestones=(25_000, 50_000, 75_000)
)

RECIPES: Mapping[Source, Mapping[str, Recipe]] = {
    "openlth": OPENLTH,
    "snip": {"smoke": shortened(_lee, 50), "short": shortened(_lee, 10_000), "full": _lee},
}


@task
def mnist(*, recipe: Annotated[Source, Absent("openlth")] = "openlth") -> Task:
    """MNIST: 70,000 handwritten digits of 28 by 28 pixels (LeCun et al., 1998).

    Options:
        recipe: its source: openlth (Frankle et al.: 40 epochs of plain SGD), or snip (Lee et al., 2019: batches of 100,
            momentum and weight decay, the rate divided by ten every 25,000 steps; the paper does not say how many
            there are, here 100,000)
    """
    return Task(
        models={"lenet-300-100": partial(mlp, 784, 300, 100, 10), "lenet-5": lenet5},
        recipes=RECIPES[recipe],
        data=SOURCE,
        loss=cross_entropy,
        evaluate=evaluate,
        metrics=METRICS,
        model_zoos=zoo(classes=10, channels=1, size=28),
        logits=logits,
    )
