"""`RunState`, the state behind a `Run`: the harness works on the state, an algorithm on the run's methods alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from benchmark.data.splits import Batch, Data
from benchmark.errors import Inapplicable
from benchmark.graphs.edit_log import Rewiring
from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Inversion, Target
from benchmark.random_streams import stream
from benchmark.training.cuda_graphs import recorder
from benchmark.training.curve import Curve
from benchmark.training.engine import Engine
from benchmark.training.evaluation import evaluate
from benchmark.training.flops import Profile
from benchmark.training.meter import Meter
from benchmark.training.notes import Notes
from benchmark.training.objective import Objective, evaluating
from benchmark.training.optimizers import Group, norm_parameters
from benchmark.training.order import Order
from benchmark.training.recipe import Recipe
from benchmark.training.scoring import Scoring
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.state import put, tensors
from benchmark.training.step import Snapshot, Tick, one_draw
from benchmark.training.tamper_check import TamperCheck
from benchmark.training.task import Task
from benchmark.training.trained_weights import TrainedWeights
from benchmark.training.written import WrittenTensors


def trainable(model: nn.Module) -> set[str]:
    """The names of the parameters that have a gradient."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def profile_of(
    objective: Objective, data: Data, recipe: Recipe, seed: int, prunable: list[str], trained: Collection[str]
) -> Profile:
    """The operations of a run's first batch of training."""
    first = Order(len(data), recipe.batch_size, seed)[0]
    return Profile.of(objective, data.batch(first), prunable, trained)


class RunState:
    """Everything that the methods of a `Run` change, and the meter that counts what they cost.

    Args:
        tick: called from time to time with the number of steps so far.
        draw: builds the network with weights drawn from the random stream of a given name.
        shared_trainings: the trainings that cells of a sweep have in common.
        validation: the validation split, for `evaluate`.
        trained: whether the network comes trained for this task.

    Attributes:
        engine: trains what is trained now: the weights, or scores in their place.
        weight_engine: trains the weights.
        restored: the snapshot that was restored last.
        written: the tensors that were restored and that no snapshot had held: the algorithm has made them.
        origin: the snapshot that the last training of the weights started from; None for the initial network.
        edits: the functions that were applied to the training graphs, in order.
        rewiring: what these edits reported about themselves.
        log: collects the notes.
        trained: the weights that were ever trained.
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
        draw: Callable[[str], nn.Module] = one_draw,
        shared_trainings: SharedTrainings | None = None,
        validation: Data | None = None,
        trained: bool = False,
    ) -> None:
        self.task, self.recipe, self.target, self.trained = task, recipe, target, trained
        self.model, self.data, self.seed = model.train(), data, seed
        self._validation, self._validation_edits = validation, 0
        self.draw, self._tick, self._shared_trainings = draw, tick, shared_trainings
        self.device = next(model.parameters()).device
        self.prunable = task.prunable(model)
        self.trainable = trainable(model)
        if not self.trainable:
            raise Inapplicable("this network has no parameter to train: all of them are frozen")
        self.objective = Objective(model, task)
        self.engine = self.weight_engine = self._engine_of(dict(model.named_parameters()), self._loss, recipe)
        self.engine.capture(list(model.buffers()), recorder(self.device))
        self._trainers = [self.engine]
        self.masks = Masks.ones(self.weights)
        self.rng = stream(seed, "algorithm")
        self.restored: Snapshot | None = None
        self.origin: Snapshot | None = None
        self.edits: list[Callable[[Any], Any]] = []
        self.rewiring = Rewiring()
        sizes = {name: weight.numel() for name, weight in self.weights.items()}
        self.meter = Meter(self._profile(), sizes, self.device, tick)
        self.scoring = Scoring(self.objective, data, recipe.batch_size, seed, self.meter, self.trainable)
        self.tamper_check = TamperCheck(model)
        self.written = WrittenTensors(tensors(model), set(self.prunable))
        self.log = Notes()
        self.ever_trained = TrainedWeights()
        self.curve: Curve | None = None

    @property
    def weights(self) -> dict[str, Tensor]:
        """The prunable tensors themselves, by name, in the model's order."""
        parameters = dict(self.model.named_parameters())
        return {name: parameters[name] for name in self.prunable}

    def steps_to_go(self, steps: int | None) -> int:
        """How many updates a training makes: `steps`, or the rest of the recipe. Notes where the training starts."""
        updates = max(0, self.engine.recipe.steps - self.engine.clock) if steps is None else steps
        if steps is None and self.engine.recipe.steps:
            self.log.trained(updates)
        if updates and self.engine is self.weight_engine:
            self.origin = self.restored
            if self.curve:
                self.curve.begin(updates)
        return updates

    def train(self, steps: int | None) -> None:
        """Train without pauses. If another cell has made the same training, load its result."""
        updates = self.steps_to_go(steps)
        if updates:
            self.ever_trained.updated(self.masks)
        if self._shared_trainings and updates and self.engine is self.weight_engine:
            self._shared_trainings.train_or_load(self.engine, self.meter, updates, self._train)
        else:
            self._train(updates)

    def update(self, loss: Tensor, *, skip: bool, looked: bool) -> None:
        """End a step, and count it.

        Args:
            loss: of this step's batch.
            skip: do not update what is trained.
            looked: whether the algorithm has read the dense gradients, which cost more than sparse ones.
        """
        if not skip:
            self.engine.update()
            self.ever_trained.updated(self.masks)
        self.engine.advance()
        share = self.engine.batch_size / self.weight_engine.batch_size
        self.meter.train_step(dense_gradient=looked, updated=not skip, share=share)
        if self.curve and self.engine is self.weight_engine:
            self.curve.follow(loss)

    def gradients(self) -> dict[str, Tensor]:
        """The dense gradients of this step, for all that is in training."""
        names = self.engine.parameters
        return self.engine.gradients(n for n in names if self.engine is not self.weight_engine or n in self.trainable)

    def prune(self, masks: Masks) -> None:
        """Apply masks from now on. Raises ValueError if they do not fit the prunable tensors."""
        expected = {name: weight.shape for name, weight in self.weights.items()}
        shapes = {name: mask.shape for name, mask in masks.items()}
        if shapes != expected:
            wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
            raise ValueError(f"masks do not fit the prunable tensors of this task: {', '.join(wrong)}")
        self.masks = Masks({name: masks[name].to(self.device) for name in expected})
        self.log.pruned(masks)
        self.project()
        self.meter.prune(self.masks.counts)

    def project(self) -> None:
        """Set what the masks prune to zero, in the weights and in the scores that are trained in their place."""
        for engine in {self.weight_engine, self.engine}:
            engine.project(self.masks)

    @contextmanager
    def learning(
        self,
        learned: Mapping[str, Tensor],
        effective: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]],
        recipe: Recipe,
        groups: Mapping[str, Group],
    ) -> Iterator[None]:
        """Train `learned`: the parameters are frozen, and the network computes with those that `effective` returns."""

        def loss(batch: Batch) -> Tensor:
            weights = effective(learned)
            if unknown := sorted(weights.keys() - self.weight_engine.parameters.keys()):
                raise ValueError(f"the network has no parameter named {', '.join(unknown)}")
            replaced = {f"model.{name}": weight for name, weight in weights.items()}
            value: Tensor = functional_call(self.objective, replaced, (batch,))
            return value

        frozen = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        if unknown := sorted(groups.keys() - learned.keys()):
            raise ValueError(f"no score is named {', '.join(unknown)}, which groups names")
        self.engine = self._engine_of(learned, loss, recipe, groups)
        if self.trainable <= learned.keys():
            self._trainers.append(self.engine)
        for parameter in frozen:
            parameter.requires_grad_(False)
        try:
            self.project()
            yield
        finally:
            self.log.learned(self.engine.updates)
            self.engine = self.weight_engine
            for parameter in frozen:
                parameter.requires_grad_(True)

    # --- snapshots ----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Copies of every parameter and buffer, and the position on the schedule."""
        return self._known(Snapshot({n: v.clone() for n, v in tensors(self.model).items()}, self.engine.clock))

    def redraw(self, name: str) -> Snapshot:
        """A snapshot of the network as it is drawn from the random stream `name`."""
        self.meter.redraw()
        return self._known(Snapshot({n: v.to(self.device) for n, v in tensors(self.draw(name)).items()}, 0))

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to a snapshot, with a fresh optimizer. Tensors that no snapshot has held are noted in `written`."""
        self.written.note(snapshot.state, tensors(self.model))
        put(self.model, snapshot.state)
        self.engine.rewind(snapshot.clock)
        self.project()
        self.restored = snapshot
        self.log.followed()

    def write(self, values: Mapping[str, Tensor]) -> None:
        """Set parameters and running statistics to values that the algorithm has made. Pruned weights stay zero.

        Raises:
            ValueError: there is no such tensor, or it has another shape, or a value is not finite.
        """
        current = tensors(self.model)
        for name, value in values.items():
            if name not in current or value.shape != current[name].shape:
                raise ValueError(f"the network has no tensor '{name}' of the shape {tuple(value.shape)}")
            if not bool(value.isfinite().all()):
                raise ValueError(f"values for '{name}' are not finite")
        after = current | {name: value.to(current[name]) for name, value in values.items()}
        self.written.note(after, current)
        put(self.model, after)
        self.weight_engine.forget(name for name in values if name in self.weight_engine.parameters)
        self.project()
        self.log.followed()

    def _known(self, snapshot: Snapshot) -> Snapshot:
        self.written.know(snapshot.state)
        return snapshot

    # --- data ---------------------------------------------------------------------------------------------------------

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Edit the training graphs, for training and for scoring, and count operations on the edited ones."""

        def ticking(graph: Any) -> Any:
            self._tick(self.meter.training_steps)
            return edit(graph)

        edited, shared = self.data.rewrite(self.rewiring.noting(ticking)), self.scoring.data is self.data
        self.data, self.scoring.data = edited, edited if shared else self.scoring.data.rewrite(edit)
        self.engine.data = self.weight_engine.data = self.data
        self.meter.profile(self._profile())
        self.edits.append(edit)
        self.log.followed()
        self._shared_trainings = None  # the data now differ from those of other cells

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """Apply `change` to every training batch, after the recipe's own augmentation."""
        augment = self.weight_engine.recipe.augment

        def both(batch: Batch, draws: torch.Generator) -> Batch:
            return change(augment(batch, draws) if augment else batch, draws)

        self.weight_engine.recipe = replace(self.weight_engine.recipe, augment=both)
        self._shared_trainings = None

    def evaluate(self, split: str, whole: bool) -> dict[str, float]:
        """The task's metrics of the network on a split, with the edits made so far. It leaves no trace."""
        if self._validation is None:
            raise RuntimeError("this run was made without a validation split")
        if split not in ("validation", "train"):
            raise ValueError(f"split must be 'validation' or 'train', got '{split}'")
        if split == "train":
            data = self.data
            count = len(data) if whole else min(len(data), len(self._validation))
        else:
            for edit in self.edits[self._validation_edits :]:
                self._validation = self._validation.rewrite(edit)
            self._validation_edits = len(self.edits)
            data, count = self._validation, len(self._validation)
        self.meter.score("forward", count / self.engine.batch_size)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), evaluating(self.model):
            return evaluate(self.task, self.model, data, self.device, count)

    def follow(self, points: int) -> None:
        """Note the curve of the last training of the weights, with so many points. No training is shared then."""
        self.curve = Curve(points, lambda: self.evaluate("validation", whole=True))
        self._shared_trainings = None

    @property
    def weights_trained(self) -> bool:
        """Whether the weights were trained: by the weight engine, or as scores that cover every trainable parameter."""
        return any(engine.updates for engine in self._trainers)

    @property
    def mode(self) -> str:
        """How steps were trained: `plain`, `captured` (as CUDA graphs), or `plain: ` and why no step was captured."""
        return self.weight_engine.mode

    @property
    def rehearsals(self) -> int:
        """The number of optimizer steps that tested a recording, and were undone."""
        return self.weight_engine.rehearsals

    def invert_rankings(self) -> Inversion:
        """Reverse every ranking that goes through the target from here on. The result shows whether there was one."""
        inversion = Inversion()
        self.target = replace(self.target, inversion=inversion)
        return inversion

    def permute_scoring_labels(self) -> None:
        """Permute the labels of the examples that batches for scoring are drawn from."""
        self.scoring.data = self.data.relabelled(stream(self.seed, "labels"))

    def finish(self) -> None:
        """Check the network after the algorithm has returned. Raises Breach if it was changed outside the run."""
        self.tamper_check.untouched("after the last verb")
        self.log.complete(self.masks.kept)
        if self.curve:
            self.log.note("curve", self.curve.noted())
            self.log.note("train", self.evaluate("train", whole=False))

    @property
    def breaches(self) -> list[str]:
        """What was found against the run while it went on."""
        return [*self.tamper_check.breaches, *self.written.breaches(tensors(self.model))]

    @property
    def notes(self) -> list[str]:
        """What readers of the record have to know, a sentence each."""
        return [*self.log.texts, *self.written.notes]

    # --- private ------------------------------------------------------------------------------------------------------

    def _engine_of(
        self,
        parameters: Mapping[str, Tensor],
        loss: Callable[[Batch], Tensor],
        recipe: Recipe,
        groups: Mapping[str, Group] | None = None,
    ) -> Engine:
        spared = set() if recipe.decay_norms else norm_parameters(self.model) & parameters.keys()
        groups = {name: Group(weight_decay=0.0) for name in spared} | dict(groups or {})
        return Engine(parameters, loss, recipe, self.data, self.seed, self.device, groups)

    def _loss(self, batch: Batch) -> Tensor:
        return self.task.loss(self.model, batch)

    def _profile(self) -> Profile:
        return profile_of(self.objective, self.data, self.recipe, self.seed, self.prunable, self.trainable)

    def _train(self, steps: int) -> None:
        for _ in range(steps):
            self.update(self.engine.backward(), skip=False, looked=False)
        self.engine.check()
