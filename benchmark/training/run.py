"""`Run`, the object that an algorithm is given: its methods are the only access to the network and the data."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from benchmark.data.splits import Batch
from benchmark.pruning.masks import Masks
from benchmark.training.engine import CHECK_EVERY
from benchmark.training.look import Look
from benchmark.training.optimizers import Group
from benchmark.training.parts import StreamPart, freeze, parts
from benchmark.training.recipe import Recipe
from benchmark.training.run_state import RunState
from benchmark.training.step import Snapshot, Step


class Run(Look):
    """One network to prune, the target to prune it to, and the budget of steps to train it with.

    The methods fall into two groups: those of `Look` leave the network as it is, the others act on it: they train,
    prune or restore it, for example. During a pause of `steps`, `prune` can be called; the other methods that act raise
    RuntimeError.
    """

    def prune(self, masks: Masks) -> None:
        """Apply masks from now on. Pruned weights are zero and stay zero; weights that come back start at zero.

        Raises:
            ValueError: the masks do not have the names and shapes of this task's prunable tensors.
        """
        with self._state.tamper_check.verb("prune", in_pauses=True):
            self._state.prune(masks)

    def train(self, steps: int | None = None) -> None:
        """Train to the end of the recipe, or for `steps` updates; beyond the end, at the last learning rate.

        Raises:
            Diverged: the training loss was not finite.
        """
        with self._state.tamper_check.verb("train"):
            self._state.train(steps, self._state.tamper_check.mark)

    def steps(self, steps: int | None = None, *, at: Container[int] | None = None) -> Iterator[Step]:
        """Train like `train`, with a pause between the backward pass and the update of every step.

        Args:
            at: the steps to pause in, by their numbers on the schedule; None for all. The others run without a pause,
                as in `train`.

        Raises:
            Diverged: the training loss was not finite.
        """
        state = self._state
        with self._state.tamper_check.verb("steps"):
            end = state.engine.clock + state.steps_to_go(steps)
            while state.engine.clock < end:
                if at is not None:
                    clock = state.engine.clock
                    pause = next((number for number in range(clock, end) if number in at), end)
                    state.advance(pause - clock)
                    if pause == end:
                        break
                loss = state.engine.backward()
                step = Step(state.engine.clock, loss, state.gradients)
                with state.tamper_check.pause(thorough=step.index % CHECK_EVERY == 0):
                    yield step
                state.engine.set_gradients(step._grads)
                state.update(loss, skip=step._skipped, looked=bool(step._grads))
            state.engine.check()

    def snapshot(self) -> Snapshot:
        """Copies of every parameter and buffer, and the position on the schedule."""
        return self._state.snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot's parameters, buffers and clock, with a fresh optimizer. Pruned weights stay zero.

        Tensors that do not come from a snapshot of this run, such as the average of two, are restored too. The record
        names them, and the leaderboard marks the row, because its weights do not come from training alone.
        """
        with self._state.tamper_check.verb("restore"):
            self._state.restore(snapshot)

    def write(self, values: Mapping[str, Tensor]) -> None:
        """Set weights, other trained parameters or running statistics to values that the method has computed.

        Pruned weights stay zero. The optimizer state of these tensors is cleared; the clock does not change. The record
        says so, and controls that train again still start from where the last training started.

        Raises:
            ValueError: the network has no tensor of this name and shape, or a value is not finite.
        """
        with self._state.tamper_check.verb("write"):
            self._state.write(values)

    def rewind(self, clock: int) -> None:
        """Set the schedule and the data order to step `clock`, with a fresh optimizer. The weights do not change.

        Raises:
            ValueError: `clock` lies outside the schedule.
        """
        if not 0 <= clock <= self.recipe.steps:
            raise ValueError(f"clock must lie in [0, {self.recipe.steps}], got {clock}")
        with self._state.tamper_check.verb("rewind"):
            self._state.engine.rewind(clock)

    def reorder(self, name: str) -> None:
        """From here on, draw data order, augmentation and dropout from the random streams of this name.

        They remain pure functions of the seed: the same name always gives the same order. The clock and the weights do
        not change.
        """
        with self._state.tamper_check.verb("reorder"):
            self._state.reorder(name)

    @contextmanager
    def learning(
        self,
        scores: Mapping[str, Tensor],
        effective: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
        recipe: Recipe | None = None,
        groups: Mapping[str, Group] | None = None,
    ) -> Iterator[dict[str, Tensor]]:
        """Train scores instead of parameters, on a schedule of their own. The parameters are frozen meanwhile.

        Args:
            scores: the initial scores, by names of your choice; `Step.grads` has their gradients.
            effective: a differentiable function from the scores to the parameters that the network computes with.
                Parameters that it does not return keep their values.
            recipe: for training the scores; the run's own by default.
            groups: learning rates and weight decays for some of the scores, by name.

        Yields:
            The scores, as training changes them.

        Raises:
            ValueError: `groups` has a name that no score has, or `effective` returns one that no parameter has (raised
                at the first update).
        """
        self._state.tamper_check.not_paused("learning")
        learned = {name: score.detach().clone().requires_grad_() for name, score in scores.items()}
        with self._state.learning(learned, effective, recipe or self.recipe, groups or {}):
            yield learned

    def parts(self) -> Iterator[StreamPart]:
        """Go through the parts of a stream. In each of them, the run has the data of that part alone.

        A part begins at step 0 of `run.recipe`, which is then the part's share of the whole recipe, with a fresh
        optimizer and the network as the previous part left it. At the end of the run, the network as it was after each
        part is tested on that part and all earlier ones (`StreamPart.uses`).

        Raises:
            Inapplicable: the task is not a stream.
            RuntimeError: the run has already trained or scored. A stream can be gone through once only.
        """
        self._state.tamper_check.not_paused("parts")
        return parts(self._state)

    def freeze(self, masks: Masks) -> None:
        """From here on, these weights never change, nor biases of units that have any, nor the heads of earlier parts.

        Updates leave them as they are, momentum and weight decay included, and so do `restore` and `write`.

        Raises:
            Inapplicable: the task is not a stream, or the network has other tensors that would still change: those of
                batch norm, for example.
            ValueError: the masks do not have the names and shapes of this task's prunable tensors.
        """
        with self._state.tamper_check.verb("freeze"):
            freeze(self._state, masks)

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Apply `edit` to every training graph. At the end the harness applies it to the other splits.

        Args:
            edit: returns a `torch_geometric.data.Data` of the same nodes. If it has `edge_weight`, float [e], networks
                use these weights in message passing; a GCN adds self-loops of weight 1.

        Raises:
            TypeError: the data are not graphs.
            ValueError: the edit returns no such graph, or edge weights are not positive, finite, and equal in both
                directions.
            Inapplicable: the network does not use edge weights.
        """
        with self._state.tamper_check.verb("rewrite"):
            self._state.rewrite(edit)

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """Apply `change` to every training batch from here on, after the recipe's own augmentation.

        Batches for scoring and those of the other splits are not changed. `change` must draw its random numbers from
        the generator that it is given.
        """
        with self._state.tamper_check.verb("augment"):
            self._state.augment(change)


def state_of(run: Run) -> RunState:
    """The state behind a run. For the harness; an algorithm must not use it."""
    return run._state
