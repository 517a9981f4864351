"""A run that writes down what a method did to it, and when. Not a test; several test files read in it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmark import Masks, Recipe, Run, Step, Target, Task
from benchmark.contract.toy import toy
from benchmark.data.splits import Batch
from benchmark.harness.network import build
from benchmark.plugins.algorithm import Algorithm
from benchmark.pruning.pattern_names import pattern_named
from benchmark.training.channel_tracing import trace
from benchmark.training.run_state import RunState

RECIPE = Recipe(steps=12, batch_size=32, rate=0.1, momentum=0.9, weight_decay=1e-2)
SIZES = {"0.weight": 96, "4.weight": 256, "6.weight": 32}
"""The prunable tensors of `smooth`: 384 weights."""

Tensors = Mapping[str, Tensor]


def _net() -> nn.Module:
    first = [nn.Linear(6, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.1)]
    return nn.Sequential(*first, nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2))


smooth = replace(toy, models={"net": _net})
"""The toy with a network in which no unit dies, so that gradients and scores are nowhere 0."""


@dataclass(frozen=True)
class Change:
    """One call of `prune`: the step it fell on, and the masks, weights and optimizer memory on both sides of it."""

    step: int
    before: Masks
    after: Masks
    weights: Tensors
    weights_after: Tensors
    memory: Tensors
    memory_after: Tensors
    gradients: Tensors


@dataclass
class Pause:
    """One pause of `steps()`: as it began, and what the method did in it."""

    index: int
    loss: float
    weights: Tensors
    gradients: Tensors
    edited: Tensors = field(default_factory=dict)
    looked: bool = False
    skipped: bool = False


class Notebook(Run):
    """A run of `smooth`, or of another task, with every change of the masks and every pause written down."""

    def __init__(
        self,
        density: float = 0.2,
        pattern: str = "global",
        recipe: Recipe = RECIPE,
        seed: int = 0,
        task: Task = smooth,
        memory: torch.memory_format | None = None,
    ) -> None:
        self.changes: list[Change] = []
        self.pauses: list[Pause] = []
        self.trainings: list[Tensors] = []
        self.scores: list[dict[str, Tensor]] = []
        network, data = build(task, "net", seed), task.data(Path()).train
        if memory is not None:
            network = network.to(memory_format=memory)
        allowed = trace(network, task, data.batch(torch.arange(2))) if pattern == "channels" else pattern_named(pattern)
        super().__init__(RunState(task, network, recipe, Target(density, allowed), data, seed))

    def prune(self, masks: Masks) -> None:
        step, before, weights, memory = self.clock, self.masks, self.weights, self.memory
        gradients = self._live_gradients() if self._state.tamper_check.paused else {}
        super().prune(masks)
        self.changes.append(
            Change(step, before, self.masks, weights, self.weights, memory, self.memory, gradients),
        )

    def steps(self, steps: int | None = None, *, at: Container[int] | None = None) -> Iterator[Step]:
        """Every step is written down; those of `at` are the method's."""
        for step in super().steps(steps):
            pause = Pause(step.index, float(step.loss), self.weights, self._live_gradients())
            self.pauses.append(pause)
            if at is None or step.index in at:
                yield step
            pause.edited, pause.looked, pause.skipped = self._live_gradients(), bool(step._grads), step._skipped

    def train(self, steps: int | None = None) -> None:
        """Weights are trained as ever; scores step by step, which is the same, so that the pauses can be read."""
        if self._state.engine is self._state.weight_engine:
            self.trainings.append(self.weights)
            return super().train(steps)
        for _ in self.steps(steps):
            pass
        return None

    @contextmanager
    def learning(
        self, scores: Tensors, effective: Callable[[Tensors], Tensors], recipe: Recipe | None = None
    ) -> Iterator[dict[str, Tensor]]:
        with super().learning(scores, effective, recipe) as learned:
            self.learned = learned
            yield learned

    @property
    def memory(self) -> dict[str, Tensor]:
        """What the optimizer remembers of every weight: [slots, *shape]; one slot of zeros before it has a memory."""
        states = {name: self._state.engine._optimizer.state.get(w, {}) for name, w in self._state.weights.items()}
        slots = {n: [slot for slot in state.values() if slot is not None and slot.dim()] for n, state in states.items()}
        return {n: torch.stack(slots[n]) if slots[n] else torch.zeros(1, *w.shape) for n, w in self.weights.items()}

    def _live_gradients(self) -> dict[str, Tensor]:
        return {
            name: p.grad.clone()
            for name, p in self._state.engine.parameters.items()
            if name in self._state.prunable and p.grad is not None
        }


def after(algorithm: Algorithm, density: float = 0.2, pattern: str = "global", **options: object) -> Notebook:
    """The notebook of an algorithm on `smooth`."""
    return written(algorithm, Notebook(density, pattern), **options)


def written(algorithm: Algorithm, run: Notebook, **options: object) -> Notebook:
    """The notebook, after the algorithm has returned and left nothing behind."""
    algorithm(run, **options)
    run._state.finish()
    return run


def same(left: Tensors, right: Tensors) -> bool:
    """Equal bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def state(run: Run) -> dict[str, Tensor]:
    """Every parameter and buffer."""
    return {name: value.clone() for name, value in run._state.model.state_dict().items()}


class Watching(Notebook):
    """Keeps the scores at every pause."""

    def steps(self, steps: int | None = None, *, at: Container[int] | None = None) -> Iterator[Step]:
        for step in super().steps(steps, at=at):
            self.scores.append({name: score.detach().clone() for name, score in self.learned.items()})
            yield step


def spying(task: Task, seen: list[dict[str, Tensor]]) -> Task:
    """The task, whose loss notes the weights that the network computes with."""

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        seen.append({name: p.detach().clone() for name, p in model.named_parameters() if name in SIZES})
        return task.loss(model, batch)

    return replace(task, loss=loss)
