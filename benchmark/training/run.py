"""`Run`, the object that an algorithm is given: its methods are the only access to the network and the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch, Data
from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Target
from benchmark.training.engine import CHECK_EVERY
from benchmark.training.objective import Norms
from benchmark.training.recipe import Recipe
from benchmark.training.run_state import RunState
from benchmark.training.step import Part, Snapshot, Step
from benchmark.training.task import Task


class Run:
    """One network to prune, the target to prune it to, and the budget of steps to train it with.

    The methods are in two groups: those that look leave the network as it is, those that act train, prune or restore
    it. In a pause of `steps`, `prune` can be called; the other methods that act raise RuntimeError.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

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

    def redraw(self, name: str = "redraw") -> Snapshot:
        """A snapshot of the network with newly drawn initial weights, at the start of the schedule.

        Args:
            name: of the random stream that the weights are drawn from.

        Raises:
            RuntimeError: the run has no function that draws another network.
        """
        return self._state.redraw(name)

    def prune(self, masks: Masks) -> None:
        """Apply masks from now on. Pruned weights are zero and stay zero; weights that come back start at zero.

        Raises:
            ValueError: the masks do not have the names and shapes of this task's prunable tensors.
        """
        with self._state.tamper_check.verb("prune", in_pauses=True):
            self._state.prune(masks)

    def train(self, steps: int | None = None) -> None:
        """Train to the end of the recipe, or `steps` updates; after the end, at the last learning rate.

        Raises:
            Diverged: the training loss was not finite.
        """
        with self._state.tamper_check.verb("train"):
            self._state.train(steps)

    def steps(self, steps: int | None = None) -> Iterator[Step]:
        """Train like `train`, with a pause between the backward pass and the update of every step.

        Raises:
            Diverged: the training loss was not finite.
        """
        state = self._state
        with self._state.tamper_check.verb("steps"):
            for _ in range(state.steps_to_go(steps)):
                loss = state.engine.backward()
                step = Step(state.engine.clock, loss, state.gradients)
                with state.tamper_check.pause(thorough=step.index % CHECK_EVERY == 0):
                    yield step
                state.engine.set_gradients(step._grads)
                state.update(skip=step._skipped, looked=bool(step._grads))
            state.engine.check()

    def snapshot(self) -> Snapshot:
        """Copies of every parameter and buffer, and the position on the schedule."""
        return self._state.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot's parameters, buffers and clock, with a fresh optimizer. Pruned weights stay zero.

        Tensors that are not those of a snapshot of this run, such as an average of two, are restored too. The record
        names them, and the leaderboard marks the row: its weights were not made by training alone.
        """
        with self._state.tamper_check.verb("restore"):
            self._state.restore(snapshot)

    def rewind(self, clock: int) -> None:
        """Set the schedule and the data order to step `clock`, with a fresh optimizer. The weights do not change.

        Raises:
            ValueError: `clock` lies outside the schedule.
        """
        if not 0 <= clock <= self.recipe.steps:
            raise ValueError(f"clock must lie in [0, {self.recipe.steps}], got {clock}")
        with self._state.tamper_check.verb("rewind"):
            self._state.engine.rewind(clock)

    @contextmanager
    def learning(
        self,
        scores: Mapping[str, Tensor],
        effective: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
        recipe: Recipe | None = None,
    ) -> Iterator[dict[str, Tensor]]:
        """Train scores instead of parameters, on a schedule of their own. The parameters are frozen meanwhile.

        Args:
            scores: the initial scores, under any names; `Step.grads` has the gradients of those that are named like
                prunable tensors.
            effective: a differentiable function from the scores to the parameters that the network computes with.
                Parameters that it does not return keep their values.
            recipe: for training the scores; the run's own by default.

        Yields:
            The scores, as training changes them.

        Raises:
            ValueError: `effective` returns a name that is not a parameter (at the first update).
        """
        self._state.tamper_check.not_paused("learning")
        learned = {name: score.detach().clone().requires_grad_() for name, score in scores.items()}
        with self._state.learning(learned, effective, recipe or self.recipe):
            yield learned

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Apply `edit` to every training graph. At the end the harness applies it to the other splits.

        Raises:
            TypeError: the data are not graphs.
        """
        with self._state.tamper_check.verb("rewrite"):
            self._state.rewrite(edit)

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """Apply `change` to every training batch from here on, after the recipe's own augmentation.

        Batches for scoring and those of the other splits are not changed. Random numbers in `change` must come from the
        generator that it is given.
        """
        with self._state.tamper_check.verb("augment"):
            self._state.augment(change)


def state_of(run: Run) -> RunState:
    """The state behind a run. For the harness; an algorithm must not use it."""
    return run._state
