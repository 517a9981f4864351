"""ImageNet subset: which images make the splits, what the options do, and what is said of folders that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from benchmark.tasks.images._augmentation import ResizedCrop
from PIL import Image

from benchmark import Task
from benchmark.errors import UsageError
from benchmark.plugins import registry
from benchmark.results.store import Store
from tests.support.command import Bench


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store(tmp_path / "results")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A data root with a folder `tiny`: three classes of six training images and two others, each of one shade."""
    for split, count in (("train", 6), ("val", 2)):
        for label, name in enumerate(("ant", "bee", "fox")):
            folder = tmp_path / "root" / "tiny" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (40, 36), (80 * label, 10 * number, 0)).save(folder / f"{number}.png")
    return tmp_path / "root"


def tiny(**options: str) -> Task:
    numbers = {"folder": "tiny", "classes": "3", "images": "18", "size": "32", "stored": "36", "batch": "4"}
    return registry.task("imagenet-subset", numbers | options)


def test_the_splits_are_the_published_ones_and_validation_is_carved_from_training(small: Path, own: Store) -> None:
    splits = tiny().data(small)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (17, 1, 6)
    images, labels = splits.test.batch(torch.arange(6))
    assert images.shape == (6, 3, 36, 36)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_a_network_is_tested_on_the_middle_and_trained_on_crops(small: Path, own: Store) -> None:
    task = tiny()
    batch = task.data(small).train.batch(torch.arange(4))
    shapes = list[torch.Size]()

    class Camera(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            shapes.append(images.shape)
            return images.mean(dim=(2, 3))

    augment = task.recipe("smoke").augment
    assert isinstance(augment, ResizedCrop)
    task.loss(Camera(), augment(batch, torch.Generator().manual_seed(0)))
    task.loss(Camera(), batch)
    task.evaluate(Camera(), [batch])
    assert shapes == [(4, 3, 32, 32)] * 3


def test_classes_can_be_chosen_by_name_or_by_file(small: Path, own: Store, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("fox\nant\n")
    family = registry.family("imagenet-subset")
    by_file = family.resolve({"classes": str(tmp_path / "list.txt")})
    assert by_file["classes"] == family.resolve({"classes": "fox+ant"})["classes"] == "ant+fox", "no path in a record"
    splits = tiny(classes="fox+ant", images="12").data(small)
    images, labels = splits.test.batch(torch.arange(4))
    assert labels.tolist() == [0, 0, 1, 1]
    assert len(splits.train) == 11
    assert tiny(classes="fox+ant", images="12").model("resnet-18")()(images).shape == (4, 2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"images": "17"}, "tiny/train has 3 of these classes with 18 images, the options say 3 with 17: give "
                           "classes=3,images=18"),
        ({"classes": "2"}, "tiny/train has 3 of these classes"),
        ({"classes": "ant+owl"}, "tiny/train has 1 of these classes with 6 images, the options say 2 with 18"),
    ],
)  # fmt: skip
def test_numbers_that_are_not_the_folders_are_told(
    small: Path, own: Store, bench: Bench, options: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match="give classes=") as told:
        tiny(**options).data(small)
    assert words in str(told.value)
    given = ",".join(
        f"{name}={v}" for name, v in ({"folder": "tiny", "classes": "3", "images": "18"} | options).items()
    )
    ended = bench("run", "--algo", "dense", "--task", f"imagenet-subset:{given}", "--data-root", small, "--jobs", "0")
    assert ended.code == 4
    assert words in ended.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folder": "elsewhere"}, "say how many classes and training images it has, classes=N,images=N"),
        ({"classes": "n01440764+n02102040"}, "classes=n01440764+n02102040,images=N"),
        ({"size": "224"}, "images stored at 96 pixels are too small for size=224; give stored=224 or more"),
        ({"folder": "../elsewhere"}, "option 'folder' of 'imagenet-subset' cannot be '../elsewhere'; it takes a"),
        ({"folder": "/data"}, "cannot be '/data'"),
        ({"classes": "no/such/file"}, "cannot be 'no/such/file'; it takes a number | n01440764+n02102040 | a file"),
        ({"images": "-1"}, "cannot be '-1'; it takes whole number"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_told(options: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as told:
        registry.task("imagenet-subset", options)
    assert words in str(told.value)


def test_a_broken_image_is_named_before_anything_runs(small: Path, own: Store, bench: Bench) -> None:
    (small / "tiny" / "train" / "ant" / "0.png").write_bytes(b"no image")
    task = "imagenet-subset:folder=tiny,classes=3,images=18"
    ended = bench("run", "--algo", "dense", "--task", task, "--data-root", small, "--jobs", "0")
    assert ended.code == 4
    assert "tiny/train/ant/0.png" in ended.err


def test_a_folder_that_is_not_there_is_told(own: Store, tmp_path: Path, bench: Bench) -> None:
    ended = bench("run", "--algo", "dense", "--task", "imagenet-subset", "--data-root", tmp_path, "--jobs", "0")
    assert ended.code == 4
    assert "looked for imagenette-96/train" in ended.err


def test_the_recipe_is_told_in_epochs_of_the_training_images() -> None:
    full = registry.task("imagenet-subset").recipe("full")
    epoch = 4_500 // 128
    assert (full.steps, full.milestones, full.warmup) == (90 * epoch, (30 * epoch, 60 * epoch, 80 * epoch), 5 * epoch)
    assert full.rate == pytest.approx(0.05), "0.1 at a batch of 256"
    whole = {"folder": "imagenet", "size": "224", "stored": "256", "batch": "1024"}
    full = registry.task("imagenet-subset", whole).recipe("full")
    assert (full.steps, full.rate) == (90 * ((1_281_167 - 50_000) // 1024), pytest.approx(0.4))


def test_labels_are_smoothed_in_training_alone() -> None:
    smooth, sharp = (registry.task("imagenet-subset", {"recipe": source}) for source in ("rigl", "openlth"))
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 96 * 96, 10))
    batch = torch.randn(4, 3, 96, 96), torch.arange(4)
    logits = network(batch[0]).log_softmax(dim=1)
    plain = -logits[range(4), range(4)].mean()
    expected = 0.9 * plain - 0.1 * logits.mean()
    torch.testing.assert_close(smooth.loss(network, batch), expected)
    torch.testing.assert_close(sharp.loss(network, batch), plain)
    with torch.no_grad():
        measured = smooth.evaluate(network, [batch])
    assert measured["loss"] == pytest.approx(float(plain.detach()))


@pytest.mark.slow
def test_the_real_images_are_read(real_data: Path, own: Store) -> None:
    task = registry.task("imagenet-subset")
    splits = task.data(real_data)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (4_500, 500, 1_500)
    assert splits.test.classes is not None
    assert torch.bincount(splits.test.classes).tolist() == [150] * 10
    images, _ = splits.train.batch(torch.arange(300))
    assert images.shape == (300, 3, 96, 96)
    assert bool((images.mean(dim=(0, 2, 3)).abs() < 0.3).all())


@pytest.mark.slow
def test_a_smoke_run_ends_well(real_data: Path, own: Store, bench: Bench) -> None:
    words = ["--task", "imagenet-subset", "--budget", "smoke", "--data-root", real_data]
    ended = bench("run", "--algo", "snip", *words)
    assert ended.code == 0, ended.err
    [record] = own
    assert record.status == "ok"
    assert json.loads(bench("info", "imagenet-subset", "--format", "json").out)["options"]


def test_hidden_and_empty_folders_are_no_classes(small: Path, own: Store) -> None:
    for name in (".cache", "zebra"):
        (small / "tiny" / "train" / name).mkdir()
    assert tiny().data(small).train.digest


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("val/bee", "val/Bee", "tiny/val has no images of 1 classes: bee"),
        ("train/fox", "train/.fox", "tiny/train has 2 of these classes with 12 images"),
        ("val", "test", "looked for tiny/train, tiny/val"),
    ],
)
def test_folders_that_do_not_match_are_named(
    small: Path, own: Store, bench: Bench, before: str, after: str, words: str
) -> None:
    (small / "tiny" / before).rename(small / "tiny" / after)
    task = "imagenet-subset:folder=tiny,classes=3,images=18"
    ended = bench("run", "--algo", "dense", "--task", task, "--data-root", small, "--jobs", "0")
    assert ended.code == 4
    assert words in ended.err or f"lacks tiny/{before}" in ended.err


def test_images_to_test_of_a_class_that_is_not_trained_are_told(small: Path, own: Store) -> None:
    (small / "tiny" / "val" / "yak").mkdir()
    Image.new("RGB", (40, 36)).save(small / "tiny" / "val" / "yak" / "0.png")
    with pytest.raises(ValueError, match="tiny/val has classes that tiny/train lacks: yak"):
        tiny().data(small)
