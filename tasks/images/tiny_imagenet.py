"""Tiny-ImageNet: 200 classes of ImageNet at 64 pixels, 500 training images each (Le & Yang, 2015)."""

from __future__ import annotations

from functools import partial

from benchmark import Recipe, Task, shortened

from . import _cifar_models as networks
from ._augmentation import ShiftAndFlip
from ._classification import METRICS, cross_entropy, logits
from ._imagenet import measured
from ._timm import zoo
from ._tiny_imagenet import SIZE, STATISTICS, Archive, vgg

CLASSES = 200
EPOCH = 90_000 // 128

# The recipe of Tanaka et al. (2020) for all networks, from the README of their code of June 2020.
FULL = Recipe(
    steps=100 * EPOCH,
    batch_size=128,
    rate=0.01,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-4,
    milestones=(30 * EPOCH, 60 * EPOCH, 80 * EPOCH),
    augment=ShiftAndFlip(padding=4, fill=STATISTICS.black),
)

tiny_imagenet = Task(
    models={
        "resnet-18": partial(networks.resnet18, CLASSES, "one"),
        "wide-resnet-18": partial(networks.resnet18, CLASSES, "one", widen=2),
        "vgg-11-bn": partial(vgg, 11, CLASSES),
        "vgg-16-bn": partial(vgg, 16, CLASSES),
    },
    recipes={"smoke": shortened(FULL, 10), "short": shortened(FULL, 10 * EPOCH), "full": FULL},
    data=Archive().source,
    loss=cross_entropy,
    evaluate=partial(measured, size=SIZE),
    metrics=METRICS,
    model_zoos=zoo(CLASSES, channels=3, size=SIZE),
    logits=logits,
)
