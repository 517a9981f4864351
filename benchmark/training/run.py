"""Run: what an algorithm is handed, and the verbs that are its only road to the network and the data."""

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
from benchmark.training.recipe import Recipe
from benchmark.training.run_state import RunState
from benchmark.training.state import tensors
from benchmark.training.step import Part, Snapshot, Step
from benchmark.training.task import Task


class Run:
    """One network, one target, one budget of steps. See the verbs: look, then act.

    Those that train or move the network raise RuntimeError in a pause of `steps`; `prune` is what a pause is for.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state

    # --- look ---------------------------------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """What the network is trained for."""
        return self._state.task

    @property
    def recipe(self) -> Recipe:
        """How it is trained; one training is `recipe.steps` updates."""
        return self._state.recipe

    @property
    def target(self) -> Target:
        """What is asked: a density and a pattern."""
        return self._state.target

    @property
    def data(self) -> Data:
        """The training data as they stand, edits included."""
        return self._state.data

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the prunable tensors, by name, in the model's order. Change the real ones through verbs.

        Raises:
            Diverged: training has left them without meaning.
        """
        self._state.engine.check()
        return {name: weight.detach().clone() for name, weight in self._state.weights.items()}

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Copies of all that is trained, by name: prunable tensors, biases, norms.

        Raises:
            Diverged: training has left them without meaning.
        """
        self._state.engine.check()
        named, trained = self._state.weight_engine.parameters, self._state.trainable
        return {name: value.detach().clone() for name, value in named.items() if name in trained}

    @property
    def masks(self) -> Masks:
        """What is kept now; everything before the first `prune`."""
        return self._state.masks

    @property
    def rng(self) -> torch.Generator:
        """The algorithm's own random stream, on the CPU: draw there and move, so that devices agree."""
        return self._state.rng

    @property
    def clock(self) -> int:
        """The position on the schedule: updates since its start, moved by training, `restore` and `rewind`."""
        return self._state.engine.clock

    def batches(self, count: int) -> list[Batch]:
        """The next `count` training batches for scoring, from a stream of their own: training order is not moved."""
        return self._state.scoring.batches(count)

    def balanced(self, per_class: int, most: int | None = None) -> list[Part]:
        """Training examples for scoring, `per_class` of every class; a plain batch where the data have no classes.

        Every part has its share of every class: batch norm would tell parts of other classes apart.

        Args:
            most: examples in a part; all of them in one where it is None.
        """
        return self._state.scoring.balanced(per_class, most)

    def loss(
        self, batch: Batch | Part, weights: Mapping[str, Tensor] | None = None, *, temperature: float = 1.0
    ) -> Tensor:
        """The training loss of a batch, differentiable in `weights` (the model's own where a name is missing).

        Of a part of `balanced`, it is the part's term of the mean over all of them.
        Parameters, buffers, gradients, random state and mode of the network stay as they are.

        Args:
            temperature: what the model's output is divided by.
        """
        return self._state.scoring.loss(batch, weights or {}, temperature)

    def flow(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The network's summed output for an input of ones, differentiable in `weights`, in eval mode and their type.

        Every other parameter and buffer is taken by its absolute value (Tanaka et al., 2020). No data are looked at.
        """
        return self._state.scoring.flow(weights)

    def gradients(self, count: int = 1) -> dict[str, Tensor]:
        """The dense gradient of the mean loss over the next `count` scoring batches, for every prunable tensor."""
        return self._state.scoring.gradients(self.weights, count)

    def redraw(self, name: str = "redraw") -> Snapshot:
        """Another draw of the initial network, at the start of the schedule.

        Args:
            name: of the stream it is drawn from.

        Raises:
            RuntimeError: the run was made without further draws.
        """
        if self._state.draw is None:
            raise RuntimeError("this run was made without another draw of its network")
        drawn = tensors(self._state.draw(name))
        return Snapshot({name: value.to(self._state.device) for name, value in drawn.items()}, 0)

    # --- act ----------------------------------------------------------------------------------------------------------

    def prune(self, masks: Masks) -> None:
        """Keep what `masks` keep, from now on. Pruned weights are zero and stay zero; regrown ones start at zero.

        Raises:
            ValueError: the masks do not cover the prunable tensors of this task, name by name and shape by shape.
        """
        with self._state.tamper_check.verb("prune"):
            self._state.prune(masks)

    def train(self, steps: int | None = None) -> None:
        """Train to the end of the recipe, or `steps` updates; past the end, at the last learning rate.

        Raises:
            Diverged: the loss is no longer finite.
        """
        with self._between_steps("train"):
            self._state.train(steps)

    def steps(self, steps: int | None = None) -> Iterator[Step]:
        """Train as `train` does, with a pause between each backward and its update.

        Raises:
            Diverged: the loss is no longer finite.
        """
        state = self._state
        with self._between_steps("steps"):
            for _ in range(state.steps_to_go(steps)):
                loss = state.engine.backward()
                step = Step(state.engine.clock, loss, state.gradients)
                with state.tamper_check.pause(thorough=step.index % CHECK_EVERY == 0):
                    yield step
                state.engine.put(step._grads)
                state.update(skip=step._skipped, looked=bool(step._grads))
            state.engine.check()

    def snapshot(self) -> Snapshot:
        """The network now: every parameter and buffer, copied."""
        return Snapshot({name: value.clone() for name, value in tensors(self._state.model).items()}, self.clock)

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot: its parameters (pruned ones stay zero), buffers and clock, with a fresh optimizer."""
        with self._between_steps("restore"):
            with torch.no_grad():
                for name, value in tensors(self._state.model).items():
                    value.copy_(snapshot.state[name])
            self._state.engine.rewind(snapshot.clock)
            self._state.project()
            self._state.restored = snapshot

    def rewind(self, clock: int) -> None:
        """Put the schedule and the data order back to `clock` and keep the weights, with a fresh optimizer.

        Raises:
            ValueError: it lies outside the schedule.
        """
        if not 0 <= clock <= self.recipe.steps:
            raise ValueError(f"clock must lie in [0, {self.recipe.steps}], got {clock}")
        with self._between_steps("rewind"):
            self._state.engine.rewind(clock)

    @contextmanager
    def learning(
        self,
        scores: Mapping[str, Tensor],
        effective: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
        recipe: Recipe | None = None,
    ) -> Iterator[dict[str, Tensor]]:
        """Within it, training moves scores instead of parameters, which stay frozen, on a schedule of its own.

        Args:
            scores: where they start, by any names; those of prunable tensors have their gradient in `Step.grads`.
            effective: from the scores to the parameters that the network computes with, differentiable. Those that
                it does not name are as they stand.
            recipe: for training the scores; the run's own by default.

        Yields:
            The scores in training, live.

        Raises:
            ValueError: on the first update, `effective` names what is no parameter.
        """
        self._state.tamper_check.not_paused("learning")
        learned = {name: score.detach().clone().requires_grad_() for name, score in scores.items()}
        with self._state.learning(learned, effective, recipe or self.recipe):
            yield learned

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Edit the training data, graph by graph. The harness applies the edit to the other splits at the end.

        Raises:
            TypeError: the data hold no graph.
        """
        with self._between_steps("rewrite"):
            self._state.rewrite(edit)

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """From here on, every training batch goes through `change`, after the recipe's own augmentation.

        Scoring and the other splits see batches as they are. What `change` draws, it draws from the generator.
        """
        with self._between_steps("augment"):
            self._state.augment(change)

    @contextmanager
    def _between_steps(self, verb: str) -> Iterator[None]:
        """Within it, the network may change; in a pause of `steps` this verb makes no sense."""
        self._state.tamper_check.not_paused(verb)
        with self._state.tamper_check.verb(verb):
            yield


def state_of(run: Run) -> RunState:
    """What a run stands on; for the harness, never for an algorithm."""
    return run._state
