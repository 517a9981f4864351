"""Real MNIST: the reader reads what is published, and training learns it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record


def outcome(algorithm: str, sparsity: float, data: Path, model: str = "lenet-300-100") -> Record:
    chosen = registry.algorithm(algorithm)
    cell = Cell(
        algorithm=algorithm,
        options=chosen.resolve({}),
        task="mnist",
        model=model,
        sparsity=sparsity,
        budget="short",
        seed=0,
    )
    return answer(Question(cell, chosen, registry.task("mnist"), data))


def test_the_standard_splits_are_read(real_data: Path) -> None:
    splits = registry.task("mnist").data(real_data)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (55_000, 5_000, 10_000)
    images, labels = splits.train.batch(torch.arange(1000))
    assert images.shape == (1000, 1, 28, 28)
    assert abs(float(images.mean())) < 0.05
    assert sorted(torch.unique(labels).tolist()) == list(range(10))


@pytest.mark.parametrize(("model", "weights"), [("lenet-300-100", 266_200), ("lenet-5", 430_500)])
def test_the_networks_have_the_published_sizes(model: str, weights: int) -> None:
    task = registry.task("mnist")
    network = task.model(model)()
    sizes = {name: p.numel() for name, p in network.named_parameters()}
    assert sum(sizes[name] for name in task.prunable(network)) == weights


def test_the_recipe_of_snip_is_the_papers() -> None:
    full = registry.task("mnist", {"recipe": "snip"}).recipe("full")
    assert (full.batch_size, full.momentum, full.weight_decay, full.nesterov) == (100, 0.9, 5e-4, False)
    assert [full.rate_at(step) for step in (0, 24_999, 25_000, 99_999)] == pytest.approx([0.1, 0.1, 0.01, 1e-4])


def test_cells_of_the_first_recipe_keep_their_keys() -> None:
    family = registry.family("mnist")
    assert family.written(family.resolve({})) == {}
    assert family.written(family.resolve({"recipe": "snip"})) == {"recipe": "snip"}
    assert family().recipe("full") == registry.task("mnist", {"recipe": "openlth"}).recipe("full")


@pytest.mark.slow
def test_four_epochs_learn_and_pruning_costs_less_than_chance_does(real_data: Path) -> None:
    dense, snip, random = (
        outcome(name, sparsity, real_data).metrics["accuracy"]
        for name, sparsity in (("dense", 0.0), ("snip", 0.965), ("random", 0.965))
    )
    assert dense > 0.965
    assert dense > snip > random > 0.5
