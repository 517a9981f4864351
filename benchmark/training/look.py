"""`Look`: what a run shows to an algorithm. Looking leaves the network as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Target
from benchmark.training.look_at_layers import LookAtLayers
from benchmark.training.objective import Norms
from benchmark.training.recipe import Recipe
from benchmark.training.step import Part, Snapshot
from benchmark.training.task import Task


class Look(LookAtLayers):
    """The methods of a `Run` that look at its network and its data."""

    @property
    def task(self) -> Task:
        """The task that the network is trained for."""
        return self._state.task

    @property
    def recipe(self) -> Recipe:
        """How the network is trained; one training is `recipe.steps` updates."""
        return self._state.recipe

    @property
    def target(self) -> Target:
        """The density to prune to, and the pattern to keep."""
        return self._state.target

    @property
    def trained(self) -> bool:
        """Whether the network came trained for this task (`bench run --start`): a first training is then left out."""
        return self._state.trained

    @property
    def data(self) -> Data:
        """The training data, with the edits made so far."""
        return self._state.data

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the prunable tensors, by name, in the model's order. Changing them does not change the network.

        Raises:
            Diverged: the training loss was not finite.
        """
        self._state.engine.check()
        return {name: weight.detach().clone() for name, weight in self._state.weights.items()}

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Copies of all trained parameters, by name: prunable tensors, biases, norms.

        Raises:
            Diverged: the training loss was not finite.
        """
        self._state.engine.check()
        parameters, trainable = self._state.weight_engine.parameters, self._state.trainable
        return {name: value.detach().clone() for name, value in parameters.items() if name in trainable}

    @property
    def masks(self) -> Masks:
        """The masks of the last `prune`; before the first one, masks that keep every weight."""
        return self._state.masks

    @property
    def rng(self) -> torch.Generator:
        """The algorithm's own random stream, on the CPU: draw there, so that every device gets the same numbers."""
        return self._state.rng

    @property
    def clock(self) -> int:
        """The position on the schedule, in updates since its start. Training, `restore` and `rewind` change it."""
        return self._state.engine.clock

    def batches(self, count: int) -> list[Batch]:
        """The next `count` training batches for scoring. Their order is separate from that of training."""
        return self._state.scoring.batches(count)

    def balanced(self, per_class: int, most: int | None = None) -> list[Part]:
        """Training examples for scoring, `per_class` of every class; a plain batch if the data have no classes.

        Every part has the same share of every class, because batch norm computes its statistics within a part.

        Args:
            most: the largest number of examples in a part; None for a single part.
        """
        return self._state.scoring.balanced(per_class, most)

    def loss(
        self,
        batch: Batch | Part,
        weights: Mapping[str, Tensor] | None = None,
        *,
        temperature: float = 1.0,
        norms: Norms = "batch",
    ) -> Tensor:
        """The training loss of a batch, differentiable in `weights`.

        The gradient is 0 for weights that the loss does not depend on, and for those of frozen layers.
        For a part of `balanced` it is weighted, so that the sum over all parts is the mean over all examples.
        Parameters, buffers, gradients, random state and mode of the network do not change.

        Args:
            weights: parameters to use in place of the model's own, by name; others are the model's.
            temperature: the model's outputs are divided by it.
            norms: norm layers normalise by the statistics of the `batch`, as in training, or by their `running` ones.
        """
        return self._state.scoring.loss(batch, weights or {}, temperature, norms)

    def flow(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The sum of the network's outputs for an input of ones, differentiable in `weights`.

        It is computed in eval mode and in the floating-point type of `weights`. All other parameters and buffers are
        replaced by their absolute values (Tanaka et al., 2020). No data are used.
        """
        return self._state.scoring.flow(weights)

    def gradients(self, count: int = 1, *, norms: Norms = "batch") -> dict[str, Tensor]:
        """The dense gradient of the mean `loss` over the next `count` scoring batches, for every prunable tensor."""
        return self._state.scoring.gradients(self.weights, count, norms)

    def outputs(
        self,
        batch: Batch,
        weights: Mapping[str, Tensor] | None = None,
        *,
        norms: Norms = "running",
        noise: int | None = None,
    ) -> Tensor:
        """The network's outputs for a batch, without dropout, differentiable in `weights`.

        They are one tensor as the network returns it; if it returns several, these are flat and joined.

        Args:
            weights: parameters and buffers to use in place of the model's own, by name.
            norms: norm layers normalise by their `running` statistics, or by those of the `batch`.
            noise: the seed of standard normal numbers that replace the floating-point inputs.
        """
        return self._state.scoring.outputs(batch, weights or {}, norms, noise)

    def statistics(
        self,
        batches: Sequence[Batch],
        weights: Mapping[str, Tensor] | None = None,
        *,
        noise: int | None = None,
    ) -> dict[str, Tensor]:
        """The running statistics that norm layers would have after these batches alone, by the name of the buffer.

        `outputs`, `loss` and `write` take them. Empty for a network without such layers.
        """
        return self._state.scoring.statistics(list(batches), weights or {}, noise)

    def example_gradients(self, count: int, size: int = 1) -> Iterator[dict[str, Tensor]]:
        """The gradient of the mean loss of each of `count` groups of training examples, for every prunable tensor.

        In eval mode: norm layers by their running statistics, no dropout. The order is that of epochs, separate from
        those of training and of `batches`. A single graph is one example, whose gradient comes once.

        Args:
            size: examples in a group.
        """
        return self._state.scoring.each(self.weights, count, size)

    def evaluate(
        self, split: Literal["validation", "train"] = "validation", *, whole: bool = False
    ) -> dict[str, float]:
        """The task's metrics of the network as it stands, in eval mode. The test split cannot be had.

        Args:
            split: of `train`, the first examples in stored order, as many as `validation` has.
            whole: all examples of `train`.
        """
        return self._state.evaluate(split, whole)

    def note(self, name: str, value: object) -> None:
        """Keep a value for readers of the record, in its field `noted`. Nothing is ranked by it.

        Args:
            value: numbers, text, lists and dictionaries of these, as JSON has them; at most 64 KiB in all notes.

        Raises:
            ValueError: it is no JSON, has a number that is not finite, or is too long.
        """
        self._state.log.note(name, value)

    def found(self, key: str) -> Masks:
        """The masks of another record, which an option of the algorithm of type `Key` names.

        Raises:
            Inapplicable: they are not of the prunable tensors of this network.
            ValueError: no option names the record.
        """
        return self._state.found(key)

    def redraw(self, name: str = "redraw") -> Snapshot:
        """A snapshot of the network with newly drawn initial weights, at the start of the schedule.

        Args:
            name: of the random stream that the weights are drawn from.

        Raises:
            RuntimeError: the run has no function that draws another network.
        """
        return self._state.redraw(name)
