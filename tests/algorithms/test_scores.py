"""Every score on four numbers: a wrong sign would run without complaint and look like a weak method."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmark import Target, keep_top
from benchmark.pruning.ranking import noise
from benchmark.scores import lamp, magnitude, sensitivity

WEIGHTS = {"fc": torch.tensor([[1.0, -2.0], [0.5, -0.0]])}
GRADIENTS = {"fc": torch.tensor([[-3.0, 1.0], [2.0, 9.0]])}


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (lambda: magnitude(WEIGHTS), [[1.0, 2.0], [0.5, 0.0]]),
        (lambda: lamp(WEIGHTS), [[1 / 5, 4 / 4], [0.25 / 5.25, 0.0]]),
        (lambda: sensitivity(WEIGHTS, GRADIENTS), [[3.0, 2.0], [1.0, 0.0]]),
    ],
    ids=["magnitude", "lamp", "sensitivity"],
)
def test_a_score_on_paper(score, expected):
    torch.testing.assert_close(score()["fc"].double(), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize(
    ("score", "kept"),
    [
        (lambda: magnitude(WEIGHTS), [[False, True], [False, False]]),
        (lambda: lamp(WEIGHTS), [[False, True], [False, False]]),
        (lambda: sensitivity(WEIGHTS, GRADIENTS), [[True, False], [False, False]]),
    ],
    ids=["magnitude", "lamp", "sensitivity"],
)
def test_the_higher_score_is_kept_longer(score, kept):
    assert keep_top(score(), Target(0.25))["fc"].tolist() == kept


def test_sensitivity_is_the_derivative_by_a_gate():
    """L = sum(sin(gate * w * x)): dL/dgate at 1 is w x cos(w x)."""
    weight = torch.tensor([[0.3, -1.2], [2.0, 0.7]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[1.0, 2.0], [-1.0, 0.5]], dtype=torch.float64)
    gate = torch.ones_like(weight, requires_grad=True)
    (by_gate,) = torch.autograd.grad((gate * weight * x).sin().sum(), gate)
    (by_weight,) = torch.autograd.grad((weight * x).sin().sum(), weight)
    found = sensitivity({"fc": weight.detach()}, {"fc": by_weight})["fc"]
    torch.testing.assert_close(found, by_gate.abs(), rtol=0, atol=1e-12)


def test_lamp_ranks_a_layer_as_magnitude_does_and_spares_the_largest_weight_of_each():
    weights = {
        "wide": torch.randn(20, 20, generator=torch.Generator().manual_seed(0)),
        "tiny": torch.full((1, 1), 1e-6),
    }
    scores = lamp(weights)
    assert keep_top({"wide": scores["wide"]}, Target(0.3)) == keep_top(
        magnitude({"wide": weights["wide"]}), Target(0.3)
    )
    assert scores["tiny"].item() == scores["wide"].max() == 1.0
    assert keep_top(scores, Target(2 / 401))["tiny"].all()


def test_lamp_of_a_layer_of_zeros_is_zero():
    assert lamp({"fc": torch.zeros(2, 2)})["fc"].tolist() == [[0, 0], [0, 0]]


def test_scores_name_every_tensor_in_order_and_change_none():
    weights = {"b": torch.tensor([[-1.0]]), "a": torch.tensor([[-2.0], [3.0]])}
    gradients = {"a": torch.tensor([[1.0], [-1.0]]), "b": torch.tensor([[5.0]])}
    for scores in (
        magnitude(weights),
        lamp(weights),
        sensitivity(weights, gradients),
        noise(weights, torch.Generator()),
    ):
        assert {name: score.shape for name, score in scores.items()} == {"b": (1, 1), "a": (2, 1)}
        assert list(scores) == ["b", "a"]
    assert weights["b"].tolist() == [[-1.0]]
    assert gradients["a"].tolist() == [[1.0], [-1.0]]


def drawn(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return noise({"fc": torch.zeros(shape, dtype=dtype)}, torch.Generator().manual_seed(seed))["fc"]


def test_noise_is_uniform_and_free_of_ties():
    values = drawn(0, 100, 100)
    assert values.dtype == torch.float64
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    assert values.mean() == pytest.approx(0.5, abs=0.02)
    assert values.unique().numel() == 10_000


def test_noise_depends_on_the_generator_alone():
    assert torch.equal(drawn(0, 3, 4), drawn(0, 3, 4, dtype=torch.bfloat16))
    assert not torch.equal(drawn(0, 3, 4), drawn(1, 3, 4))
    before = torch.get_rng_state()
    drawn(0, 3, 4)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_tensor_gets_noise_of_its_own():
    scores = noise({"a": torch.zeros(3, 4), "b": torch.zeros(3, 4)}, torch.Generator().manual_seed(0))
    assert not torch.equal(scores["a"], scores["b"])
