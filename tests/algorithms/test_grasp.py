"""GraSP: Hessian times gradient, against the whole Hessian, and the sign that a weak method has wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from benchmark.algorithms.grasp import grasp
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from benchmark import Masks, Part, Recipe, Splits, Target, Task, TensorData, keep_top
from benchmark.contract.watched_run import WatchedRun
from benchmark.data.splits import Batch
from benchmark.training.run_state import RunState
from tests.support.notebook import RECIPE, Notebook, after, same, smooth, state, written

ONLY_SCORE = replace(RECIPE, steps=0)


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """What GraSP ranks: higher is kept longer."""
    found: list[dict[str, Tensor]] = []

    def keep(ranked: dict[str, Tensor], target: Target) -> Masks:
        found.append(ranked)
        return keep_top(ranked, target)

    monkeypatch.setattr("benchmark.algorithms.grasp.keep_top", keep)
    return found


def task_of(net: Callable[[], nn.Module], data: TensorData, loss: Callable[[nn.Module, Batch], Tensor]) -> Task:
    splits = Splits(data, data, data)
    return replace(smooth, models={"net": net}, data=lambda folder: splits, loss=loss)


# --- the score --------------------------------------------------------------------------------------------------------


def tanh_task() -> Task:
    """A net of 20 weights, in float64, that is fed 3 numbers and knows 2 classes."""
    draw = torch.Generator().manual_seed(0)
    data = TensorData(
        torch.randn(40, 3, generator=draw, dtype=torch.float64), torch.arange(40) % 2, transform=lambda stored: stored
    )
    return task_of(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double(), data, smooth.loss)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 200.0])
def test_the_score_is_weight_times_hessian_times_gradient(scores, temperature):
    task = tanh_task()
    run, twin = (Notebook(0.5, recipe=ONLY_SCORE, task=task) for _ in range(2))
    grasp(run, samples=5, temperature=temperature)
    inputs, labels = twin.balanced(5)[0].batch
    weights = twin.weights
    flat = torch.cat([weight.reshape(-1) for weight in weights.values()])

    def loss(values: Tensor) -> Tensor:
        parts = torch.split(values, [w.numel() for w in weights.values()])
        state = {name: part.view(weights[name].shape) for name, part in zip(weights, parts, strict=True)}
        return F.cross_entropy(functional_call(twin._state.model, state, (inputs,)) / temperature, labels)

    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    expected = flat * (hessian @ gradient)
    found = torch.cat([score.reshape(-1) for score in scores[0].values()])
    assert len(expected) == 20
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().min()))


def pairs() -> Task:
    """L = (a + b)^2 / 2 + (c + d)^2 / 2 at a = 3, b = -1, c = 1, d = -1/2: the Hessian couples the two of a pair.

    By hand: H g = (4, 4, 1, 1), so w (H g) = (12, -4, 1, -1/2), and S is its negative.
    """

    def net() -> nn.Module:
        layer = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[3.0, -1.0], [1.0, -0.5]]))
        return layer

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return model(torch.ones(1, 2)).square().sum() / 2

    return task_of(net, TensorData(torch.zeros(4, 2), torch.arange(4) % 2), loss)


def test_the_score_on_paper(scores):
    written(grasp, Notebook(0.5, recipe=ONLY_SCORE, task=pairs()), temperature=1.0)
    assert scores[0]["weight"].tolist() == [[12.0, -4.0], [1.0, -0.5]]


@pytest.mark.parametrize(
    ("density", "rank", "kept"),
    [
        (0.75, "signed", [[True, False], [True, True]]),
        (0.5, "signed", [[True, False], [True, False]]),
        (0.25, "signed", [[True, False], [False, False]]),
        (0.75, "magnitude", [[True, True], [True, False]]),
        (0.5, "magnitude", [[True, True], [False, False]]),
    ],
)
def test_the_largest_s_are_removed(density, rank, kept):
    """S = -w (H g) = (-12, 4, -1, 1/2): removing b, then d, raises the norm of the gradient most."""
    run = written(grasp, Notebook(density, recipe=ONLY_SCORE, task=pairs()), temperature=1.0, rank=rank)
    assert run.masks["weight"].tolist() == kept


def test_the_first_weight_to_go_is_the_one_without_which_the_gradient_is_largest():
    """The definition itself: without b, say, the gradient is (3, 3, 1/2, 1/2)."""

    def flow_without(index: int) -> float:
        a, b, c, d = (0.0 if place == index else value for place, value in enumerate((3.0, -1.0, 1.0, -0.5)))
        return 2 * (a + b) ** 2 + 2 * (c + d) ** 2

    run = written(grasp, Notebook(0.75, recipe=ONLY_SCORE, task=pairs()), temperature=1.0)
    assert (~run.masks["weight"]).flatten().nonzero().item() == max(range(4), key=flow_without)


def test_another_temperature_is_another_ranking():
    """T reaches the loss and is no mere scale: the networks kept at 1 and at 200 differ."""
    cold, hot = (
        written(grasp, Notebook(0.2, recipe=ONLY_SCORE), temperature=temperature).masks for temperature in (1.0, 200.0)
    )
    assert cold != hot
    assert cold.kept == hot.kept == 77


def test_signed_and_by_magnitude_are_two_rankings(scores):
    signed, unsigned = (Notebook(recipe=ONLY_SCORE) for _ in range(2))
    grasp(signed)
    grasp(unsigned, rank="magnitude")
    assert all(torch.equal(scores[1][name], scores[0][name].abs()) for name in scores[0])
    assert any((score < 0).any() for score in scores[0].values())
    assert signed.masks != unsigned.masks


def test_with_the_sign_flipped_the_other_half_is_kept(monkeypatch):
    half = written(grasp, Notebook(0.5, recipe=ONLY_SCORE)).masks
    monkeypatch.setattr(
        "benchmark.algorithms.grasp.keep_top",
        lambda scores, target: keep_top({n: -s for n, s in scores.items()}, target),
    )
    other = written(grasp, Notebook(0.5, recipe=ONLY_SCORE)).masks
    assert other == ~half


# --- the sample -------------------------------------------------------------------------------------------------------


class Sampled(Notebook):
    """Keeps the labels of the balanced batches, part by part."""

    def balanced(self, per_class: int, most: int | None = None) -> list[Part]:
        parts = super().balanced(per_class, most)
        self.drawn = [part.batch[1] for part in parts]
        return parts


@pytest.mark.parametrize("samples", [1, 10, 25])
def test_the_sample_has_as_many_of_every_class_as_asked(samples):
    run = written(grasp, Sampled(recipe=ONLY_SCORE), samples=samples)
    assert torch.bincount(torch.cat(run.drawn)).tolist() == [samples, samples]


def test_of_a_rare_class_there_are_all_that_there_are():
    draw = torch.Generator().manual_seed(0)
    data = TensorData(torch.randn(50, 6, generator=draw), (torch.arange(50) < 3).long())
    run = written(grasp, Sampled(recipe=ONLY_SCORE, task=replace(smooth, data=lambda folder: Splits(data, data, data))))
    assert torch.bincount(torch.cat(run.drawn)).tolist() == [10, 3]


def test_the_sample_follows_the_seed():
    first, again, other = (written(grasp, Notebook(recipe=ONLY_SCORE, seed=seed)).masks for seed in (1, 1, 2))
    assert first == again != other


# --- around it --------------------------------------------------------------------------------------------------------


def test_scoring_leaves_no_trace():
    recipe, kept = Recipe(steps=0, batch_size=32, rate=0.1), Notebook()
    run = WatchedRun(RunState(smooth, kept._state.model, recipe, Target(0.2), kept.data, 0))
    before = state(run)
    run.begin()
    grasp(run)
    run._state.finish()
    assert run.traces == []
    now = state(run)
    for name, value in before.items():
        assert torch.equal(now[name], value * run.masks[name] if name in run.masks else value)


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("global", 0.2), ("layer", 0.2), ("2:4", 0.5)])
def test_every_pattern_is_kept_and_the_initial_weights_are_trained(pattern, density):
    run, fresh = after(grasp, density, pattern), Notebook(density, pattern)
    assert run.target.pattern.breach(run.masks, density) is None
    fresh.prune(run.masks)
    fresh.train()
    assert same(state(run), state(fresh))


@pytest.mark.runs
def test_one_pass_and_one_training_are_on_the_bill():
    cost = after(grasp)._state.meter.counts(RECIPE.steps)
    assert (cost["scoring_passes"], cost["trainings"]) == (1, 1)


@pytest.mark.runs
def test_the_bill_grows_with_the_examples():
    few, many = (
        after(grasp, samples=samples)._state.meter.counts(RECIPE.steps)["scoring_flops"] for samples in (2, 10)
    )
    assert many == 5 * few


def test_a_double_backward_costs_three_backwards():
    """A forward is 1, a backward 2 and its own backward 4, but that the first layer feeds no gradient on."""
    run, plain = Notebook(recipe=ONLY_SCORE), Notebook(recipe=ONLY_SCORE)
    grasp(run, samples=RECIPE.batch_size // 2)
    plain.loss(plain.balanced(RECIPE.batch_size // 2)[0])
    forward = plain._state.meter.scoring_flops
    plain = Notebook(recipe=ONLY_SCORE)
    plain.gradients()
    backward = plain._state.meter.scoring_flops - forward
    assert run._state.meter.scoring_flops == forward + 3 * backward


@pytest.mark.parametrize("chunk", [1, 3, 7, 10])
def test_in_parts_it_is_the_same_score(scores, monkeypatch, chunk):
    """The mean over all examples, whatever their number in memory at once."""
    task = tanh_task()
    grasp(Notebook(0.5, recipe=ONLY_SCORE, task=task), samples=5)
    monkeypatch.setattr("benchmark.algorithms.grasp.CHUNK", chunk)
    run = Notebook(0.5, recipe=ONLY_SCORE, task=task)
    grasp(run, samples=5)
    for name, score in scores[0].items():
        torch.testing.assert_close(scores[1][name], score)
    assert run._state.meter.scoring_passes == (1 if chunk == 10 else 2 * -(-10 // chunk))


def test_every_part_has_its_share_of_every_class(monkeypatch):
    """`smooth` has a batch norm, which would tell parts of other classes apart."""
    monkeypatch.setattr("benchmark.algorithms.grasp.CHUNK", 7)
    run = written(grasp, Sampled(recipe=ONLY_SCORE), samples=10)
    assert [torch.bincount(labels).tolist() for labels in run.drawn] == [[4, 3], [3, 4], [3, 3]]


def test_data_without_classes_are_sampled_as_they_come():
    """A graph, say, whose nodes are no examples: one ordinary batch."""
    draw = torch.Generator().manual_seed(0)
    data = TensorData(torch.randn(64, 6, generator=draw), torch.rand(64, 2, generator=draw))
    task = replace(smooth, data=lambda folder: Splits(data, data, data))
    assert data.classes is None
    assert written(grasp, Notebook(recipe=ONLY_SCORE, task=task)).masks.kept == 77
