"""Streams of images: their parts, their heads, and which networks can keep their answers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks.images._streams import order_of, part_by_part, permuted

from benchmark import Inapplicable, Splits, TensorData, UsageError
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.stream import require_freezable


def test_digits_come_in_five_parts_of_two_classes() -> None:
    task = registry.task("split-digits")
    assert task.stream is not None
    splits = task.data(Path())
    for split, size in ((splits.train, 1257), (splits.validation, 180), (splits.test, 360)):
        parts = task.stream.divide(split)
        found = [part.classes for part in parts]
        assert [sorted(set(labels.tolist())) for labels in found if labels is not None] == [
            [2 * part, 2 * part + 1] for part in range(5)
        ]
        assert sum(map(len, parts)) == size


def test_fewer_examples_still_lie_part_by_part() -> None:
    task = registry.task("split-digits", {"examples": 200})
    assert task.stream is not None
    assert sum(map(len, task.stream.divide(task.data(Path()).train))) == 200


def test_examples_are_sorted_by_class_and_keep_their_labels() -> None:
    data = TensorData(torch.tensor([[30], [10], [31], [20]]), torch.tensor([3, 1, 3, 2]))
    found = part_by_part(Splits(data, data, data)).train
    inputs, labels = found.batch(torch.arange(4))
    assert labels.tolist() == [1, 2, 3, 3]
    assert inputs.flatten().tolist() == [10, 20, 30, 31]


def test_every_part_has_the_same_images_in_another_order() -> None:
    data = TensorData(torch.arange(8, dtype=torch.uint8).view(2, 1, 2, 2), torch.tensor([7, 9]))
    found = permuted(3, 10, data)
    assert found.targets.tolist() == [7, 9, 17, 19, 27, 29]
    images = found.inputs.flatten(1)
    assert torch.equal(images[:2], data.inputs.flatten(1))
    for part in (1, 2):
        assert torch.equal(images[2 * part : 2 * part + 2], data.inputs.flatten(1)[:, order_of(part, 4)])
    assert not torch.equal(order_of(1, 784), order_of(2, 784))
    assert torch.equal(order_of(1, 784).sort().values, torch.arange(784))


def test_permuted_mnist_has_ten_outputs_and_a_share_of_the_steps_for_each_part() -> None:
    two, five = (registry.task("permuted-mnist", {"parts": parts}) for parts in (2, 5))
    assert build(two, "lenet-300-100", 0).get_submodule("fc3").weight.shape == (20, 100)
    assert five.recipe("short").steps * 2 == two.recipe("short").steps * 5


@pytest.mark.parametrize(("parts", "classes"), [(5, 20), (10, 10), (20, 5)])
def test_the_loss_of_a_part_reaches_its_own_head_alone(parts: int, classes: int) -> None:
    task = registry.task("split-cifar100", {"parts": parts})
    assert task.stream is not None
    assert next(iter(task.models)) == "conv-2"
    model = build(task, "conv-2", 0)
    weight, bias = task.stream.head(model)
    assert weight not in task.prunable(model)
    labels = torch.tensor([classes, 2 * classes - 1])  # of the second part
    task.loss(model, (torch.randn(2, 3, 32, 32), labels)).backward()  # type: ignore[no-untyped-call]
    for name in (weight, bias):
        gradient = model.get_parameter(name).grad
        assert gradient is not None
        reached = gradient.flatten(1).abs().sum(1) if gradient.dim() > 1 else gradient.abs()
        assert reached.nonzero().flatten().tolist() == list(range(classes, 2 * classes))


def test_networks_without_batch_norm_can_keep_their_answers() -> None:
    task = registry.task("split-cifar100")
    assert task.stream is not None
    for name in ("conv-2", "conv-4", "conv-6"):
        model = build(task, name, 0)
        require_freezable(model, task.stream, task.prunable(model))
    model = build(task, "resnet-20", 0)
    with pytest.raises(Inapplicable, match="changes with every later part"):
        require_freezable(model, task.stream, task.prunable(model))


def test_a_loss_over_the_classes_of_all_parts_is_refused() -> None:
    with pytest.raises(UsageError):
        registry.task("split-digits", {"loss": "label-smoothing"})
