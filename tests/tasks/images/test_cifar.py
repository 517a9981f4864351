"""CIFAR: the published files are read, the networks have the published sizes, and the recipes are those they name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks.images import _cifar, cifar10

from benchmark import Splits, Task
from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.training.channel_tracing import trace

pytestmark = pytest.mark.runs


WEIGHTS = {
    "resnet-20": 270_896,  # 272,474 parameters, as published for 1x1 shortcuts
    "resnet-20-half": 67_992,
    "resnet-32": 464_432,
    "resnet-56": 851_504,
    "resnet-110": 1_722_416,
    "resnet-18": 11_164_352,
    "wide-resnet-18": 44_576_448,
    "resnet-50": 23_467_712,  # 23,520,842 parameters
    "wrn-22-2": 1_076_912,
    "vgg-11-bn": 9_222_848,
    "vgg-16-bn": 14_715_584,
    "vgg-19-bn": 20_024_000,
    "conv-2": 4_300_992,
    "conv-4": 2_425_024,
    "conv-6": 2_261_184,
}


@pytest.fixture
def task() -> Task:
    return registry.task("cifar10")


@pytest.mark.parametrize(("model", "weights"), WEIGHTS.items())
def test_the_networks_have_the_published_sizes(task: Task, model: str, weights: int) -> None:
    with torch.device("meta"):
        network = task.model(model)()
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    assert sum(sizes[name] for name in task.prunable(network)) == weights
    assert network(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    ("model", "channels"),
    [
        ("resnet-20", 16 + 3 * 16 + 32 + 3 * 32 + 64 + 3 * 64),  # tied over each stage, and free inside its blocks
        ("wrn-22-2", 16 + 3 * 32 + 32 + 3 * 64 + 64 + 3 * 128 + 128),
        pytest.param("vgg-16-bn", 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512, marks=pytest.mark.slow),
        pytest.param("conv-2", 2 * 64 + 2 * 256, marks=pytest.mark.slow),
    ],
)
def test_channels_can_be_removed(task: Task, model: str, channels: int) -> None:
    batch = torch.zeros(2, 3, 32, 32), torch.tensor([0, 1])
    assert len(trace(build(task, model, 0), task, batch).layers) == channels


def test_every_network_of_cifar100_tells_a_hundred_classes_apart() -> None:
    hundred = registry.task("cifar100")
    assert list(hundred.models) == list(WEIGHTS)
    for constructor in hundred.models.values():
        with torch.device("meta"):
            assert constructor()(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 100)


@pytest.mark.parametrize(
    ("source", "model", "epochs", "falls", "rate", "last", "decay", "nesterov"),
    [
        ("openlth", "resnet-20", 160, (80, 120), 0.1, 1e-3, 1e-4, False),
        ("openlth", "vgg-16-bn", 160, (80, 120), 0.1, 1e-3, 1e-4, False),
        ("renda", "resnet-56", 182, (91, 136), 0.1, 1e-3, 2e-4, False),
        ("synflow", "vgg-16-bn", 160, (60, 120), 0.1, 1e-3, 1e-4, True),
        ("synflow", "resnet-18", 160, (60, 120), 0.01, 4e-4, 5e-4, True),
        ("granet", "resnet-50", 160, (80, 120), 0.1, 1e-3, 5e-4, True),
        ("granet", "vgg-19-bn", 160, (80, 120), 0.1, 1e-3, 5e-4, True),
        ("rigl", "wrn-22-2", 250, (77, 154, 230), 0.1, 8e-4, 5e-4, True),
    ],
)
def test_a_recipe_is_the_one_it_is_named_for(
    source: str, model: str, epochs: int, falls: tuple[int, ...], rate: float, last: float, decay: float, nesterov: bool
) -> None:
    full = registry.task("cifar10", {"recipe": source}).recipe("full", model)
    assert (full.steps, full.milestones) == (epochs * 351, tuple(fall * 351 for fall in falls))
    assert (full.batch_size, full.momentum, full.weight_decay, full.nesterov) == (128, 0.9, decay, nesterov)
    assert (full.rate_at(0), full.rate_at(full.steps - 1)) == (pytest.approx(rate), pytest.approx(last))
    assert full.augment is not None
    assert full.decay_norms == (source != "renda")


def test_the_recipe_for_cpus_warms_up_for_two_epochs_and_falls_to_zero_in_ten() -> None:
    full = registry.task("cifar10", {"recipe": "cpu"}).recipe("full", "resnet-20-half")
    assert (full.steps, full.warmup, full.cosine, full.milestones) == (10 * 351, 2 * 351, True, ())
    assert (full.batch_size, full.momentum, full.weight_decay, full.nesterov) == (128, 0.9, 5e-4, True)
    peak = max(range(full.steps), key=full.rate_at)
    assert (peak, full.rate_at(peak) / full.rate) == (2 * 351 - 1, pytest.approx(0.905, abs=1e-3))
    assert full.rate_at(0) < full.rate / 700
    assert full.rate_at(full.steps - 1) < 1e-6 * full.rate


@pytest.mark.parametrize("source", _cifar.STYLES)
def test_plain_networks_train_as_in_their_own_paper_under_every_recipe(source: str) -> None:
    task = registry.task("cifar10", {"recipe": source})
    told = {model: task.recipe("full", model) for model in ("conv-2", "conv-4", "conv-6")}
    assert [(r.optimizer, r.steps, r.rate, r.batch_size, r.augment) for r in told.values()] == [
        ("adam", 20_000, 2e-4, 60, None),
        ("adam", 25_000, 3e-4, 60, None),
        ("adam", 30_000, 3e-4, 60, None),
    ]


def test_shorter_budgets_fall_at_the_same_places_on_the_way(task: Task) -> None:
    short = task.recipe("short", "resnet-20")
    assert (short.steps, short.milestones) == (5616, (2808, 4212))


def test_batch_norm_starts_as_the_source_has_it() -> None:
    torch.manual_seed(0)
    uniform = registry.task("cifar10").model("resnet-20")().get_submodule("bn").weight
    one = registry.task("cifar10", {"recipe": "synflow"}).model("resnet-20")().get_submodule("bn").weight
    assert torch.equal(one, torch.ones(16))
    assert bool(((uniform >= 0) & (uniform < 1)).all())
    assert len(torch.unique(uniform)) == 16


def test_what_is_padded_is_said_in_the_record(task: Task) -> None:
    openlth, granet = (
        registry.task("cifar10", {"recipe": source}).recipe("full", "resnet-20").describe()["augment"]
        for source in ("openlth", "granet")
    )
    assert openlth.startswith("ShiftAndFlip(padding=4, fill=(-2.1179")
    assert granet == "ShiftAndFlip(padding=4, fill=None)"


@pytest.fixture(scope="module")
def splits(real_data: Path) -> Splits:
    return registry.task("cifar10").data(real_data)


def test_the_standard_splits_are_read(splits: Splits) -> None:
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (45_000, 5_000, 10_000)
    images, labels = splits.train.batch(torch.arange(1000))
    assert images.shape == (1000, 3, 32, 32)
    assert sorted(torch.unique(labels).tolist()) == list(range(10))
    assert splits.train.classes is not None


def test_the_statistics_are_those_of_the_training_images(splits: Splits) -> None:
    pixels = torch.cat([splits.train.inputs, splits.validation.inputs])  # type: ignore[attr-defined]
    counts = torch.stack([torch.bincount(pixels[:, channel].flatten(), minlength=256) for channel in range(3)])
    share, shades = counts.double() / counts.sum(dim=1, keepdim=True), torch.arange(256) / 255
    mean = share @ shades.double()
    deviation = (share @ shades.double() ** 2 - mean**2).sqrt()
    expected = torch.tensor(cifar10.STATISTICS, dtype=torch.float64)
    torch.testing.assert_close(torch.stack([mean, deviation]), expected, rtol=0, atol=1e-4)


def test_an_image_stands_upright_and_its_colours_in_order(splits: Splits) -> None:
    """The first test image is the cat: the corner pixel and the class of the published file."""
    assert int(splits.test.targets[0]) == 3  # type: ignore[attr-defined]
    assert splits.test.inputs[0, :, 0, 0].tolist() == [158, 112, 49]  # type: ignore[attr-defined]
    assert splits.test.inputs[0, :, 0, 31].tolist() == [116, 85, 33]  # type: ignore[attr-defined]


@pytest.mark.slow
def test_training_learns_and_pruning_keeps_its_count(real_data: Path) -> None:
    snip = registry.algorithm("snip")
    task = registry.task("cifar10")
    cell = Cell(
        algorithm="snip",
        options=snip.resolve({}),
        task="cifar10",
        task_options=registry.family("cifar10").resolve({}),
        model="resnet-20",
        sparsity=0.9,
        budget="smoke",
        seed=0,
    )
    record = answer(Question(cell, snip, task, real_data))
    assert record.status == "ok", record.error
    assert sum(layer.kept for layer in record.layers.values()) == round(0.1 * WEIGHTS["resnet-20"])
    assert record.metrics["accuracy"] > 0.15
