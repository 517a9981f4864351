"""Training by several processes: the bits of one another, and the numbers of one process within rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Masks, Recipe, Run, Target, Task
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.training.objective import Objective
from benchmark.training.ranks import ALONE, Ranks
from benchmark.training.run_state import RunState
from benchmark.training.shared_trainings import LocalLedger, SharedTrainings, Sharing
from benchmark.training.shares import WHOLE, Shares, rows_of
from benchmark.training.whole_batch import Part, WholeBatch, added, part_of
from tests.support.together import together

RECIPE = Recipe(steps=24, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-3, milestones=(12,))

UNEVEN = replace(RECIPE, batch_size=33)
"""Not every process has as many examples."""

TOLERANCE = 1e-4
"""How far weights may be from those of one process, after 24 steps of the toy task. docs/cluster.md has larger ones."""

# --- parts ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 1000), st.integers(1, 64))
def test_the_parts_of_a_batch_are_all_of_it_in_order(examples: int, processes: int) -> None:
    parts = [part_of(examples, Ranks(rank, processes)) for rank in range(processes)]
    assert [row for part in parts for row in range(examples)[part.rows]] == [*range(examples)]
    sizes = {part.end - part.first for part in parts}
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 1000), st.integers(1, 64))
def test_shares_are_parts_of_one(examples: int, processes: int) -> None:
    shares = [part_of(examples, Ranks(rank, processes)).share for rank in range(processes)]
    assert sum(shares) == pytest.approx(1)


def test_rows_of_a_batch_are_those_of_each_of_its_tensors() -> None:
    batch = torch.arange(10).view(5, 2), torch.arange(5)
    inputs, targets = rows_of(batch, slice(1, 3))
    assert inputs.tolist() == [[2, 3], [4, 5]]
    assert targets.tolist() == [1, 2]
    assert rows_of("no tuple", WHOLE) == "no tuple"


def test_one_process_divides_nothing_and_asks_nobody() -> None:
    shares = Shares(Objective(build(toy, "net", 0), toy), ALONE)
    assert shares.rows(32, lambda rows, ahead: pytest.fail("was read"), None) == WHOLE
    assert not shares.divided
    assert shares.mode == ""
    assert ALONE.told({"a": [1]}) == {"a": [1]}
    assert [ALONE.all(True), ALONE.all(False)] == [True, False]


def test_a_batch_of_fewer_examples_than_processes_is_not_divided() -> None:
    """A single graph, for example: all is asked of this process alone."""
    shares = Shares(Objective(build(toy, "net", 0), toy), Ranks(0, 2))
    assert shares.rows(1, lambda rows, ahead: pytest.fail("was read"), None) == WHOLE
    assert shares.mode == "whole in each of 2 processes: they are too small, 1 example each"


# --- what a network computes of a part --------------------------------------------------------------------------------


def normalised(ranks: Ranks, shape: tuple[int, ...], dtype: torch.dtype) -> dict[str, Tensor]:
    """Batch norm of rows of a batch, its gradients and its statistics."""
    draw = torch.Generator().manual_seed(0)
    whole, slope = (3 + 2 * torch.randn(shape, generator=draw, dtype=torch.float64) for _ in range(2))
    part = part_of(shape[0], ranks)
    fed = whole[part.rows].to(dtype).requires_grad_()
    weight, bias = (torch.rand(shape[1], generator=draw).requires_grad_() for _ in range(2))
    mean, var = torch.zeros(shape[1]), torch.ones(shape[1])
    with WholeBatch(part, ranks):
        out = F.batch_norm(fed, mean, var, weight, bias, training=True, momentum=0.3)
    (out * slope[part.rows].to(dtype)).sum().backward()
    sums = {"weight": ranks.add(gradient(weight)), "bias": ranks.add(gradient(bias))}
    return {"out": out.detach(), "fed": gradient(fed), "mean": mean, "var": var, **sums}


def gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def joined(found: list[Any]) -> dict[str, Tensor]:
    """What processes have of a batch, one after the other; of what is the whole batch's, what all have."""
    for result in found:
        assert isinstance(result, dict), result
    rows, common = ("out", "fed"), ("mean", "var", "weight", "bias")
    for name in common:
        assert all(torch.equal(found[0][name], result[name]) for result in found)
    return {n: torch.cat([result[n] for result in found]) for n in rows} | {n: found[0][n] for n in common}


@pytest.mark.runs
@pytest.mark.parametrize("shape", [(7, 3), (6, 3, 4), (5, 2, 3, 4)], ids=str)
def test_batch_norm_of_parts_is_that_of_the_whole_batch(shape: tuple[int, ...], tmp_path: Path) -> None:
    expected = normalised(Ranks(0, 1), shape, torch.float32)
    own = joined(together(2, tmp_path, normalised, shape, torch.float32))
    for name, value in expected.items():
        torch.testing.assert_close(own[name], value, rtol=1e-5, atol=1e-5)


def plainly_normalised(fed: Tensor, training: bool) -> Tensor:
    return F.batch_norm(fed, torch.tensor([1.0, 2.0]), torch.tensor([4.0, 9.0]), training=training)


def test_batch_norm_of_one_process_is_torchs_own() -> None:
    fed = torch.tensor([[1.0, 2.0], [3.0, 8.0], [-4.0, 2.0]])
    for training in (True, False):
        with WholeBatch(Part(0, 3, 3), ALONE):
            own = plainly_normalised(fed, training)
        torch.testing.assert_close(own, plainly_normalised(fed, training))


def test_norms_in_eval_mode_and_of_half_precision_keep_their_type() -> None:
    fed = torch.randn(4, 2, dtype=torch.bfloat16)
    with WholeBatch(Part(0, 4, 4), ALONE):
        assert plainly_normalised(fed, True).dtype == torch.bfloat16


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), nn.Dropout2d(0.3), nn.Dropout(0.3, inplace=True)], ids=str)
def test_dropout_of_parts_is_that_of_the_whole_batch(layer: nn.Module) -> None:
    """Bit for bit; of layers whose rows are several to an example, too."""
    whole = torch.randn(15, 4, 2, 2)
    torch.manual_seed(1)
    expected, after = layer(whole.clone()), torch.rand(1)
    found = []
    for rank in range(2):
        part = part_of(5, Ranks(rank, 2))
        torch.manual_seed(1)
        with WholeBatch(part, Ranks(rank, 2)):
            found.append(layer(whole[3 * part.first : 3 * part.end].clone()))
        assert torch.equal(torch.rand(1), after), "what is drawn next is the same, too"
    assert torch.equal(torch.cat(found), expected)


def test_no_dropout_in_eval_mode() -> None:
    with WholeBatch(Part(0, 1, 2), Ranks(0, 2)):
        assert torch.equal(nn.Dropout(0.5).eval()(torch.ones(4)), torch.ones(4))


# --- what processes tell one another ----------------------------------------------------------------------------------


def telling(ranks: Ranks) -> Any:
    own = torch.tensor([1.0, float(ranks.rank)], requires_grad=True)
    (added(own, ranks) * torch.tensor([1.0 + ranks.rank, 2.0])).sum().backward()
    told = ranks.told({"from": ranks.rank, "text": "é" * (1 + ranks.rank)})
    return added(own, ranks).tolist(), gradient(own).tolist(), told, ranks.all(True), ranks.all(ranks.first)


@pytest.mark.runs
def test_sums_their_gradients_and_messages_are_the_same_everywhere(tmp_path: Path) -> None:
    expected = ([3.0, 3.0], [6.0, 6.0], {"from": 0, "text": "é"}, True, False)
    assert together(3, tmp_path, telling) == [expected] * 3


def differing(ranks: Ranks) -> None:
    ranks.require_same("same", "before")
    ranks.require_same("other" if ranks.rank == 1 else "same", "at the end")


@pytest.mark.runs
def test_a_process_with_other_masks_is_named_in_all(tmp_path: Path) -> None:
    expected = "Parted: process 1 of 2 has other masks or weights than 0, at the end"
    assert together(2, tmp_path, differing) == [expected] * 2


def leaving(ranks: Ranks) -> bool:
    return ranks.first or ranks.all(True)


@pytest.mark.runs
def test_a_process_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    first, second = together(2, tmp_path, leaving)
    assert first is True
    assert second.startswith("Parted: another process of this run has ended: ")


# --- whole runs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """What a run leaves behind in one process."""

    state: Mapping[str, Tensor]
    masks: Mapping[str, Tensor]
    mode: str
    accuracy: float
    losses: list[float]
    flops: float


def left(ranks: Ranks, name: str, options: dict[str, Any], recipe: Recipe, model: str, task: Task = toy) -> Left:
    splits, net = task.data(Path()), build(task, model, 0)
    state = RunState(task, net, recipe, Target(0.3), splits.train, 0, validation=splits.validation, ranks=ranks)
    run, losses = Run(state), list[float]()
    if name == "steps":
        for step in run.steps():
            losses.append(float(step.loss))
            step.grads["0.weight"].mul_(0.5)
    else:
        registry.algorithm(name)(run, **options)
    state.finish()
    accuracy = run.evaluate()["accuracy"]
    masks = {name: mask.clone() for name, mask in run.masks.items()}
    return Left(run.snapshot().state, masks, state.mode, accuracy, losses, state.meter.training_flops)


def same(one: Left, other: Left) -> bool:
    """Whether two runs have left the same bits."""
    tensors = [(one.state[name], other.state[name]) for name in one.state]
    tensors += [(one.masks[name], other.masks[name]) for name in one.masks]
    return one.losses == other.losses and all(torch.equal(*pair) for pair in tensors)


def near(one: Left, other: Left, tolerance: float = TOLERANCE) -> None:
    """Equal masks, and all else within a tolerance."""
    assert Masks(one.masks) == Masks(other.masks)
    for name, value in one.state.items():
        torch.testing.assert_close(value, other.state[name], rtol=tolerance, atol=tolerance)
    assert one.losses == pytest.approx(other.losses, rel=tolerance, abs=tolerance)
    assert (one.accuracy, one.flops) == (other.accuracy, other.flops)


def both(folder: Path, *words: Any) -> Left:
    """What two processes leave, which is the same in both."""
    first, second = together(2, folder, left, *words)
    assert isinstance(first, Left), first
    assert isinstance(second, Left), second
    assert same(first, second)
    return first


ALIKE = [
    pytest.param("granet", {"interval": 4}, UNEVEN, "residual", id="granet"),
    pytest.param("magnitude", {}, RECIPE, "net", id="magnitude with dropout", marks=pytest.mark.slow),
    pytest.param("steps", {}, UNEVEN, "net", id="edited gradients", marks=pytest.mark.slow),
    *(
        pytest.param(name, options, UNEVEN, "residual", id=name, marks=pytest.mark.slow)
        for name, options in {
            "magnitude": {},
            "snip": {},
            "imp": {"fraction": 0.5},
            "edge-popup": {},
            "movement": {},
            "soft-threshold": {},
            "sr-ste": {},
            "continuous-sparsification": {},
            "gem-miner": {},
        }.items()
    ),
]
"""Networks with batch norm; batches of 32 or 33; weights in training, or scores in their place."""


@pytest.mark.runs
@pytest.mark.parametrize(("name", "options", "recipe", "model"), ALIKE)
def test_methods_end_alike_in_two_processes_and_in_one(
    name: str, options: dict[str, Any], recipe: Recipe, model: str, tmp_path: Path
) -> None:
    """Equal bits in both, and within a tolerance what one process has."""
    words = name, options, recipe, model
    first = both(tmp_path, *words)
    assert first.mode == "divided among 2 processes"
    near(first, left(ALONE, *words))


def ranked(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """A loss that is no mean over examples: pairs of them are compared."""
    margins = model(batch[0])[:, 1] * (2 * batch[1] - 1)
    return F.softplus(margins[:, None] - margins[None, :].detach()).mean() + F.cross_entropy(model(batch[0]), batch[1])


def weighted(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Torch divides by the weights of the classes that are in the batch."""
    return F.cross_entropy(model(batch[0]), batch[1], weight=torch.tensor([1.0, 5.0]))


@pytest.mark.runs
@pytest.mark.parametrize("loss", [ranked, weighted])
def test_a_loss_that_is_no_mean_is_found_out_and_computed_whole(loss: Any, tmp_path: Path) -> None:
    words = "magnitude", {}, RECIPE, "net", replace(toy, loss=loss)
    first = both(tmp_path, *words)
    assert first.mode.startswith("whole in each of 2 processes: their parts have another gradient")
    assert same(first, left(ALONE, *words)), "bit for bit"


def noisy(batch: tuple[Tensor, Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
    return batch[0] + 0.3 * torch.randn(batch[0].shape, generator=rng), batch[1]


@pytest.mark.runs
def test_augmentation_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    words = "magnitude", {}, replace(UNEVEN, augment=noisy), "net"
    first = both(tmp_path, *words)
    assert first.mode == "divided among 2 processes"
    near(first, left(ALONE, *words))


# --- trainings that are kept ------------------------------------------------------------------------------------------


def kept(ranks: Ranks, folder: Path, lost: bool) -> tuple[list[bool], list[int], list[str]]:
    """Two runs that share their training: whether they end alike, what they took over, and the files that are left.

    Args:
        lost: the second process cannot read the file.
    """
    ledger, found = LocalLedger(), []
    for _ in range(2):
        shared = SharedTrainings(Sharing(folder, ledger, ranks), "about", torch.device("cpu"))
        if lost and not ranks.first:
            object.__setattr__(shared, "_read", lambda name, made: None)
        splits, net = toy.data(Path()), build(toy, "net", 0)
        state = RunState(toy, net, UNEVEN, Target(0.3), splits.train, 0, shared_trainings=shared, ranks=ranks)
        Run(state).train()
        state.finish()
        found.append(state)
    alike = [torch.equal(one, other) for one, other in zip(*(s.model.parameters() for s in found), strict=True)]
    return alike, [state.meter.reused_steps for state in found], sorted(file.suffix for file in folder.iterdir())


@pytest.mark.runs
@pytest.mark.parametrize("lost", [False, True])
def test_a_training_that_was_made_is_taken_by_all_processes_or_by_none(lost: bool, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    first, second = together(2, tmp_path, kept, tmp_path / "kept", lost)
    assert first == second
    alike, reused, files = first
    assert all(alike)
    assert reused == [0, 0 if lost else UNEVEN.steps]
    assert files == [".whole"]
