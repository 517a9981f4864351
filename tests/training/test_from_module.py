"""`from_module`: the task that a network and its splits make."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset, TensorDataset

from benchmark import DatasetData, PluginError, Recipe, from_module
from benchmark.training.from_module import outputs

RECIPE = Recipe(steps=100, batch_size=4, rate=0.1)


def splits(folder: Path) -> tuple[Dataset[tuple[Tensor, ...]], ...]:
    numbers = torch.arange(40.0).reshape(20, 2)
    return TensorDataset(numbers, numbers[:, 0].long() % 3), TensorDataset(-numbers, numbers[:, 0].long() % 3)


def test_validation_is_a_share_of_training_and_the_same_each_time() -> None:
    task = from_module(lambda: nn.Linear(2, 3), splits, RECIPE, validation=0.25)
    one, two = task.data(Path()), task.data(Path())
    assert (len(one.train), len(one.validation), len(one.test)) == (15, 5, 20)
    assert one.validation.digest == two.validation.digest


def test_three_splits_are_taken_as_they_are() -> None:
    train, test = splits(Path())
    data = from_module(lambda: nn.Linear(2, 3), lambda folder: (train, test, DatasetData(test)), RECIPE).data(Path())
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 20, 20)


@pytest.mark.parametrize(
    ("given", "kind"),
    [(TensorDataset(torch.ones(3)), "a TensorDataset"), ([1], "a list of 1"), ((1,) * 4, "a tuple of 4")],
)
def test_other_numbers_of_splits_are_told(given: Any, kind: str) -> None:
    task = from_module(lambda: nn.Linear(2, 3), lambda folder: given, RECIPE)
    with pytest.raises(PluginError, match=f"not {kind}$"):
        task.data(Path())


def test_budgets_are_parts_of_the_recipe() -> None:
    task = from_module({"a": lambda: nn.Linear(2, 3)}, splits, RECIPE)
    assert {budget: recipe.steps for budget, recipe in task.recipes.items()} == {"smoke": 2, "short": 20, "full": 100}
    assert [*task.models] == ["a"]


def test_accuracy_and_mean_loss_are_over_all_examples() -> None:
    task = from_module(nn.Identity, splits, RECIPE)
    scores, labels = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0]]), torch.tensor([0, 1, 1])
    found = task.evaluate(nn.Identity(), [(scores[:2], labels[:2]), (scores[2:], labels[2:])])
    assert found == {"accuracy": 2 / 3, "loss": pytest.approx(float(F.cross_entropy(scores, labels)))}


def test_another_loss_ranks() -> None:
    task = from_module(nn.Identity, splits, RECIPE, loss=F.mse_loss, sparsity=0.5)
    assert (task.metrics, task.logits, task.sparsity) == ({"loss": "min"}, None, 0.5)
    assert task.evaluate(nn.Identity(), [(torch.ones(2), torch.zeros(2)), (torch.ones(1), torch.ones(1))]) == {
        "loss": pytest.approx(2 / 3)
    }


def test_a_network_is_called_with_the_inputs_and_may_return_an_object_with_logits() -> None:
    class Adds(nn.Module):
        def forward(self, one: Tensor, other: Tensor) -> SimpleNamespace:
            return SimpleNamespace(logits=one + 10 * other)

    one, other, target = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([0])
    for batch, place in (
        ((one, other, target), None),
        ((target, one, other), 0),
        ((one, target, other), -2),
        ({"one": one, "other": other, "labels": target}, None),
        ({"one": one, "other": other, "y": target}, "y"),
    ):
        found, wanted = outputs(Adds(), batch, place)
        assert (float(found), wanted is target) == (21.0, True)
