"""The gambler's loss: closed forms, its gradient, Kelly's optimum, and networks with one more output."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.errors import Inapplicable, UsageError
from benchmark.harness.controls import narrowed
from benchmark.harness.network import build, sketch
from benchmark.plugins import registry
from benchmark.pruning.target import Target
from benchmark.training.reservation import Classes, gamble, keeps_all, kept, last_layer, required, widened

LOGITS = torch.tensor([[2.0, 0.0, -1.0, 1.0]], dtype=torch.float64)
FIRST = torch.tensor([0])
P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)


def test_the_loss_on_four_logits() -> None:
    assert gamble(LOGITS, FIRST, 2).item() == pytest.approx(0.271342, abs=1e-6)
    assert gamble(LOGITS, FIRST, 1.5).item() == pytest.approx(0.220851, abs=1e-6)
    assert F.cross_entropy(LOGITS[:, :3], FIRST).item() == pytest.approx(0.169846, abs=1e-6)


def test_without_a_reservation_it_is_the_cross_entropy() -> None:
    nothing = torch.cat([LOGITS[:, :3], torch.tensor([[-math.inf]])], dim=1)
    assert gamble(nothing, FIRST, 2).item() == pytest.approx(0.169846, abs=1e-6)


def test_it_is_that_of_the_horse_race_up_to_a_constant() -> None:
    """-log(o p_y + p_reservation) is L - log o."""
    p = LOGITS.softmax(dim=1)[0]
    assert gamble(LOGITS, FIRST, 2.5) - math.log(2.5) == pytest.approx(-math.log(2.5 * p[0] + p[3]))


def test_its_gradient_is_right_in_float64() -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.tensor([0, 1, 2, 0, 1])
    assert torch.autograd.gradcheck(lambda values: gamble(values, labels, 2.5), logits)


def test_far_logits_give_finite_gradients() -> None:
    logits = torch.tensor([[-200.0, 200.0, 0.0]], requires_grad=True)
    loss = gamble(logits, FIRST, 1.5)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def expected(bets: np.ndarray, payoff: float) -> float:
    """The loss of (bets on three classes, reservation), averaged over the classes by `P`."""
    logits = torch.from_numpy(bets).log().expand(3, 4)
    losses = torch.stack([gamble(logits[y : y + 1], torch.tensor([y]), payoff) for y in range(3)])
    return float((P * losses).sum())


@pytest.mark.parametrize(
    ("payoff", "bets", "loss"),
    [
        (1.8, (0, 0, 0, 1), math.log(1.8)),
        (2.5, (1 / 6, 0, 0, 5 / 6), 0.895880),
        (3.0, (0.3, 0.1, 0, 0.6), 1.029653),
    ],
)
def test_the_best_bets_are_kellys(payoff: float, bets: tuple[float, ...], loss: float) -> None:
    """Where the probabilities of three classes are known: .5, .3, .2 (Kelly, 1956)."""
    assert expected(np.array(bets), payoff) == pytest.approx(loss, abs=1e-6)
    sums = {"type": "eq", "fun": lambda b: b.sum() - 1}
    found = minimize(
        expected, np.full(4, 0.25), (payoff,), "SLSQP", bounds=[(1e-12, 1)] * 4, constraints=sums, tol=1e-12
    )
    assert found.fun == pytest.approx(loss, abs=1e-6)
    if payoff < 3:  # at payoff = m keeping the stake is as good as betting on all classes alike
        assert found.x == pytest.approx(bets, abs=2e-3)


# --- networks ---------------------------------------------------------------------------------------------------------

GAMBLES = {"loss": "gambler", "payoff": 4.0}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("digits", "mlp"),
        ("digits", "cnn"),
        ("digits", "timm:mixer_s32_224"),
        ("cifar10", "resnet-20-half"),
        ("cifar10", "conv-2"),
        ("planted-partition", "gat"),
        ("ring-transfer", "gin"),
        ("cora", "gcn"),
        ("cora", "gat"),
    ],
    ids=str,
)
def test_the_wider_network_is_the_same_up_to_its_last_output(name: str, model: str) -> None:
    if model.startswith("timm"):
        pytest.importorskip("timm")
        model = "timm:resnet10t"
    plain = build(registry.task(name), model, 3)
    wide = build(registry.task(name, GAMBLES), model, 3)
    layer = last_layer(wide)
    values = dict(wide.named_parameters())
    for key, value in plain.named_parameters():
        same = values[key][: len(value)] if values[key].shape != value.shape else values[key]
        assert torch.equal(same, value), key
    wider = [key for key, value in plain.named_parameters() if values[key].shape != value.shape]
    assert len(wider) == 1 + (layer.bias is not None)
    assert layer.out_features == last_layer(plain).out_features + 1 == len(layer.weight)
    assert torch.isin(layer.weight[-1], layer.weight[:-1]).all()


def test_a_wider_network_can_be_sketched_and_narrowed() -> None:
    task = registry.task("digits", GAMBLES)
    assert last_layer(sketch(task, "mlp")).weight.shape == (11, 50)
    assert last_layer(build(narrowed(task, "mlp", Target(0.1)), "mlp", 0)).out_features == 11


def test_a_payoff_above_the_number_of_classes_is_refused() -> None:
    with pytest.raises(UsageError, match="payoff=12 is above the number of classes, 10"):
        registry.task("digits", GAMBLES | {"payoff": 12}).model("mlp")()


class Summed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(4, 3)


class Outside(nn.Module):
    """Its outputs are not those of its last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.out, self.gate = nn.Linear(4, 3), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) * self.gate(x).sum(dim=1, keepdim=True)


def test_networks_whose_outputs_cannot_be_told_are_refused() -> None:
    with pytest.raises(UsageError, match="no linear layer"):
        widened(partial(nn.Conv2d, 1, 1, 1), 2)()
    with pytest.raises(UsageError, match="'other': 2 layers there make outputs"):
        widened(Summed, 2)()
    with pytest.raises(UsageError, match="5 layers there"):
        registry.task("mutag", GAMBLES | {"payoff": 2}).model("gin")()
    outputs = required(lambda model, batch: (model(batch), FIRST))
    with pytest.raises(Inapplicable, match=r"the network's outputs, \(1, 3\), are not those of its last linear layer"):
        outputs(widened(Outside, 2)(), torch.ones(1, 4))


def of_bias(*bias: float) -> nn.Module:
    """A network whose logits are the same for every input."""
    layer = nn.Linear(2, len(bias))
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor(bias))
    return nn.Sequential(layer)


def test_the_prediction_is_the_best_class_even_where_everything_is_kept() -> None:
    network = of_bias(0.0, 1.0, 0.0, 50.0)
    assert network(torch.ones(1, 2)).argmax() == 3
    task = registry.task("digits", GAMBLES)
    batch = torch.ones(4, 2), torch.tensor([1, 1, 0, 1])
    with torch.no_grad():
        assert task.evaluate(network, [batch])["accuracy"] == 0.75
    assert Classes(network)(batch[0]).shape == (4, 3)
    assert task.logits is not None
    assert task.logits(network, batch)[0].shape == (4, 3)
    assert task.early is not None
    assert task.early(network, batch) == F.cross_entropy(network(batch[0])[:, :3], batch[1])


def pairs(network: nn.Module, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(network(torch.ones(len(labels), 2)), labels)]


def test_what_is_told_of_the_reservation() -> None:
    logits = torch.tensor([[3.0, 0, 0], [2, 0, 1], [2, 0, 2], [0, 2, 3]])
    found = kept(of_bias(0, 0, 0), [(logits, torch.tensor([0, 1, 0, 0]))])
    assert found["errors"] == 2
    assert found["row_kept"] == 0
    assert found["mean"] == pytest.approx(float(logits.softmax(dim=1)[:, 2].mean()))
    assert (found["risk_at"]["0.5"], found["risk_at"]["0.75"]) == (0.5, pytest.approx(1 / 3))


@pytest.mark.parametrize(
    ("bias", "collapsed"),
    [((0, 0, 0, 0), False), ((0, 1, 0, 0.5), False), ((0, 1, 0, 1.5), True), ((0, 0, 0, 9), True)],
    ids=str,
)
def test_a_network_that_never_bets_has_collapsed(bias: tuple[float, ...], collapsed: bool) -> None:
    assert keeps_all(pairs(of_bias(*bias), torch.tensor([0, 1]))) is collapsed


def test_a_mean_reservation_of_almost_everything_is_a_collapse_too() -> None:
    kept_stakes = torch.tensor([[0.0, 0, 9]] * 999 + [[3, 0, 0]])
    assert keeps_all([(kept_stakes, torch.zeros(1000, dtype=torch.int64))])
    assert not keeps_all([(torch.tensor([[0.0, 0, 9], [3, 0, 0]]), torch.tensor([0, 0]))])


def test_a_wider_network_answers_for_what_else_is_asked_of_it() -> None:
    network = of_bias(0, 0, 0)
    network.kind = "toy"  # type: ignore[assignment]
    assert Classes(network).kind == "toy"
    with pytest.raises(AttributeError):
        _ = Classes(network).nothing
