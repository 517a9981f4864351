"""Runs of the toy task for tests of the verbs, and what one can see of them without the run's own help."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmark import Masks, Recipe, Run, Target, Task, TensorData, keep_top
from benchmark.contract.toy import toy
from benchmark.harness.network import build
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.patterns import Layer
from benchmark.training.run_state import RunState

PLAIN = Recipe(steps=12, batch_size=32, rate=0.1)


SGD = replace(PLAIN, momentum=0.9, nesterov=True, weight_decay=1e-2, milestones=(8,))


ADAM = replace(PLAIN, rate=0.01, optimizer="adam", weight_decay=1e-2, warmup=4)


ADAMW = replace(ADAM, optimizer="adamw", weight_decay=0.1, clip=0.5)


RECIPES = pytest.mark.parametrize("recipe", [PLAIN, SGD, ADAM, ADAMW], ids=["plain", "momentum", "adam", "adamw"])


def toy_run(
    recipe: Recipe = SGD,
    density: float = 0.3,
    seed: int = 0,
    task: Task = toy,
    model: str = "net",
    pattern: str = "global",
) -> Run:
    target = Target(density, pattern_named(pattern))
    splits, net = task.data(Path()), build(task, model, seed)
    return Run(RunState(task, net, recipe, target, splits.train, seed, validation=getattr(splits, "validation", None)))


def network(run: Run) -> dict[str, Tensor]:
    """A copy of every parameter and buffer, by other means than the run's own."""
    return {name: value.detach().clone() for name, value in run._state.model.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def smallest(run: Run, density: float = 0.3) -> Masks:
    """Masks that prune the smallest weights of every layer, so that the network stays alive."""
    return keep_top({name: weight.abs() for name, weight in run.weights.items()}, Target(density, Layer()))


def memory(run: Run) -> dict[str, list[Tensor]]:
    """What the optimizer remembers of every weight, entry by entry."""
    states = {name: run._state.engine._optimizer.state.get(weight, {}) for name, weight in run._state.weights.items()}
    return {
        name: [slot for slot in state.values() if slot is not None and slot.dim()] for name, state in states.items()
    }


def pruned_values(run: Run) -> Tensor:
    """Every pruned weight, and every entry of the optimizer's memory that belongs to one."""
    slots = memory(run)
    found = [t[~run.masks[name]] for name, weight in run.weights.items() for t in (weight, *slots[name])]
    return torch.cat(found)


@dataclass
class Camera:
    """An augmentation that changes nothing and remembers the batches and the random stream of every step."""

    batches: list[Tensor] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def __call__(self, batch: tuple[Tensor, Tensor], rng: torch.Generator) -> tuple[Tensor, Tensor]:
        self.batches.append(batch[0].clone())
        self.seeds.append(rng.initial_seed())
        return batch


def leaves(run: Run) -> dict[str, Tensor]:
    return {name: weight.requires_grad_() for name, weight in run.weights.items()}


def four_numbers(points: list[list[float]], batch_size: int = 1) -> Run:
    """W = [[1, 2], [3, 4]], loss = |W x|^2 / 2 averaged over the batch: its gradient is the mean of W x x^T."""

    def model() -> nn.Module:
        net = nn.Sequential(nn.Linear(2, 2, bias=False))
        net.load_state_dict({"0.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]])})
        return net

    task = replace(toy, models={"net": model}, loss=lambda net, batch: net(batch[0]).square().sum(dim=1).mean() / 2)
    data = TensorData(torch.tensor(points), torch.zeros(len(points)))
    recipe = Recipe(steps=3, batch_size=batch_size, rate=0.1)
    return Run(RunState(task, build(task, "net", 0), recipe, Target(0.5), data, 0))


def still() -> nn.Module:
    """Batch norm and no dropout."""
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
