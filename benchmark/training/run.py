"""Run: what an algorithm is handed, and the verbs that are its only road to the network and the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from benchmark.data.splits import Batch, Data
from benchmark.graphs.edit_log import Rewiring
from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Inversion, Target
from benchmark.random_streams import stream, stream_seed
from benchmark.training.cuda_graphs import recorder
from benchmark.training.engine import CHECK_EVERY, Engine
from benchmark.training.flops import Profile
from benchmark.training.meter import Meter
from benchmark.training.objective import Objective
from benchmark.training.optimizers import of_norms
from benchmark.training.order import Order
from benchmark.training.recipe import Recipe
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.state import tensors
from benchmark.training.step import Part, Snapshot, Step, Tick
from benchmark.training.tamper_check import TamperCheck
from benchmark.training.task import Task


class Run:
    """One network, one target, one budget of steps. See the verbs: look, then act.

    Those that train or move the network raise RuntimeError in a pause of `steps`; `prune` is what a pause is for.

    Args:
        tick: told now and then how many updates are done.
        draw: from the name of a stream to another draw of the network.
        shared: where trainings lie that other cells have made.
    """

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        recipe: Recipe,
        target: Target,
        data: Data,
        seed: int,
        tick: Tick = lambda steps: None,
        draw: Callable[[str], nn.Module] | None = None,
        shared: SharedTrainings | None = None,
    ) -> None:
        self._task, self._recipe, self._target = task, recipe, target
        self._model, self._data, self._seed, self._tick = model.train(), data, seed, tick
        self._draw, self._shared = draw, shared
        self._device = next(model.parameters()).device
        self._names = task.prunable(model)
        self._trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        self._objective = Objective(model, task)
        weights = dict(model.named_parameters())
        self._engine = self._weight_engine = self._engine_over(weights, self._plain_loss, recipe)
        self._engine.capture(list(model.buffers()), recorder(self._device))
        self._trainers = [self._engine]
        self._masks = Masks.ones(self._live_weights)
        self._rng = stream(seed, "algorithm")
        self._scoring = Order(len(data), recipe.batch_size, seed, "scoring")
        self._scored = 0
        self._scoring_data = data
        self._restored: Snapshot | None = None
        self._origin: Snapshot | None = None
        self.edits: list[Callable[[Any], Any]] = []
        self.rewiring = Rewiring()
        self.meter = Meter(self._profile(), self._device)
        self._tamper_check = TamperCheck(model)

    # --- look ---------------------------------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """What the network is trained for."""
        return self._task

    @property
    def recipe(self) -> Recipe:
        """How it is trained; one training is `recipe.steps` updates."""
        return self._recipe

    @property
    def target(self) -> Target:
        """What is asked: a density and a pattern."""
        return self._target

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the prunable tensors, by name, in the model's order. Change the real ones through verbs.

        Raises:
            Diverged: training has left them without meaning.
        """
        self._engine.check()
        return {name: weight.detach().clone() for name, weight in self._live_weights.items()}

    @property
    def parameters(self) -> dict[str, Tensor]:
        """Copies of all that is trained, by name: prunable tensors, biases, norms.

        Raises:
            Diverged: training has left them without meaning.
        """
        self._engine.check()
        return {n: value.detach().clone() for n, value in self._weight_engine.parameters.items() if n in self._trained}

    @property
    def masks(self) -> Masks:
        """What is kept now; everything before the first `prune`."""
        return self._masks

    @property
    def rng(self) -> torch.Generator:
        """The algorithm's own random stream, on the CPU: draw there and move, so that devices agree."""
        return self._rng

    @property
    def clock(self) -> int:
        """The position on the schedule: updates since its start, moved by training, `restore` and `rewind`."""
        return self._engine.clock

    def batches(self, count: int) -> list[Batch]:
        """The next `count` training batches for scoring, from a stream of their own: training order is not moved."""
        self._scored += count
        steps = range(self._scored - count, self._scored)
        return [self._scoring_data.batch(self._scoring[step]) for step in steps]

    def balanced(self, per_class: int, most: int | None = None) -> list[Part]:
        """Training examples for scoring, `per_class` of every class; a plain batch where the data have no classes.

        Every part has its share of every class: batch norm would tell parts of other classes apart.

        Args:
            most: examples in a part; all of them in one where it is None.
        """
        data, classes = self._scoring_data, self._scoring_data.classes
        self._scored += 1
        if classes is None:
            return [Part(data, self._scoring[self._scored - 1])]
        order = torch.randperm(len(self._data), generator=stream(self._seed, "balanced", self._scored))
        chosen = torch.cat([order[classes[order] == number][:per_class] for number in torch.unique(classes)])
        count, size = math.ceil(len(chosen) / most) if most else 1, self._weight_engine.batch_size
        parts = (chosen[number::count] for number in range(count))
        return [Part(data, part, len(part) / len(chosen), len(part) / size) for part in parts]

    def loss(
        self,
        batch: Batch | Part,
        weights: Mapping[str, Tensor] | None = None,
        *,
        temperature: float = 1.0,
    ) -> Tensor:
        """The training loss of a batch, differentiable in `weights` (the model's own where a name is missing).

        Of a part of `balanced`, it is the part's term of the mean over all of them.
        Parameters, buffers, gradients, random state and mode of the network stay as they are.

        Args:
            temperature: what the model's output is divided by.
        """
        batch, share, size = (batch.batch, batch.share, batch.size) if isinstance(batch, Part) else (batch, 1.0, 1.0)
        noise = stream_seed(self._seed, "scoring noise", self.meter.scoring_passes)
        self.meter.score("forward", size)
        own = {name: parameter.detach() for name, parameter in self._model.named_parameters()}
        loss = self._objective.at(batch, own | dict(weights or {}), noise, temperature) * share
        if loss.requires_grad:
            loss.register_hook(  # type: ignore[no-untyped-call]
                lambda grad: self.meter.score("graph" if torch.is_grad_enabled() else "backward", size)
            )
        return loss

    def flow(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The network's summed output for an input of ones, differentiable in `weights`, in eval mode and their type.

        Every other parameter and buffer is taken by its absolute value (Tanaka et al., 2020). No data are looked at.
        """
        kind = next(iter(weights.values())).dtype
        named = dict(self._model.named_parameters()) | dict(self._model.named_buffers())
        others = {n: v.detach().abs().to(kind) if v.is_floating_point() else v.clone() for n, v in named.items()}
        batch = self._data.batch(torch.zeros(1, dtype=torch.int64))
        share = 1 / self._weight_engine.batch_size
        self.meter.score("forward", share)
        total = self._objective.flow(batch, others | dict(weights)).sum()
        if total.requires_grad:
            total.register_hook(  # type: ignore[no-untyped-call]
                lambda grad: self.meter.score("backward", share)
            )
        return total

    def gradients(self, count: int = 1) -> dict[str, Tensor]:
        """The dense gradient of the mean loss over the next `count` scoring batches, for every prunable tensor."""
        leaves = {name: weight.requires_grad_() for name, weight in self.weights.items()}
        sums = {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
        for batch in self.batches(count):
            grads = torch.autograd.grad(self.loss(batch, leaves), list(leaves.values()))
            for name, grad in zip(sums, grads, strict=True):
                sums[name] += grad / count
        return {name: total.detach() for name, total in sums.items()}

    # --- act ----------------------------------------------------------------------------------------------------------

    def prune(self, masks: Masks) -> None:
        """Keep what `masks` keep, from now on. Pruned weights are zero and stay zero; regrown ones start at zero.

        Raises:
            ValueError: the masks do not cover the prunable tensors of this task, name by name and shape by shape.
        """
        expected = {name: weight.shape for name, weight in self._live_weights.items()}
        found = {name: mask.shape for name, mask in masks.items()}
        if found != expected:
            odd = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
            raise ValueError(f"masks do not fit the prunable tensors of this task: {', '.join(odd)}")
        with self._tamper_check.verb("prune"):
            self._masks = Masks({name: masks[name].to(self._device) for name in expected})
            self._project()
            self.meter.prune(self._masks)

    def train(self, steps: int | None = None) -> None:
        """Train to the end of the recipe, or `steps` updates; past the end, at the last learning rate.

        Raises:
            Diverged: the loss is no longer finite.
        """
        self._tamper_check.not_paused("train")
        with self._tamper_check.verb("train"):
            remaining = self._set_out(steps)
            if self._shared and remaining and self._engine is self._weight_engine:
                self._shared.train_or_load(self._engine, self.meter, remaining, self._updates)
            else:
                self._updates(remaining)

    def steps(self, steps: int | None = None) -> Iterator[Step]:
        """Train as `train` does, with a pause between each backward and its update.

        Raises:
            Diverged: the loss is no longer finite.
        """
        self._tamper_check.not_paused("steps")
        with self._tamper_check.verb("steps"):
            for _ in range(self._set_out(steps)):
                loss = self._engine.backward()
                step = Step(self._engine.clock, loss, self._gradients)
                with self._tamper_check.pause(thorough=step.index % CHECK_EVERY == 0):
                    yield step
                self._engine.put(step._grads)
                self._update(skip=step._skipped, looked=bool(step._grads))
            self._engine.check()

    def snapshot(self) -> Snapshot:
        """The network now: every parameter and buffer, copied."""
        return Snapshot({name: value.clone() for name, value in tensors(self._model).items()}, self.clock)

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot: its parameters (pruned ones stay zero), buffers and clock, with a fresh optimizer."""
        self._tamper_check.not_paused("restore")
        with self._tamper_check.verb("restore"):
            with torch.no_grad():
                for name, value in tensors(self._model).items():
                    value.copy_(snapshot.state[name])
            self._engine.rewind(snapshot.clock)
            self._project()
            self._restored = snapshot

    def redraw(self, name: str = "redraw") -> Snapshot:
        """Another draw of the initial network, at the start of the schedule.

        Args:
            name: of the stream it is drawn from.

        Raises:
            RuntimeError: the run was made without further draws.
        """
        if self._draw is None:
            raise RuntimeError("this run was made without another draw of its network")
        return Snapshot({name: value.to(self._device) for name, value in tensors(self._draw(name)).items()}, 0)

    def rewind(self, clock: int) -> None:
        """Put the schedule and the data order back to `clock` and keep the weights, with a fresh optimizer.

        Raises:
            ValueError: it lies outside the schedule.
        """
        if not 0 <= clock <= self.recipe.steps:
            raise ValueError(f"clock must lie in [0, {self.recipe.steps}], got {clock}")
        self._tamper_check.not_paused("rewind")
        with self._tamper_check.verb("rewind"):
            self._engine.rewind(clock)

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
        self._tamper_check.not_paused("learning")
        learned = {name: score.detach().clone().requires_grad_() for name, score in scores.items()}

        def loss(batch: Batch) -> Tensor:
            weights = effective(learned)
            if strange := sorted(weights.keys() - self._weight_engine.parameters.keys()):
                raise ValueError(f"the network has no parameter named {', '.join(strange)}")
            named = {f"model.{name}": weight for name, weight in weights.items()}
            value: Tensor = functional_call(self._objective, named, (batch,))
            return value

        frozen = [p for p in self._model.parameters() if p.requires_grad]
        self._engine = self._engine_over(learned, loss, recipe or self.recipe)
        if self._trained <= learned.keys():
            self._trainers.append(self._engine)
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            self._project()
            yield learned
        finally:
            self._engine = self._weight_engine
            for parameter in frozen:
                parameter.requires_grad_(True)

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Edit the training data, graph by graph. The harness applies the edit to the other splits at the end.

        Raises:
            TypeError: the data hold no graph.
        """
        self._tamper_check.not_paused("rewrite")
        with self._tamper_check.verb("rewrite"):
            edited, shared = self._data.rewrite(self.rewiring.noting(edit)), self._scoring_data is self._data
            self._data, self._scoring_data = edited, edited if shared else self._scoring_data.rewrite(edit)
            self._engine.data = self._weight_engine.data = self._data
            self.meter.profile(self._profile())
            self.edits.append(edit)
            self._shared = None  # from here on the data are this cell's own

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """From here on, every training batch goes through `change`, after the recipe's own augmentation.

        Scoring and the other splits see batches as they are. What `change` draws, it draws from the generator.
        """
        self._tamper_check.not_paused("augment")
        with self._tamper_check.verb("augment"):
            own = self._weight_engine.recipe.augment

            def both(batch: Batch, draws: torch.Generator) -> Batch:
                return change(own(batch, draws) if own else batch, draws)

            self._weight_engine.recipe = replace(self._weight_engine.recipe, augment=both)
            self._shared = None

    # --- for controls ------------------------------------------------------------------------------------------------

    @property
    def scored(self) -> bool:
        """Whether any batch was asked for to score."""
        return self._scored > 0

    @property
    def weights_trained(self) -> bool:
        """Whether the weights were trained at all: as they are, or as their own scores."""
        return any(engine.updates for engine in self._trainers)

    @property
    def origin(self) -> Snapshot | None:
        """The state that was restored last before the weights were trained; None is the initial network."""
        return self._origin

    def invert_rankings(self) -> Inversion:
        """From here on, what ranks through the target ranks the other way; the value tells whether anything did."""
        inversion = Inversion()
        self._target = replace(self._target, inversion=inversion)
        return inversion

    def permute_scoring_labels(self) -> None:
        """From here on, batches that are scored have the labels of other examples."""
        self._scoring_data = self._data.relabelled(stream(self._seed, "labels"))

    # --- behind the verbs ---------------------------------------------------------------------------------------------

    @property
    def data(self) -> Data:
        """The training data as they stand, edits included."""
        return self._data

    @property
    def breaches(self) -> list[str]:
        """Changes of the network that no verb made."""
        return self._tamper_check.breaches

    @property
    def mode(self) -> str:
        """How steps were trained: plain, captured, or plain with the reason why they could not be captured."""
        return self._weight_engine.mode

    @property
    def rehearsals(self) -> int:
        """Updates that were made to try a recording, and undone."""
        return self._weight_engine.rehearsals

    def finish(self) -> None:
        """After the algorithm has returned: note anything done since its last verb."""
        self._tamper_check.untouched("after the last verb")

    @property
    def _live_weights(self) -> dict[str, Tensor]:
        parameters = dict(self._model.named_parameters())
        return {name: parameters[name] for name in self._names}

    def _gradients(self) -> dict[str, Tensor]:
        return self._engine.gradients(name for name in self._names if name in self._engine.parameters)

    def _engine_over(
        self,
        parameters: Mapping[str, Tensor],
        loss: Callable[[Batch], Tensor],
        recipe: Recipe,
    ) -> Engine:
        spared = () if recipe.decay_norms else of_norms(self._model) & parameters.keys()
        return Engine(parameters, loss, recipe, self._data, self._seed, self._device, spared)

    def _plain_loss(self, batch: Batch) -> Tensor:
        return self.task.loss(self._model, batch)

    def _project(self) -> None:
        """Zero what the masks prune, in the weights and in what is trained. Nothing to do before the first prune."""
        for engine in {self._weight_engine, self._engine}:
            engine.project(self._masks)

    def _profile(self) -> Profile:
        first = Order(len(self._data), self._recipe.batch_size, self._seed)[0]
        return Profile.of(self._objective, self._data.batch(first), self._names, self._trained)

    def _updates(self, steps: int) -> None:
        for _ in range(steps):
            self._engine.backward()
            self._update(skip=False, looked=False)
        self._engine.check()

    def _set_out(self, steps: int | None) -> int:
        """How many updates a training makes; one of weights begins where the network was restored last."""
        updates = max(0, self._engine.recipe.steps - self.clock) if steps is None else steps
        if updates and self._engine is self._weight_engine:
            self._origin = self._restored
        return updates

    def _update(self, *, skip: bool, looked: bool) -> None:
        if not skip:
            self._engine.update()
        self._engine.advance()
        share = self._engine.batch_size / self._weight_engine.batch_size
        self.meter.train_step(dense_gradient=looked, updated=not skip, share=share)
        if self.meter.training_steps % 16 == 0:
            self._tick(self.meter.training_steps)
