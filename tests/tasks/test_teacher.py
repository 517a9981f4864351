"""The teacher: what it draws, what is measured of its student, and which weights were the right ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks import teacher as module
from benchmark.tasks.teacher import MeanOfReLUs, draw, matching, recovered
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from benchmark import Splits, UsageError
from benchmark.plugins import catalog, registry
from benchmark.training.evaluation import evaluate

TRUTH = torch.tensor([[0.6, 0.8, 0, 0], [0, 0, 1.0, 0]])


def splits(samples: int = 600, noise: float = 0.0, seed: int = 0, support: int = 10) -> Splits:
    return draw(60, 5, support, samples, noise, Path(), seed)


def student(weights: Tensor) -> MeanOfReLUs:
    network = MeanOfReLUs(weights.shape[1], len(weights))
    network.hidden.weight.data.copy_(weights)
    return network


def test_the_teacher_is_sparse_and_its_rows_have_norm_1() -> None:
    weights = splits().test.weights  # type: ignore[attr-defined]
    assert ((weights != 0).sum(dim=1) == 10).all()
    assert weights.norm(dim=1) == pytest.approx(torch.ones(5))
    assert len({tuple(row.nonzero().flatten().tolist()) for row in weights}) == 5, "supports are drawn for each neuron"


def test_outputs_are_the_mean_of_the_relus() -> None:
    x = torch.tensor([[1.0, 1, -2, 5], [-1, 0, 3, 5]])
    assert student(TRUTH)(x).tolist() == pytest.approx([(1.4 + 0) / 2, (0 + 3) / 2])


def test_the_teacher_itself_has_no_error_and_no_gradient() -> None:
    task, drawn = registry.task("teacher"), splits()
    network = student(drawn.test.weights)  # type: ignore[attr-defined]
    assert evaluate(task, network, drawn.test, torch.device("cpu")) == {"error": 0.0, "loss": 0.0}
    task.loss(network, drawn.train.batch(torch.arange(600))).backward()  # type: ignore[no-untyped-call]
    assert float(network.hidden.weight.grad.abs().max()) == 0  # type: ignore[union-attr]


def test_the_mean_output_has_an_error_of_1() -> None:
    task = registry.task("teacher")
    outputs = torch.tensor([1.0, 2, 3, 6])
    found = task.evaluate(lambda inputs: torch.full((4,), 3.0), [(torch.zeros(4, 1), outputs)])  # type: ignore[arg-type]
    assert found == pytest.approx({"error": 1.0, "loss": 3.5 / 2})


def test_few_examples_are_the_first_of_many() -> None:
    few, many = splits(100).train, splits(200).train
    index = torch.arange(100)
    assert torch.equal(few.batch(index)[0], many.batch(index)[0])
    assert splits(100).test.digest == splits(200).test.digest


def test_noise_is_in_training_and_validation_alone() -> None:
    clean, noisy = splits(), splits(noise=0.5)
    assert clean.test.digest == noisy.test.digest
    for name in ("train", "validation"):
        index = torch.arange(len(getattr(clean, name)))
        (x, y), (also_x, z) = (getattr(one, name).batch(index) for one in (clean, noisy))
        assert torch.equal(x, also_x)
        assert float((z - y).std() / y.std()) == pytest.approx(0.5, rel=0.1)


def test_every_seed_has_a_teacher_of_its_own_and_only_the_test_split_knows_it() -> None:
    task = registry.task("teacher")
    one, other = (task.source.splits(Path(), seed) for seed in (0, 1))
    assert not torch.equal(one.test.weights, other.test.weights)  # type: ignore[attr-defined]
    assert not hasattr(one.train, "weights")
    assert not hasattr(one.validation, "weights")
    assert one.test.to(torch.device("cpu")).digest == one.test.digest


def test_the_sparsity_asked_for_is_that_of_the_teacher() -> None:
    assert registry.task("teacher").sparsity == pytest.approx(5 / 6)
    assert registry.task("teacher", {"d": 20, "support": 5}).sparsity == 0.75
    with pytest.raises(UsageError, match=r"support=7 .* at most d=6"):
        registry.task("teacher", {"d": 6, "support": 7})


def test_it_says_that_it_is_synthetic() -> None:
    assert "synthetic" in catalog.find("task", "teacher").summary


# --- which weights were the right ones --------------------------------------------------------------------------------


def test_precision_and_recall_on_eight_weights() -> None:
    """Of three weights kept, two are on the support of three; its neurons are matched crosswise."""
    weights = torch.tensor([[0, 0, -2.0, 0], [0.5, 0, 0, 0.1]])
    found = recovered(weights, TRUTH)
    distance = ((0.1**2 + 0.8**2 + 0.1**2 + 3.0**2) / 2) ** 0.5
    expected = {"precision": 2 / 3, "recall": 2 / 3, "chance": 3 / 8, "excess": 2 / 3 - 3 / 8, "distance": distance}
    assert found == pytest.approx(expected)


def test_the_teacher_is_right_and_a_dense_network_is_so_by_chance() -> None:
    assert recovered(TRUTH, TRUTH) == {"precision": 1, "recall": 1, "chance": 0.375, "excess": 0.625, "distance": 0}
    dense = recovered(torch.ones(2, 4), TRUTH)
    assert (dense["precision"], dense["recall"], dense["excess"]) == (0.375, 1, 0)


def test_a_network_without_weights_is_never_right() -> None:
    nothing = recovered(torch.zeros(2, 4), TRUTH)
    assert (nothing["precision"], nothing["recall"], nothing["distance"]) == (0, 0, 1)


@given(st.permutations(range(5)), st.integers(0, 1000))
def test_the_order_of_neurons_changes_nothing(order: list[int], seed: int) -> None:
    draws = torch.Generator().manual_seed(seed)
    truth = module.drawn_teacher(12, 5, 4, draws)
    weights = torch.randn(5, 12, generator=draws) * (torch.rand(5, 12, generator=draws) < 0.4)
    assert recovered(weights[order], truth) == pytest.approx(recovered(weights, truth))
    assert matching(truth[order], truth).tolist() == [order.index(neuron) for neuron in range(5)]


def test_random_masks_are_right_by_chance_before_neurons_are_matched() -> None:
    """Precision and recall are support / d; matched by their weights, a little more, as far as weights tell."""
    draws = torch.Generator().manual_seed(0)
    found = [
        recovered(module.drawn_teacher(60, 1, 10, draws), module.drawn_teacher(60, 1, 10, draws)) for _ in range(2000)
    ]
    for name in ("precision", "recall"):
        mean = sum(one[name] for one in found) / len(found)
        assert mean == pytest.approx(10 / 60, abs=4 * (10 / 60 * 5 / 6 * 50 / 59 / 10 / 2000) ** 0.5)
