"""Tiny-ImageNet: a folder like the archive's is read, what does not fit is named, and networks have their sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks.images._tiny_imagenet import Archive
from PIL import Image

from benchmark.data.folders import DataFolders
from benchmark.plugins import registry

SMALL = Archive(classes=3, training=60, tested=6)
NAMES = ["n01443537", "n01629819", "n02124075"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of twenty training images, grey, and of two others: class 0 dark, class 2 light."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "tiny-imagenet-200"
    for label, name in enumerate(NAMES):
        place = folder / "train" / name / "images"
        place.mkdir(parents=True)
        (folder / "train" / name / f"{name}_boxes.txt").write_text("no image\n")
        for number in range(20):
            Image.new("RGB", (64, 64), (100 * label + number,) * 3).save(place / f"{name}_{number}.png")
    (folder / "val" / "images").mkdir(parents=True)
    lines = []
    for number in range(6):
        label = (2, 0, 1, 1, 0, 2)[number]
        Image.new("RGB", (64, 64), (100 * label,) * 3).save(folder / "val" / "images" / f"val_{number}.png")
        lines.append(f"val_{number}.png\t{NAMES[label]}\t0\t0\t62\t62\n")
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return tmp_path


def test_validation_is_carved_from_training_and_the_annotated_images_are_the_test_split(root: Path) -> None:
    splits = SMALL.source(root)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (54, 6, 6)
    images, labels = splits.test.batch(torch.arange(6))
    assert labels.tolist() == [2, 0, 1, 1, 0, 2]
    assert images.shape == (6, 3, 64, 64)
    red = images[:, 0, 0, 0]
    assert torch.allclose(red, (labels * 100 / 255 - 0.480) / 0.276, atol=1e-4)
    images, labels = splits.train.batch(torch.arange(54))
    assert torch.equal(((images[:, 0, 0, 0] * 0.276 + 0.480) * 255).round().long() // 100, labels)


def test_other_numbers_than_in_the_archive_are_told(root: Path) -> None:
    (root / "tiny-imagenet-200" / "train" / NAMES[0] / "images" / f"{NAMES[0]}_3.png").unlink()
    with pytest.raises(ValueError, match=r"3 classes, 59 images in train and 6 annotated ones in val; the archive has"):
        SMALL.load(root)


@pytest.mark.parametrize("line", ["val_9.png\tn01443537", "val_0.png\tn99999999", "val_0.png", "../../x\tn01443537"])
def test_an_annotation_of_no_image_or_class_is_told(root: Path, line: str) -> None:
    file = root / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    file.write_text(f"{file.read_text()}{line}\n")
    with pytest.raises(ValueError, match="names no image of a class"):
        SMALL.load(root)


def test_a_folder_without_classes_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no folders CLASS/images"):
        SMALL.load(tmp_path)


def test_without_the_files_the_archive_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRUNEBENCH_DATA", raising=False)
    folders, source = DataFolders(tmp_path, tmp_path / "cache"), registry.task("tiny-imagenet").source
    assert "looked for tiny-imagenet-200/train" in folders.missing("tiny-imagenet", source)
    [download] = source.downloads
    assert (download.name, download.digest) == ("tiny-imagenet-200.zip", "md5:90528d7ca1a48142e341f4ef8d21d0de")


WEIGHTS = {"resnet-18": 11_261_632, "wide-resnet-18": 44_771_008, "vgg-11-bn": 12_568_256, "vgg-16-bn": 18_060_992}


@pytest.mark.parametrize(("model", "weights"), WEIGHTS.items())
def test_the_networks_have_these_sizes(model: str, weights: int) -> None:
    task = registry.task("tiny-imagenet")
    assert list(task.models) == list(WEIGHTS)
    with torch.device("meta"):
        network = task.model(model)()
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    assert sum(sizes[name] for name in task.prunable(network)) == weights
    assert network(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 200)


def test_the_recipe_is_that_of_synflow() -> None:
    full = registry.task("tiny-imagenet").recipe("full")
    assert (full.steps, full.milestones) == (100 * 703, (30 * 703, 60 * 703, 80 * 703))
    assert (full.batch_size, full.rate, full.momentum, full.nesterov, full.weight_decay) == (128, 0.01, 0.9, True, 1e-4)


def test_a_network_is_trained_and_measured_on_the_small_folder(root: Path) -> None:
    task = registry.task("tiny-imagenet")
    splits, network = SMALL.source(root), task.model("vgg-11-bn")(width=0.05)
    task.loss(network, splits.train.batch(torch.arange(4))).backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in network.parameters())
    with torch.no_grad():
        metrics = task.evaluate(network.eval(), [splits.test.batch(torch.arange(6))])
    assert list(metrics) == ["accuracy", "loss"]
