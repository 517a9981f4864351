"""SynFlow: flow is conserved from layer to layer, so that no layer runs dry before its time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from benchmark.algorithms.magnitude import magnitude
from benchmark.algorithms.synflow import synflow
from torch import Tensor, nn

from benchmark import Masks, Splits, Target, Task, TensorData, keep_top
from benchmark.plugins import registry
from benchmark.scores import sensitivity
from tests.support.notebook import RECIPE, SIZES, Notebook, after, same, smooth, state, written

ONLY_SCORE = replace(RECIPE, steps=0)

Scores = dict[str, Tensor]


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Scores, Masks]]:
    """The scores and the masks of every round."""
    found: list[tuple[Scores, Masks]] = []

    def keep(scores: Scores, target: Target, among: Masks | None = None) -> Masks:
        found.append(({name: s.detach() for name, s in scores.items()}, keep_top(scores, target, among)))
        return found[-1][1]

    monkeypatch.setattr("benchmark.algorithms.synflow.keep_top", keep)
    return found


def task_of(net: Callable[[], nn.Module], *shape: int) -> Task:
    """Another network, for inputs of this shape."""
    inputs = torch.randn(64, *shape, generator=torch.Generator().manual_seed(0))
    data = TensorData(inputs, torch.arange(64) % 2)
    return replace(smooth, models={"net": net}, data=lambda folder: Splits(data, data, data))


def mlp() -> nn.Module:
    layers = [nn.Linear(6, 12, bias=False), nn.ReLU(), nn.Linear(12, 8, bias=False), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(8, 3, bias=False))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 5, 3, stride=2, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(5, 2, bias=False),
    )


MLP, CNN = task_of(mlp, 6), task_of(cnn, 2, 9, 9)
NETS = pytest.mark.parametrize("task", [MLP, CNN], ids=["mlp", "cnn"])


def flow_and_scores(run: Notebook, masks: Masks | None = None) -> tuple[float, Scores]:
    """R and |w dR/dw| at |w|, in float64, of the network or of a part of it."""
    kept = masks or Masks.ones(run.weights)
    synapses = {name: (w.abs().double() * kept[name]).requires_grad_() for name, w in run.weights.items()}
    flow = run.flow(synapses)
    gradients = dict(zip(synapses, torch.autograd.grad(flow, list(synapses.values())), strict=True))
    return flow.item(), {name: score.detach() for name, score in sensitivity(synapses, gradients).items()}


# --- conservation -----------------------------------------------------------------------------------------------------


def test_the_flow_on_paper():
    """Input (1, 1), |W1| = [[1, 2], [3, 4]], |W2| = [[5, 6], [1, 0]]: R = 5 * 3 + 6 * 7 + 1 * 3 = 60."""

    def net() -> nn.Module:
        model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
        with torch.no_grad():
            model[0].weight.copy_(torch.tensor([[-1.0, 2.0], [3.0, -4.0]]))
            model[2].weight.copy_(torch.tensor([[-5.0, 6.0], [1.0, 0.0]]))
        return model

    flow, scores = flow_and_scores(Notebook(task=task_of(net, 2)))
    assert flow == 60
    assert scores["0.weight"].tolist() == [[6.0, 12.0], [18.0, 24.0]]
    assert scores["2.weight"].tolist() == [[15.0, 42.0], [3.0, 0.0]]


@NETS
def test_the_scores_of_every_layer_sum_to_the_flow(task):
    flow, scores = flow_and_scores(Notebook(task=task))
    assert len(scores) == 3
    for score in scores.values():
        assert float(score.sum()) == pytest.approx(flow, rel=1e-12)


@NETS
def test_of_what_a_round_has_kept_too(task, rounds):
    run = written(synflow, Notebook(0.3, recipe=ONLY_SCORE, task=task), rounds=4)
    flow, scores = flow_and_scores(Notebook(task=task), run.masks)
    assert flow > 0
    assert [float(score.sum()) for score in scores.values()] == pytest.approx([flow] * 3, rel=1e-12)
    for found, _ in rounds:
        assert len({round(float(score.sum()), 12) for score in found.values()}) == 1


@NETS
def test_what_flows_into_a_unit_flows_out_of_it(task):
    _, scores = flow_and_scores(Notebook(task=task))
    for arriving, leaving in pairwise(scores.values()):
        into = arriving.flatten(1).sum(dim=1)
        out = leaving.transpose(0, 1).flatten(1).sum(dim=1)
        torch.testing.assert_close(into, out, rtol=1e-12, atol=0)


def test_the_scores_that_are_ranked_are_in_float64(rounds):
    """Absolute weights grow the flow from layer to layer: 80 of them leave float32."""
    deep = task_of(lambda: nn.Sequential(*[nn.Linear(64, 64, bias=False) for _ in range(80)]), 64)
    run = written(synflow, Notebook(0.1, recipe=ONLY_SCORE, task=deep), rounds=1)
    sums = [float(score.sum()) for score in rounds[0][0].values()]
    assert sums[0] > torch.finfo(torch.float32).max
    assert sums == pytest.approx(sums[:1] * 80, rel=1e-9)
    assert run.masks.kept == round(0.1 * 80 * 64 * 64)


# --- what it does not look at -----------------------------------------------------------------------------------------


@pytest.mark.runs
def test_the_data_have_no_say():
    points = torch.full((64, 6), 7.0), torch.zeros(64, dtype=torch.int64)
    data = TensorData(*points)
    elsewhere = replace(smooth, data=lambda folder: Splits(data, data, data))
    assert after(synflow).masks == written(synflow, Notebook(task=elsewhere)).masks


def test_the_signs_of_the_weights_have_no_say(rounds):
    def flipped() -> nn.Module:
        net = smooth.model("net")()
        draw = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(torch.randint(0, 2, parameter.shape, generator=draw) * 2 - 1)
        return net

    plain = Notebook(recipe=ONLY_SCORE)
    other = Notebook(recipe=ONLY_SCORE, task=replace(smooth, models={"net": flipped}))
    assert not same(plain.weights, other.weights)
    written(synflow, plain, rounds=5)
    written(synflow, other, rounds=5)
    assert plain.masks == other.masks
    for (left, _), (right, _) in zip(rounds[:5], rounds[5:], strict=True):
        assert same(left, right)


def test_the_mode_of_dropout_and_batch_norm_has_no_say():
    """Scores are those of eval mode, the same whenever they are asked for."""
    run = Notebook()
    first = flow_and_scores(run)[1]
    assert run._state.model.training
    assert same(first, flow_and_scores(run)[1])


# --- rounds -----------------------------------------------------------------------------------------------------------


def test_the_rounds_are_nested_and_follow_the_geometric_schedule(rounds):
    run = written(synflow, Notebook(0.1, recipe=ONLY_SCORE), rounds=10)
    assert [masks.kept for _, masks in rounds] == [round(384 * 0.1 ** (done / 10)) for done in range(1, 11)]
    assert [masks.kept for _, masks in rounds] == [305, 242, 192, 153, 121, 96, 77, 61, 48, 38]
    for (_, before), (_, later) in pairwise(rounds):
        assert later & before == later
    assert run.masks == rounds[-1][1]


def test_every_round_scores_what_the_last_one_left(rounds):
    written(synflow, Notebook(0.1, recipe=ONLY_SCORE), rounds=4)
    for (_, before), (scores, _) in pairwise(rounds):
        assert same(scores, flow_and_scores(Notebook(), before)[1])
        assert all(not score[~before[name]].any() for name, score in scores.items())


def test_a_hundred_rounds_are_the_default_and_are_not_one_round(rounds):
    many, one = Notebook(0.1, recipe=ONLY_SCORE), Notebook(0.1, recipe=ONLY_SCORE)
    synflow(many)
    assert len(rounds) == 100
    synflow(one, rounds=1)
    assert len(rounds) == 101
    assert many.masks != one.masks
    assert one.masks == keep_top(flow_and_scores(Notebook())[1], Target(0.1))


def test_the_network_keeps_its_initial_weights_bit_for_bit():
    run, fresh = Notebook(recipe=ONLY_SCORE), Notebook()
    written(synflow, run, rounds=7)
    before, now = state(fresh), state(run)
    for name, value in before.items():
        assert torch.equal(now[name], value * run.masks[name] if name in SIZES else value)


@pytest.mark.runs
def test_what_is_kept_is_trained_from_there():
    run, fresh = after(synflow, rounds=7), Notebook()
    fresh.prune(run.masks)
    fresh.train()
    assert same(state(run), state(fresh))


@pytest.mark.runs
def test_every_round_is_on_the_bill_as_one_example():
    run = after(synflow, rounds=7)
    cost = run._state.meter.counts(RECIPE.steps)
    assert (cost["scoring_passes"], cost["trainings"]) == (7, 1)
    one_batch = Notebook()
    one_batch.gradients(1)
    assert cost["scoring_flops"] == pytest.approx(7 / 32 * one_batch._state.meter.scoring_flops)


@pytest.mark.runs
@pytest.mark.parametrize(("pattern", "density"), [("layer", 0.2), ("2:4", 0.5), ("1:4", 0.25)])
def test_every_pattern_is_kept(pattern, density):
    run = after(synflow, density, pattern, rounds=5)
    assert run.target.pattern.breach(run.masks, density) is None


# --- layers -----------------------------------------------------------------------------------------------------------


def equal_sizes() -> nn.Module:
    """4 - 8 - 2, every weight 1/2 or -1/2: within a layer all synapses are alike."""
    model = nn.Sequential(nn.Linear(4, 8, bias=False), nn.ReLU(), nn.Linear(8, 2, bias=False))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.where(torch.arange(parameter.numel()) % 3 == 0, 0.5, -0.5).view(parameter.shape))
    return model


@pytest.mark.parametrize(("density", "counts"), [(0.5, (8, 16)), (16 / 48, (0, 16)), (0.75, (20, 16))])
def test_in_one_round_the_largest_layer_pays_first(density, counts):
    """Each layer shares the same R, so that a synapse scores R / 32 in the first and R / 16 in the second."""
    run = written(synflow, Notebook(density, recipe=ONLY_SCORE, task=task_of(equal_sizes, 4)), rounds=1)
    assert tuple(run.masks.counts.values()) == counts


def test_in_many_rounds_no_layer_is_emptied():
    run = written(synflow, Notebook(16 / 48, recipe=ONLY_SCORE, task=task_of(equal_sizes, 4)), rounds=100)
    assert run.masks.kept == 16
    assert min(run.masks.counts.values()) > 0
    assert flow_and_scores(Notebook(task=task_of(equal_sizes, 4)), run.masks)[0] > 0


def uneven() -> nn.Module:
    """6 - 8 - 256 - 8 - 2: the third layer has 256 inputs and, as drawn, the smallest weights by far."""
    widths = [6, 8, 256, 8, 2]
    layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair, bias=False), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_at_extreme_compression_magnitude_empties_a_layer_and_synflow_none(seed):
    """42 of 4,160 weights: a path needs 4."""
    task = task_of(uneven, 6)
    ours, theirs = (Notebook(0.01, recipe=ONLY_SCORE, seed=seed, task=task) for _ in range(2))
    written(synflow, ours)
    written(magnitude, theirs, when="init")
    assert ours.masks.kept == theirs.masks.kept == 42
    assert min(theirs.masks.counts.values()) == 0
    assert min(ours.masks.counts.values()) >= 1
    assert flow_and_scores(Notebook(task=task, seed=seed), ours.masks)[0] > 0


@pytest.mark.parametrize("kept", [4, 5, 8])
def test_down_to_a_single_path_the_signal_still_gets_through(kept):
    task = task_of(uneven, 6)
    run = written(synflow, Notebook(kept / 4160, recipe=ONLY_SCORE, task=task))
    assert run.masks.kept == kept
    assert min(run.masks.counts.values()) >= 1
    assert flow_and_scores(Notebook(task=task), run.masks)[0] > 0


@pytest.mark.slow
def test_at_a_compression_of_316_the_input_reaches_no_output_of_vgg_16_by_magnitude_but_by_synflow():
    """10^2.5, where Tanaka et al. (2020) find magnitude at initialisation at chance.

    No layer of it is empty yet, as some is at 10^3, but no path is whole: the flow is that of the biases alone.
    """
    task = task_of(registry.task("cifar10").model("vgg-16-bn"), 3, 32, 32)
    ours, theirs = (Notebook(10**-2.5, recipe=ONLY_SCORE, task=task) for _ in range(2))
    written(synflow, ours, rounds=50)  # of 100, for time
    written(magnitude, theirs, when="init")
    assert ours.masks.kept == theirs.masks.kept == round(10**-2.5 * 14_715_584)
    assert min(ours.masks.counts.values()) >= 1
    first = [flow_and_scores(Notebook(task=task), run.masks)[1]["0.weight"].sum() for run in (ours, theirs)]
    assert first[0] > 0 == first[1]
    fewer = keep_top({name: weight.abs() for name, weight in theirs.weights.items()}, Target(1e-3))
    assert min(fewer.counts.values()) == 0
