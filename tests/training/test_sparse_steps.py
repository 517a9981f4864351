"""Steps that compute with kept weights alone agree with torch's, and are made where they can be and nowhere else."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Masks, Recipe, Run, Target, Task, TensorData
from benchmark.contract.toy import toy
from benchmark.training.recording import SPARSE
from benchmark.training.run_state import RunState
from benchmark.training.sparse_steps import SparseSteps
from benchmark.training.sparse_training import perceptron, why_not
from tests.support.runs import ADAM, ADAMW, PLAIN, SGD

pytest.importorskip("numba", reason="Numba is not installed: pip install 'prunebench[fast]'")

RECIPES = {
    "plain": PLAIN,
    "momentum": replace(SGD, nesterov=False),
    "nesterov": SGD,
    "adam": ADAM,
    "adamw": replace(ADAMW, clip=0.0),
}


def mlp(*sizes: int) -> nn.Sequential:
    layers: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    for place, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        layers += [(f"fc{place}", nn.Linear(inputs, outputs)), (f"relu{place}", nn.ReLU())]
    return nn.Sequential(OrderedDict(layers[:-1]))


def entropy(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    return {"loss": float(torch.stack([entropy(model, batch) for batch in batches]).mean())}


def state(
    recipe: Recipe,
    sizes: tuple[int, ...] = (6, 9, 5, 3),
    density: float = 0.3,
    below: float = 1.0,
    loss: Callable[..., Tensor] = entropy,
    seed: int = 0,
    data: TensorData | None = None,
) -> RunState:
    """A perceptron with random masks and random data, which may be trained in sparse steps."""
    torch.manual_seed(seed)
    task: Task = replace(toy, models={"mlp": partial(mlp, *sizes)}, loss=loss, evaluate=evaluate)
    data = data or TensorData(torch.randn(200, 1, sizes[0]), torch.randint(sizes[-1], (200,)))
    found = RunState(task, mlp(*sizes), recipe, Target(density), data, seed, sparse=below)
    Run(found).prune(Masks({name: torch.rand_like(weight) < density for name, weight in found.weights.items()}))
    return found


def values(state: RunState) -> dict[str, Tensor]:
    """The parameters, and what the optimizer remembers of them."""
    engine, named = state.engine, dict(state.model.named_parameters())
    memory = {
        f"{name} {slot}": torch.as_tensor(value)
        for name, parameter in named.items()
        for slot, value in engine.memory(parameter).items()
        if value is not None
    }
    return {name: parameter.detach().clone() for name, parameter in named.items()} | memory


def passes(steps: SparseSteps) -> float:
    """The loss of the next batch, whose gradients are in `_gradients`."""
    steps.begin()
    loss = steps._passes()
    assert loss is not None
    return loss


def assert_near(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        torch.testing.assert_close(value, right[name], atol=2e-6, rtol=1e-4, msg=name)


# --- what is computed -------------------------------------------------------------------------------------------------


def test_loss_and_gradients_of_a_small_network_by_hand() -> None:
    """One input x = 2, one hidden unit w = 3 and b = -1, two outputs of which the first weight is pruned."""
    data = TensorData(torch.tensor([[[2.0]]]), torch.tensor([1]))
    found = state(replace(PLAIN, batch_size=1), (1, 1, 2), data=data)
    model = found.model
    parts = {"fc1.weight": [[3.0]], "fc1.bias": [-1.0], "fc2.weight": [[7.0], [0.2]], "fc2.bias": [0.5, -0.5]}
    model.load_state_dict({name: torch.tensor(value) for name, value in parts.items()})
    masks = Masks({"fc1.weight": torch.tensor([[True]]), "fc2.weight": torch.tensor([[False], [True]])})
    steps = SparseSteps(perceptron(model), found.engine, masks)
    loss = passes(steps)
    # The hidden unit is 5, the outputs are 0.5 and 0.5: the loss is ln 2, and its gradient there is 1/2 and -1/2.
    assert loss == pytest.approx(np.log(2))
    assert steps._gradients.tolist() == pytest.approx([2 * -0.5 * 0.2, 5 * -0.5, -0.5 * 0.2, 0.5, -0.5])


@given(
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    density=st.floats(0.01, 1.0),
    batch=st.integers(1, 21),
    seed=st.integers(0, 9),
)
def test_gradients_are_those_of_torch(sizes: list[int], density: float, batch: int, seed: int) -> None:
    found = state(replace(PLAIN, batch_size=batch), tuple(sizes), density, seed=seed)
    loss = found.engine.backward()
    assert SparseSteps(perceptron(found.model), found.engine, found.masks).agrees(loss)


@pytest.mark.runs
@pytest.mark.parametrize("name", RECIPES)
def test_weights_and_memory_after_some_steps_are_those_of_torch(name: str) -> None:
    sparse, plain = (state(RECIPES[name], below=below) for below in (1.0, 0.0))
    for found in (sparse, plain):
        found.train(None)
    assert (sparse.mode, plain.mode) == ("sparse below 1", "plain")
    assert_near(values(sparse), values(plain))
    assert (sparse.engine.clock, sparse.engine.updates) == (12, 12)


@pytest.mark.runs
@pytest.mark.parametrize("name", RECIPES)
def test_plain_steps_may_come_before_and_after(name: str) -> None:
    mixed, plain = (state(RECIPES[name], below=below) for below in (1.0, 0.0))
    for found in (mixed, plain):
        found.train(3)
        for _ in range(2):
            found.update(found.engine.backward(), skip=False, looked=False)
        found.train(4)
    assert_near(values(mixed), values(plain))


@pytest.mark.runs
@pytest.mark.parametrize("written", ["fc1.weight", "fc2.weight", "fc2.bias"])
@pytest.mark.parametrize("name", RECIPES)
def test_what_was_written_begins_anew_and_nothing_else_does(name: str, written: str) -> None:
    """Adam counts the updates of each parameter by itself."""
    sparse, plain = (state(RECIPES[name], below=below) for below in (1.0, 0.0))
    for found in (sparse, plain):
        found.train(5)
        found.write({written: torch.ones_like(dict(found.model.named_parameters())[written])})
        found.train(5)
    assert sparse.mode == "sparse below 1"
    assert_near(values(sparse), values(plain))


@pytest.mark.runs
def test_masks_may_change_between_them() -> None:
    mixed, plain = (state(SGD, below=below) for below in (1.0, 0.0))
    for found in (mixed, plain):
        torch.manual_seed(1)
        run = Run(found)
        for step in run.steps(at=(3, 7)):
            assert step.index in (3, 7)
            run.prune(Masks({name: torch.rand_like(weight) < 0.3 for name, weight in found.weights.items()}))
    assert_near(values(mixed), values(plain))
    assert mixed.ever_trained.share == plain.ever_trained.share
    assert 0.5 < (mixed.ever_trained.share or 0) < 0.8, "three masks of 0.3"


@pytest.mark.runs
def test_what_is_pruned_stays_zero() -> None:
    found = state(SGD)
    found.train(5)
    for name, weight in found.weights.items():
        pruned = ~found.masks[name]
        assert not weight[pruned].any()
        assert not found.engine.memory(weight)["momentum_buffer"][pruned].any()


@pytest.mark.runs
@pytest.mark.parametrize("name", RECIPES)
def test_parts_of_a_training_give_the_bits_of_the_whole(name: str) -> None:
    whole, parts = (state(RECIPES[name]) for _ in range(2))
    whole.train(12)
    for steps in (5, 1, 6):
        parts.train(steps)
    assert all(
        torch.equal(left, right) for left, right in zip(values(whole).values(), values(parts).values(), strict=True)
    )


@pytest.mark.runs
def test_after_many_steps_they_are_as_near_to_float64_as_torch_is() -> None:
    recipe = replace(PLAIN, rate=0.05, steps=100)
    sparse, plain = (state(recipe, (30, 40, 20, 5), below=below) for below in (1.0, 0.0))
    exact = state(recipe, (30, 40, 20, 5), below=0.0)
    model, masks = exact.model.double(), exact.masks
    for clock in range(100):
        exact.engine.clock = clock
        inputs, labels = exact.engine.batch()
        model.zero_grad()
        F.cross_entropy(model(inputs.double()), labels).backward()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                assert parameter.grad is not None
                parameter.sub_(0.05 * parameter.grad * masks.get(name, torch.ones_like(parameter)))
    errors = []
    for found in (sparse, plain):
        found.train(100)
        pairs = zip(found.model.parameters(), model.parameters(), strict=True)
        errors.append(
            sum(float((one.detach().double() - other.detach()).square().sum()) for one, other in pairs) ** 0.5
        )
    assert errors[0] < 1.5 * errors[1] < 1e-4


# --- where they are made ----------------------------------------------------------------------------------------------


def relu_at_the_end() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2), nn.ReLU())


def twice() -> nn.Sequential:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer)


def hooked() -> nn.Sequential:
    model = mlp(3, 4, 2)
    model.fc1.register_forward_hook(lambda *_: None)
    return model


def replaced() -> nn.Sequential:
    model = mlp(3, 4, 2)
    model.fc2.forward = lambda x: 2 * x  # type: ignore[method-assign]
    return model


class Doubled(nn.Sequential):
    """A network that is no longer the sequence of its parts."""


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "relu at the end": relu_at_the_end,
    "a layer twice": twice,
    "a hook": hooked,
    "a method replaced": replaced,
    "a class of its own": lambda: Doubled(nn.Linear(3, 2)),
    "no bias": lambda: nn.Sequential(nn.Linear(3, 2, bias=False)),
    "two linear layers in a row": lambda: nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2)),
    "dropout": lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1), nn.ReLU(), nn.Linear(3, 2)),
    "batch norm": lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)),
    "convolution": lambda: nn.Sequential(nn.Conv1d(1, 1, 1), nn.Flatten(), nn.Linear(3, 2)),
    "nothing": nn.Sequential,
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_networks_are_no_perceptrons(name: str) -> None:
    assert perceptron(OTHERS[name]()) == {}
    assert "for perceptrons" in why_not(OTHERS[name](), PLAIN)


def test_dropout_that_drops_nothing_is_none() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Dropout(0.0), nn.Identity(), nn.Linear(3, 2))
    assert [*perceptron(model)] == ["1", "5"]


@pytest.mark.runs
@pytest.mark.parametrize("change", [{"clip": 1.0}, {"precision": "bfloat16"}, {"early": 3}])
def test_other_recipes_are_trained_as_ever(change: dict[str, object]) -> None:
    found = state(replace(PLAIN, **change))  # type: ignore[arg-type]
    found.train(2)
    assert found.mode == "plain"


def test_frozen_parameters_are_none_of_theirs() -> None:
    model = mlp(3, 4, 2)
    model.fc1.weight.requires_grad_(False)
    assert "all of whose parameters are trained" in why_not(model, PLAIN)


@pytest.mark.runs
def test_another_loss_is_found_out() -> None:
    def smoothed(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1)

    found, plain = (state(SGD, below=below, loss=smoothed) for below in (1.0, 0.0))
    for one in (found, plain):
        one.train(5)
    assert found.mode == "plain: sparse steps do not agree with it"
    assert all(torch.equal(values(found)[name], value) for name, value in values(plain).items())


def squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.mse_loss(model(batch[0]), batch[1])


def first_of_two(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1][:, 0])


def remainder(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1].long() % 3)


def left(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0][..., :6]), batch[1])


CLASSES = torch.arange(200) % 3
UNKNOWN: dict[str, tuple[Callable[..., Tensor], Tensor, Tensor]] = {
    "numbers": (squared, torch.randn(200, 1, 6), torch.randn(200, 3)),
    "shares of classes": (entropy, torch.randn(200, 1, 6), torch.randn(200, 3).softmax(1)),
    "labels without a class": (entropy, torch.randn(200, 1, 6), torch.where(CLASSES > 0, CLASSES, -100)),
    "labels of other classes": (remainder, torch.randn(200, 1, 6), torch.arange(200)),
    "labels of 32 bits": (remainder, torch.randn(200, 1, 6), CLASSES.int()),
    "labels in a table": (first_of_two, torch.randn(200, 1, 6), torch.stack([CLASSES, CLASSES], dim=1)),
    "other inputs": (left, torch.randn(200, 1, 8), CLASSES),
}


@pytest.mark.runs
@pytest.mark.parametrize("name", UNKNOWN)
def test_batches_of_another_kind_are_trained_as_ever(name: str) -> None:
    loss, inputs, targets = UNKNOWN[name]
    found, plain = (state(SGD, below=below, loss=loss, data=TensorData(inputs, targets)) for below in (1.0, 0.0))
    for one in (found, plain):
        one.train(5)
    assert found.mode == "plain: sparse steps do not agree with it"
    assert all(torch.equal(values(found)[name], value) for name, value in values(plain).items())


@pytest.mark.runs
@pytest.mark.parametrize("name", RECIPES)
def test_a_batch_of_another_kind_among_others_is_trained_in_plain_code(name: str) -> None:
    """One label of 200 is ignored, so that most batches are theirs."""
    torch.manual_seed(0)
    inputs, labels = torch.randn(200, 1, 6), CLASSES.clone()
    sparse, plain = (state(RECIPES[name], below=below, data=TensorData(inputs, labels)) for below in (1.0, 0.0))
    first = set(sparse.engine.batches.index(0).tolist())
    labels[next(place for place in sparse.engine.batches.index(3).tolist() if place not in first)] = -100
    for found in (sparse, plain):
        found.train(None)
    assert sparse.mode == "sparse below 1"
    assert_near(values(sparse), values(plain))


@pytest.mark.runs
def test_on_other_data_they_have_to_agree_again() -> None:
    """The second part has fewer examples than a batch, and labels that this loss turns around."""

    def turned(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        labels = batch[1] if len(batch[1]) > 20 else 2 - batch[1]
        return F.cross_entropy(model(batch[0]), labels)

    torch.manual_seed(1)
    second = TensorData(torch.randn(20, 1, 6), CLASSES[:20])
    for loss, rows in ((entropy, 12), (turned, 12)):
        sparse, plain = (state(SGD, below=below, loss=loss) for below in (1.0, 0.0))
        for found in (sparse, plain):
            found.train(5)
            found.move_to(second, None, SGD, 1)
            found.train(rows)
        assert sparse.mode == "sparse below 1", "its first steps were sparse, and are when it is trained again"
        assert_near(values(sparse), values(plain))


def test_a_gradient_that_a_hook_changes_is_none_of_theirs() -> None:
    model = mlp(3, 4, 2)
    model.get_parameter("fc1.weight").register_hook(lambda gradient: 2 * gradient)
    assert "no hook changes" in why_not(model, PLAIN)


@pytest.mark.runs
def test_a_plain_training_that_is_loaded_does_not_hide_sparse_ones() -> None:
    sparse, plain = (state(SGD, below=below) for below in (1.0, 0.0))
    for found in (sparse, plain):
        found.train(2)
    sparse.engine.load(plain.engine.state(), 0)
    assert sparse.mode == "sparse below 1"


@pytest.mark.runs
@pytest.mark.parametrize(("density", "mode"), [(0.7, "plain"), (0.3, f"{SPARSE}0.4")])
def test_they_begin_below_a_share_of_kept_weights(density: float, mode: str) -> None:
    found = state(PLAIN, (20, 20, 10), density, below=0.4)
    found.train(3)
    assert found.mode == mode


def test_what_is_not_a_number_stays_none() -> None:
    found = state(PLAIN)
    steps = SparseSteps(perceptron(found.model), found.engine, found.masks)
    steps.begin()
    found.model.get_parameter("fc1.weight").data[found.masks["fc1.weight"]] = np.nan
    assert np.isnan(passes(steps))
    assert np.isnan(steps._gradients).any()


@pytest.mark.runs
def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    from benchmark.errors import Diverged

    found = state(replace(PLAIN, rate=1e30, steps=200))
    with pytest.raises(Diverged):
        found.train(None)


@pytest.mark.runs
def test_a_curve_follows_them() -> None:
    sparse, plain = (state(replace(PLAIN, steps=12), below=below) for below in (1.0, 0.0))
    for found in (sparse, plain):
        found._validation = found.data
        found.follow(3)
        found.train(None)
    assert sparse.curve is not None
    assert plain.curve is not None
    told, expected = sparse.curve.noted()["rows"], plain.curve.noted()["rows"]
    assert [row["step"] for row in told] == [4, 8, 12]
    assert [row["loss"] for row in told] == pytest.approx([row["loss"] for row in expected], rel=1e-4)
    seen = [row["validation.loss"] for row in told]
    assert seen == pytest.approx([row["validation.loss"] for row in expected], rel=1e-4)
    assert len(set(seen)) == 3, "it looks at the network as it is"
