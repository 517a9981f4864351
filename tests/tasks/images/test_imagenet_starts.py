"""A network of ImageNet's 1,000 classes on some of them: the right outputs, the right scale of inputs, real numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks.images._augmentation import IMAGENET
from benchmark.tasks.images._imagenet_starts import IMAGENETTE_CLASSES, adapted, numbers_of, pretrained, scaled_for
from torch import nn

from benchmark.data.folders import DataFolders
from benchmark.errors import DataMissing, UsageError
from benchmark.harness.network import build
from benchmark.harness.starts import fit
from benchmark.plugins import registry
from benchmark.training.state import put, tensors


def test_classes_have_their_place_in_imagenets_order() -> None:
    numbers = numbers_of(["n01440764", "n01443537", "n03888257"])
    assert numbers is not None
    assert numbers.tolist() == [0, 1, 701]
    assert numbers_of(["n01440764", "cat"]) is None
    assert numbers_of([]) is None


def test_the_outputs_of_the_tasks_classes_are_taken_and_nothing_else_changes() -> None:
    given = {"body": torch.ones(1000, 4), "head.weight": torch.arange(1000.0)[:, None].expand(1000, 3)}
    given["head.bias"] = torch.arange(1000.0)
    own = {"body": torch.zeros(1000, 4), "head.weight": torch.zeros(10, 3), "head.bias": torch.zeros(10)}
    found = adapted(given, own, classes=(), folder="imagenette-96")
    expected = [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]
    assert found["head.bias"].tolist() == found["head.weight"][:, 2].tolist() == expected
    assert found["body"] is given["body"]
    assert adapted(given, own, classes=("cat",), folder="imagenette-96") is given
    assert adapted(given, own, classes=(), folder="own") is given
    two = adapted(given, {"head.bias": torch.zeros(2)}, classes=("n03888257", "n01440764"), folder="own")
    assert two["head.bias"].tolist() == [701, 0]


def test_the_class_folders_of_imagenette_are_these(real_data: Path) -> None:
    there = sorted(folder.name for folder in (real_data / "imagenette-96" / "train").iterdir())
    assert there == list(IMAGENETTE_CLASSES)


def test_inputs_are_scaled_as_the_network_was_trained() -> None:
    pixels = torch.tensor([0.0, 0.25, 1.0]).reshape(1, 1, 1, 3).expand(1, 3, 1, 3)
    mean, deviation = (torch.tensor(value)[:, None, None] for value in IMAGENET)
    images = (pixels - mean) / deviation
    task = registry.task("imagenet-subset")
    scaled = scaled_for(build(task, "efficientnet-lite0", 0), images)
    assert torch.allclose(scaled, 2 * pixels - 1, atol=1e-6)
    assert scaled_for(nn.Linear(1, 1), images) is images
    assert scaled_for(build(task, "resnet-18", 0), images) is images


def test_a_model_that_does_not_come_trained_says_which_does(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="efficientnet-lite0 does"):
        pretrained("resnet-18", tmp_path)
    with pytest.raises(DataMissing, match="bench data fetch efficientnet-lite0"):
        pretrained("efficientnet-lite0", tmp_path)


@pytest.mark.slow
def test_efficientnet_lite0_knows_the_ten_classes(real_data: Path) -> None:
    """20 validation images a class at 160 pixels: 94.5 %; with ImageNet's usual mean and deviation 89 %."""
    folder = next((root for root in (real_data, *DataFolders().roots) if (root / "starts").is_dir()), None)
    if folder is None:
        pytest.skip("no trained network here: bench data fetch efficientnet-lite0 --data-root ...")
    task = registry.task("imagenet-subset", {"size": 160, "stored": 160})
    model = build(task, "efficientnet-lite0", 0)
    found = fit(pretrained("efficientnet-lite0", folder), model, task)
    assert not found.drawn
    put(model, dict(tensors(model)) | found.values)
    test = task.data(real_data).test
    batch = test.batch(torch.tensor([150 * label + place for label in range(10) for place in range(20)]))
    with torch.no_grad():
        right = task.evaluate(model.eval(), [batch])["accuracy"]
        model.pretrained_cfg = {}  # type: ignore[assignment]  # as if it took ImageNet's mean and deviation
        wrong = task.evaluate(model, [batch])["accuracy"]
    assert right == pytest.approx(0.945, abs=0.006)
    assert wrong == pytest.approx(0.89, abs=0.006)
