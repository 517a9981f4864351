"""Training steps of a perceptron that compute with its kept weights alone, on the CPU: what is pruned costs nothing.

`benchmark.training.sparse_training` decides when they are made. Their sums have another order than those of torch, and
so other last bits. A batch that does not consist of inputs and classes of the network is trained in plain code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.training.engine import Engine
from benchmark.training.update_hooks import call_update_hooks

AGREES = 1e-4
"""How far the loss and the gradients of a step may lie from those of plain code, as a share of the largest."""

Vector = NDArray[np.float32]
Classes = NDArray[np.int64]


class SparseSteps:
    """A perceptron as one list of units, of which only kept weights exist (`benchmark.training.sparse_kernels`).

    Args:
        layers: of the perceptron, by name.
        engine: trains it. Within this context, weights and the optimizer's memory are here.
        masks: of weights, by the names of parameters; those of others are all kept.
    """

    def __init__(self, layers: Mapping[str, nn.Linear], engine: Engine, masks: Mapping[str, Tensor]) -> None:
        from benchmark.training import sparse_kernels

        self._kernels, self._engine, self._masks = sparse_kernels, engine, masks
        sizes = [layer.in_features for layer in layers.values()]
        self._inputs, self._outputs = sizes[0], [*layers.values()][-1].out_features
        self._places: list[tuple[Tensor, Tensor]] = []
        counts, columns = [np.zeros(1, np.int64)], []
        for first, (name, layer) in zip(np.cumsum([0, *sizes]), layers.items(), strict=False):
            mask = masks.get(f"{name}.weight", torch.ones_like(layer.weight, dtype=torch.bool))
            rows, inputs = mask.nonzero(as_tuple=True)
            self._places.append((layer.weight, mask.flatten().nonzero().squeeze(1)))
            counts.append(np.bincount(rows.numpy(), minlength=layer.out_features))
            columns.append((inputs + int(first)).to(torch.int32).numpy())
        self._starts, self._columns = np.concatenate(counts).cumsum(), np.concatenate(columns)
        self._places += [(layer.bias, torch.arange(layer.out_features)) for layer in layers.values()]
        units, count = len(self._starts) - 1, sum(len(places) for _, places in self._places)
        self._values, self._gradients, self._nothing = (np.zeros(count, np.float32) for _ in range(3))
        self._units = np.zeros((self._inputs + units, engine.batches.size), np.float32)
        self._slopes = np.zeros((units, engine.batches.size), np.float32)
        self._memory: dict[str, Vector] = {}
        self._updates: list[int] = []

    def fit(self, masks: Mapping[str, Tensor]) -> bool:
        """Whether they are those of these masks, and of batches of the size that the engine has now."""
        return self._masks is masks and self._units.shape[1] == self._engine.batches.size

    def agrees(self, loss: Tensor) -> bool:
        """Whether this step's loss and gradients are those of plain code, which has just computed them.

        Args:
            loss: of plain code, which has left its gradients in `.grad`.
        """
        self.begin()
        if (found := self._passes()) is None:
            return False
        plain = self._gathered(_gradient)
        near = abs(found - float(loss)) <= AGREES * max(1.0, abs(float(loss)))
        return near and bool(np.abs(self._gradients - plain).max() <= AGREES * max(0.01, np.abs(plain).max()))

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def begin(self) -> None:
        """Take weights, and the optimizer's memory, from the engine."""
        self._values = self._gathered(Tensor.detach)
        self._memory = {slot: self._gathered(partial(self._remembered, slot)) for slot in self._slots}
        self._updates = [int(self._engine.memory(parameter).get("step", 0)) for parameter, _ in self._places]

    def step(self) -> Tensor:
        """Make a training step. Returns the loss of its batch."""
        if (found := self._passes()) is None:
            return self._plain()
        loss, recipe, rate = torch.tensor(found), self._engine.recipe, self._engine.rate
        if recipe.optimizer == "sgd":
            momenta = self._memory.get("momentum_buffer", self._nothing)
            factors = np.array([rate, recipe.momentum, recipe.weight_decay], np.float32)
            self._kernels.sgd(self._values, self._gradients, momenta, factors, recipe.nesterov)
        else:
            factors = np.array([rate, recipe.weight_decay], np.float64)
            self._updates = [updates + 1 for updates in self._updates]
            for update, stretch in self._stretches():
                slots = self._values, self._gradients, self._memory["exp_avg"], self._memory["exp_avg_sq"]
                several = [slot[stretch] for slot in slots]
                self._kernels.adam(*several, factors, recipe.optimizer == "adamw", update)
        self._engine.updated(loss)
        call_update_hooks()
        return loss

    def end(self) -> None:
        """Give the engine what `begin` has taken, as steps have left it. Further ones may follow."""
        self._scatter(self._values, Tensor.detach)
        for slot, values in self._memory.items():
            self._scatter(values, partial(self._remembered, slot))
        if self._engine.recipe.optimizer != "sgd":
            for (parameter, _), updates in zip(self._places, self._updates, strict=True):
                self._engine.memory(parameter)["step"] = torch.tensor(float(updates))

    def _stretches(self) -> Iterator[tuple[int, slice]]:
        """The places in `_values` of parameters in a row that have had the same number of updates, with that number.

        Parameters that were written begin anew (`Engine.forget`).
        """
        sizes, begin = iter([len(places) for _, places in self._places]), 0
        for updates, several in groupby(self._updates):
            end = begin + sum(next(sizes) for _ in several)
            yield updates, slice(begin, end)
            begin = end

    @property
    def _slots(self) -> Sequence[str]:
        """What the optimizer remembers of each weight, by torch's names."""
        recipe = self._engine.recipe
        if recipe.optimizer != "sgd":
            return "exp_avg", "exp_avg_sq"
        return ("momentum_buffer",) if recipe.momentum else ()

    def _remembered(self, slot: str, parameter: Tensor) -> Tensor:
        """The tensor of a slot; zeros, which are the engine's from then on, if there was none."""
        memory: dict[str, Tensor] = self._engine.memory(parameter)
        return memory.setdefault(slot, torch.zeros_like(parameter).detach())

    def _plain(self) -> Tensor:
        """Make a step in plain code. Returns the loss of its batch."""
        self.end()
        loss = self._engine.backward()
        self._engine.update()
        self.begin()
        return loss

    def _batch(self) -> tuple[Vector, Classes] | None:
        """This step's inputs [b, inputs], and labels [b]; None if its batch is anything else."""
        parts = self._engine.batch()
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            return None
        images, labels = parts
        if not isinstance(images, Tensor) or not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            return None
        if images.dim() < 2 or images.is_complex():
            return None
        inputs, classes = images.flatten(1).numpy(), np.ascontiguousarray(labels.numpy())
        count = self._units.shape[1]
        if inputs.shape != (count, self._inputs) or classes.shape != (count,):
            return None
        return inputs, classes

    def _passes(self) -> float | None:
        """Forward and backward through this step's batch; the gradients are in `_gradients`.

        Returns:
            The loss; None if the batch does not consist of inputs and classes of this network.
        """
        if (batch := self._batch()) is None:
            return None
        inputs, classes = batch
        np.copyto(self._units[: self._inputs], inputs.T)
        network = self._starts, self._columns, self._values
        self._kernels.forward(*network, self._outputs, self._units)
        loss = self._kernels.cross_entropy(self._units, classes, self._outputs, self._slopes)
        if loss == self._kernels.NO_CLASS:
            return None
        self._kernels.backward(*network, self._outputs, self._units, self._slopes, self._gradients)
        return float(loss)

    def _gathered(self, of: Callable[[Tensor], Tensor]) -> Vector:
        """The values of kept weights, and of biases, in a tensor of each parameter's shape."""
        return torch.cat([of(parameter).flatten()[places] for parameter, places in self._places]).numpy()

    def _scatter(self, values: Vector, of: Callable[[Tensor], Tensor]) -> None:
        """The inverse of `_gathered`."""
        parts = torch.split(torch.from_numpy(values), [len(places) for _, places in self._places])
        for (parameter, places), part in zip(self._places, parts, strict=True):
            of(parameter).view(-1)[places] = part


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
