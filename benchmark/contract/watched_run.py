"""Observes a run for the contract: whether scoring changes anything, and whether the test split can be reached."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmark.data.splits import Batch
from benchmark.training.objective import Norms
from benchmark.training.run import Run
from benchmark.training.state import fingerprint
from benchmark.training.step import Part
from benchmark.training.tamper_check import TamperCheck

Result = TypeVar("Result")

Tensors = Mapping[str, Tensor]


class WatchedRun(Run):
    """A run that notes in `traces` when scoring changes the network, and when a global generator is drawn from.

    Draws within a verb, a method that trains or changes the network, are allowed.
    """

    def begin(self) -> None:
        """Start watching the global generators."""
        self.traces: list[str] = []
        self._state.tamper_check = WatchedTamperCheck(self._state.model, self.traces)

    def batches(self, count: int) -> list[Batch]:
        return self._looking("batches()", lambda: super(WatchedRun, self).batches(count))

    def gradients(self, count: int = 1, *, norms: Norms = "batch") -> dict[str, Tensor]:
        return self._looking("gradients()", lambda: super(WatchedRun, self).gradients(count, norms=norms))

    def balanced(self, per_class: int, most: int | None = None) -> list[Part]:
        return self._looking("balanced()", lambda: super(WatchedRun, self).balanced(per_class, most))

    def loss(self, batch: Batch | Part, weights: Tensors | None = None, **settings: Any) -> Tensor:
        loss = super().loss
        return self._looking("loss()", lambda: loss(batch, weights, **settings))

    def flow(self, weights: Tensors) -> Tensor:
        return self._looking("flow()", lambda: super(WatchedRun, self).flow(weights))

    def outputs(self, batch: Batch, weights: Tensors | None = None, **settings: Any) -> Tensor:
        outputs = super().outputs
        return self._looking("outputs()", lambda: outputs(batch, weights, **settings))

    def statistics(
        self, batches: Sequence[Batch], weights: Tensors | None = None, **settings: Any
    ) -> dict[str, Tensor]:
        statistics = super().statistics
        return self._looking("statistics()", lambda: statistics(batches, weights, **settings))

    def moments(self, count: int = 1, *, order: int | Sequence[int] = 2) -> dict[str, Tensor]:
        return self._looking("moments()", lambda: super(WatchedRun, self).moments(count, order=order))

    def inputs(self, count: int = 1) -> Iterator[dict[str, tuple[Tensor, ...]]]:
        inputs = super().inputs(count)
        while (one := self._looking("inputs()", lambda: next(inputs, None))) is not None:
            yield one

    def gram(self, count: int = 1, names: Collection[str] | None = None) -> dict[str, Tensor]:
        return self._looking("gram()", lambda: super(WatchedRun, self).gram(count, names))

    def example_gradients(self, count: int, size: int = 1) -> Iterator[dict[str, Tensor]]:
        gradients = super().example_gradients(count, size)
        while (one := self._looking("example_gradients()", lambda: next(gradients, None))) is not None:
            yield one

    def evaluate(
        self, split: Literal["validation", "train"] = "validation", *, whole: bool = False
    ) -> dict[str, float]:
        return self._looking("evaluate()", lambda: super(WatchedRun, self).evaluate(split, whole=whole))

    def bits(self) -> str:
        """A digest of the network's parameters and buffers."""
        return fingerprint(self._state.model)

    def finish(self) -> None:
        """Check the network after the algorithm has returned. Raises Breach if it was changed outside the run."""
        self._state.finish()

    def everything(self) -> str:
        """The digest, the gradients and the mode of the network."""
        gradients = [None if p.grad is None else p.grad.tolist() for p in self._state.model.parameters()]
        return f"{self.bits()} {gradients} {self._state.model.training}"

    def _looking(self, method: str, look: Callable[[], Result]) -> Result:
        before = self.everything(), generators()
        result = look()
        if (self.everything(), generators()) != before:
            self.traces.append(f"{method} left a trace on the network or on a global generator")
        return result


class WatchedTamperCheck(TamperCheck):
    """A tamper check that also notes in `traces` when a global generator was drawn from outside a verb."""

    def __init__(self, model: nn.Module, traces: list[str]) -> None:
        super().__init__(model)
        self._traces, self._generators = traces, generators()

    @contextmanager
    def verb(self, name: str, *, in_pauses: bool = False) -> Iterator[None]:
        with super().verb(name, in_pauses=in_pauses):
            yield
        self._generators = generators()

    @contextmanager
    def pause(self, *, thorough: bool) -> Iterator[None]:
        self._generators = generators()
        with super().pause(thorough=thorough):
            yield
            self._not_drawn("in a pause of steps()")

    def untouched(self, when: str) -> None:
        self._not_drawn(when)
        super().untouched(when)

    def _not_drawn(self, when: str) -> None:
        if generators() != self._generators:
            self._traces.append(f"a global generator was drawn from, {when}; draw from run.rng")


def generators() -> tuple[object, ...]:
    """The states of the global generators of torch, Python and numpy, to be compared."""
    state = np.random.get_state(legacy=False)
    inner = {
        name: value.tobytes() if isinstance(value, np.ndarray) else value for name, value in state.pop("state").items()
    }
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), state, inner


def reaches(start: object, goal: int, depth: int = 12) -> bool:
    """Whether a chain of at most `depth` references leads from `start` to the object whose `id` is `goal`.

    References in modules, in classes and in the globals of functions do not count.
    """
    visited, frontier = {id(start)}, [start]
    for _ in range(depth):
        reached = [inner for outer in frontier for inner in _referents(outer) if id(inner) not in visited]
        visited |= {id(inner) for inner in reached}
        if goal in visited:
            return True
        frontier = list({id(inner): inner for inner in reached}.values())
    return False


def _referents(outer: object) -> list[object]:
    if isinstance(outer, ModuleType | type):
        return []
    if isinstance(outer, FunctionType):
        return [cell.cell_contents for cell in outer.__closure__ or ()]
    return gc.get_referents(outer)
