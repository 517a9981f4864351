"""`Look`: what an algorithm can see of its run. Looking leaves the network as it is."""

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
        """Whether the network is already trained for this task (`bench run --start`): methods skip a first training."""
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
        """The algorithm's own random generator, on the CPU, so that it gives the same numbers on every device."""
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
            weights: parameters to use in place of the model's own, by name; all others are the model's.
            temperature: the model's outputs are divided by it.
            norms: whether norm layers use the statistics of the `batch`, as in training, or their `running` statistics.
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

        A single output tensor is returned as it is; several are flattened and concatenated.

        Args:
            weights: parameters and buffers to use in place of the model's own, by name.
            norms: whether norm layers use their `running` statistics, or those of the `batch`.
            noise: the seed of standard normal numbers that replace the floating-point inputs; None for the inputs.
        """
        return self._state.scoring.outputs(batch, weights or {}, norms, noise)

    def statistics(
        self,
        batches: Sequence[Batch],
        weights: Mapping[str, Tensor] | None = None,
        *,
        noise: int | None = None,
    ) -> dict[str, Tensor]:
        """The running statistics that norm layers would have after these batches alone, by buffer name.

        They can be passed to `outputs`, `loss` and `write`. Empty for a network without such layers.
        """
        return self._state.scoring.statistics(list(batches), weights or {}, noise)

    def example_gradients(self, count: int, size: int = 1) -> Iterator[dict[str, Tensor]]:
        """The gradient of the mean loss of each of `count` groups of training examples, for every prunable tensor.

        They are computed in eval mode: with the running statistics of norm layers and without dropout. Examples come
        in an epoch order of their own, separate from those of training and of `batches`. A single graph is one example,
        whose gradient is returned once.

        Args:
            size: the number of examples in a group.
        """
        return self._state.scoring.each(self.weights, count, size)

    def evaluate(
        self, split: Literal["validation", "train"] = "validation", *, whole: bool = False
    ) -> dict[str, float]:
        """The task's metrics for the network as it is now, in eval mode. The test split is not available.

        Args:
            split: `train` means the first training examples in stored order, as many as `validation` has.
            whole: use all examples of `train`.
        """
        return self._state.evaluate(split, whole)

    def note(self, name: str, value: object) -> None:
        """Keep a value for readers of the record, in its field `noted`. It is not used for ranking.

        Args:
            value: numbers, text, or lists and dictionaries of these, as JSON allows; at most 64 KiB over all notes.

        Raises:
            ValueError: the value is not JSON, has a number that is not finite, or is too long.
        """
        self._state.log.note(name, value)

    def found(self, key: str) -> Masks:
        """The masks of another record, whose key is the value of an option of type `Key` of the algorithm.

        Raises:
            Inapplicable: the masks are not for the prunable tensors of this network.
            ValueError: no option names the record.
        """
        return self._state.found(key)

    def redraw(self, name: str = "redraw") -> Snapshot:
        """A snapshot of the network with a new random initialisation, at the start of the schedule.

        Args:
            name: the name of the random stream that the initial weights are drawn from.

        Raises:
            RuntimeError: the run has no function that draws another network.
        """
        return self._state.redraw(name)
