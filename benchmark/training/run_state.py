"""`RunState`, the state behind a `Run`: the harness works on the state, an algorithm on the run's methods alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from benchmark.data.splits import Batch, Data
from benchmark.errors import Inapplicable
from benchmark.graphs.edit_log import Rewiring
from benchmark.pruning.masks import Masks
from benchmark.pruning.target import Inversion, Target
from benchmark.random_streams import stream, stream_seed
from benchmark.training.course import Course
from benchmark.training.curve import Curve
from benchmark.training.evaluation import evaluate
from benchmark.training.objective import evaluating
from benchmark.training.ranks import ALONE, Ranks
from benchmark.training.recipe import Recipe
from benchmark.training.scoring import Scoring
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.state import tensors
from benchmark.training.step import Tick, none_found, one_draw
from benchmark.training.tamper_check import TamperCheck
from benchmark.training.task import Task
from benchmark.training.trainer import Trainer, first_batch
from benchmark.training.weighted_edges import require_used


class RunState(Trainer):
    """Everything that the methods of a `Run` change: a network in training, its data, and the notes on the run.

    Args:
        tick, draw, shared_trainings: see `Trainer`.
        validation: the validation split, for `evaluate`.
        trained: whether the network is already trained for this task.
        found: returns the masks of a record, given its key.
        ranks, sparse: see `Trainer`.

    Attributes:
        edits: the functions that were applied to the training graphs, in order.
        rewiring: what these edits reported about themselves.
        whole: the training data, all parts of them; `data` are those of the part that the run is in.
        course: its progress through the stream of its task; None if the task is not a stream.
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
        found: Callable[[str], Masks] = none_found,
        ranks: Ranks = ALONE,
        sparse: float = 0.0,
    ) -> None:
        super().__init__(task, model, recipe, data, seed, tick, draw, shared_trainings, ranks, sparse)
        self.target, self.trained, self._tick, self._found = target, trained, tick, found
        self._validation, self._validation_edits = validation, 0
        self.whole = data
        self.course = Course.of(task.stream, data, validation) if task.stream else None
        self.rng = stream(seed, "algorithm")
        self.edits: list[Callable[[Any], Any]] = []
        self.rewiring = Rewiring()
        self.scoring = Scoring(self.objective, data, recipe.batch_size, seed, self.meter, self.trainable)
        self.tamper_check = TamperCheck(model)

    def rewrite(self, edit: Callable[[Any], Any]) -> None:
        """Edit the training graphs, for training and for scoring, and count operations on the edited ones.

        Raises:
            Inapplicable: the edit gives edges weights, which the network does not use.
        """

        def ticking(graph: Any) -> Any:
            self._tick(self.meter.training_steps)
            return edit(graph)

        edited, shared = self.data.rewrite(self.rewiring.noting(ticking)), self.scoring.data is self.data
        self.data, self.scoring.data = edited, edited if shared else self.scoring.data.rewrite(edit)
        self.whole = edited
        for engine in {self.engine, self.weight_engine}:
            engine.change(data=edited)
        if self.rewiring.weighted:
            require_used(self.objective, first_batch(self.data, self.recipe, self.seed))
        self.meter.profile(self._profile())
        self.edits.append(edit)
        self.log.followed()
        self._shared_trainings = None  # the data now differ from those of other cells

    def augment(self, change: Callable[[Batch, torch.Generator], Batch]) -> None:
        """Apply `change` to every training batch, after the recipe's own augmentation."""
        augment = self.weight_engine.recipe.augment

        def both(batch: Batch, draws: torch.Generator) -> Batch:
            return change(augment(batch, draws) if augment else batch, draws)

        self.weight_engine.change(recipe=replace(self.weight_engine.recipe, augment=both))
        self._shared_trainings = None

    def move_to(self, data: Data, validation: Data | None, recipe: Recipe, seed: int) -> None:
        """Go on with another part of the data at step 0 of a recipe, with a fresh optimizer.

        Args:
            seed: the seed of its order, augmentation, dropout and batches for scoring.
        """
        self.data, self._validation, self.recipe, self._order_seed = data, validation, recipe, seed
        augment = self.weight_engine.recipe.augment
        self.weight_engine.change(data=data, recipe=replace(recipe, augment=augment))
        self.weight_engine.reorder(seed)
        self.weight_engine.rewind(0)
        self.scoring = Scoring(self.objective, data, recipe.batch_size, seed, self.meter, self.trainable)

    def reorder(self, name: str) -> None:
        """From here on, draw data order, augmentation and dropout from the random streams of this name."""
        self._order_seed = stream_seed(self.seed, "reorder", name)
        for engine in {self.weight_engine, self.engine}:
            engine.reorder(self._order_seed)

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
        self.count_evaluation(count)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), evaluating(self.model):
            return evaluate(self.task, self.model, data, self.device, count)

    def count_evaluation(self, examples: int) -> None:
        """Count an evaluation."""
        self.meter.score("forward", examples / self.engine.batches.size)

    def found(self, key: str) -> Masks:
        """The masks of another record. Raises Inapplicable if they are not for the prunable tensors of this network."""
        masks, own = self._found(key), {name: tuple(weight.shape) for name, weight in self.weights.items()}
        for name in own | dict(masks):
            theirs = tuple(masks[name].shape) if name in masks else None
            if own.get(name) != theirs:
                here, there = (" x ".join(map(str, shape)) if shape else "none" for shape in (own.get(name), theirs))
                raise Inapplicable(
                    f"the masks of record {key[:8]} are not of this network: '{name}' is {there} there and {here} here"
                )
        return Masks({name: masks[name].to(self.device) for name in own})

    def follow(self, points: int) -> None:
        """Follow the last training of the weights, and note its curve with this many points."""
        self.curve = Curve(
            points,
            lambda: self.evaluate("validation", whole=True),
            lambda: self.count_evaluation(len(self._validation or ())),
        )

    @property
    def weights_trained(self) -> bool:
        """Whether the weights were trained: by the weight engine, or as scores that cover every trainable parameter."""
        return any(engine.updates for engine in self._trainers)

    @property
    def mode(self) -> str:
        """How steps were computed: `plain`, `captured` (as CUDA graphs), or `plain: ` and why they were not captured.

        With `sparse below 0.4`, steps with a smaller share of kept weights have computed with kept weights alone.

        With several processes: `divided` among them, or `whole` in each, and why.
        """
        return self.weight_engine.mode

    @property
    def rehearsals(self) -> int:
        """The number of optimizer steps that tested a recording, and were undone."""
        return self.weight_engine.recording.rehearsals

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
        self.require_same("at the end")
        if self.course:
            self.course.require_whole()
        self.log.complete(self.masks.kept)
        if self.curve:
            self.log.note("curve", self.curve.noted())
            self.log.note("train", self.evaluate("train", whole=False))

    @property
    def breaches(self) -> list[str]:
        """The breaches that were found while the run went on."""
        return [*self.tamper_check.breaches, *self.written.breaches(tensors(self.model))]

    @property
    def notes(self) -> list[str]:
        """What readers of the record should know, one sentence each."""
        return [*self.log.texts, *self.written.notes]
