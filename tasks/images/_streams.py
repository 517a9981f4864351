"""Streams of images: classes come in parts, and a network that answers is told the part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Splits, Stream, Task, TensorData, before_last_layer, by_class

from ._classification import Labelled, evaluate


def streamed(task: Task, classes: int) -> Task:
    """Return a task of classification as a stream, `classes` of them in each part, in the order of their numbers.

    Loss and metrics compare the outputs of an example's own part alone. The last layer, whose rows are the heads of the
    parts, is not prunable.
    """
    source, stream = task.source, Stream(by_class(classes), classes)

    def logits(model: nn.Module, batch: Labelled) -> tuple[Tensor, Tensor]:
        inputs, labels = batch
        return stream.own(model(inputs), labels)

    return replace(
        task,
        data=replace(source, load=lambda folder: part_by_part(source.load(folder))),
        loss=partial(own_cross_entropy, logits),
        evaluate=partial(own_evaluate, logits),
        prunable=before_last_layer,
        stream=stream,
        logits=None,  # risks and other losses would compare the classes of all parts
        model_zoos={},  # of networks with another last layer than the one that is known to have the heads
    )


Logits = Callable[[nn.Module, Labelled], tuple[Tensor, Tensor]]
"""The outputs of each example's own part, [b, classes], and the labels within it, int64 [b]."""


def own_cross_entropy(logits: Logits, model: nn.Module, batch: Labelled) -> Tensor:
    """Return the mean cross-entropy among the classes of each example's own part."""
    return F.cross_entropy(*logits(model, batch))


def own_evaluate(logits: Logits, model: nn.Module, batches: Iterable[Labelled]) -> dict[str, float]:
    """Return top-1 accuracy and mean cross-entropy, among the classes of each example's own part."""
    return evaluate(nn.Identity(), (logits(model, batch) for batch in batches))


def part_by_part(splits: Splits) -> Splits:
    """The same examples, sorted by class. Training draws an order of its own."""
    return Splits(*(_sorted(data) for data in (splits.train, splits.validation, splits.test)))


def _sorted(data: object) -> TensorData:
    assert isinstance(data, TensorData)
    return data.select(data.targets.argsort(stable=True))


def permuted(parts: int, classes: int, data: TensorData) -> TensorData:
    """The images of `data` once for each part, with their pixels in an order of its own; the first part as they are.

    The labels of part i, from 0, are larger by i * classes.
    """
    flat = data.inputs.flatten(1)
    images = torch.cat([flat[:, order_of(part, flat.shape[1])] for part in range(parts)])
    labels = torch.cat([data.targets + part * classes for part in range(parts)])
    return TensorData(images.view(-1, *data.inputs.shape[1:]), labels, data.transform)


def order_of(part: int, pixels: int) -> Tensor:
    """The order of the pixels in a part, int64 [pixels]: the same for every run."""
    draw = torch.Generator().manual_seed(part)
    return torch.randperm(pixels, generator=draw) if part else torch.arange(pixels)
