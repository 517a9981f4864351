"""`Trainer`, the part of a run's state that trains, prunes, saves and restores its network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from benchmark.data.splits import Batch, Data
from benchmark.errors import Inapplicable
from benchmark.pruning.masks import Masks
from benchmark.training.cuda_graphs import recorder
from benchmark.training.curve import Curve
from benchmark.training.engine import Engine
from benchmark.training.fixed_entries import Held
from benchmark.training.flops import Profile
from benchmark.training.meter import Meter
from benchmark.training.notes import Notes
from benchmark.training.objective import Objective
from benchmark.training.optimizers import Group, norm_parameters
from benchmark.training.order import Order
from benchmark.training.ranks import Ranks
from benchmark.training.recipe import Recipe
from benchmark.training.shared_trainings import SharedTrainings
from benchmark.training.shares import Shares
from benchmark.training.sparse_training import SparseTraining
from benchmark.training.state import digest_of, fingerprint, put, tensors
from benchmark.training.step import Snapshot, Tick
from benchmark.training.task import Loss, Task
from benchmark.training.trained_weights import TrainedWeights
from benchmark.training.written import WrittenTensors


def trainable(model: nn.Module) -> set[str]:
    """The names of the parameters that have a gradient."""
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def profile_of(
    objective: Objective, data: Data, recipe: Recipe, seed: int, prunable: list[str], trained: Collection[str]
) -> Profile:
    """The operations of a run's first batch of training."""
    return Profile.of(objective, first_batch(data, recipe, seed), prunable, trained)


def first_batch(data: Data, recipe: Recipe, seed: int) -> Batch:
    """The first batch of a training."""
    return data.batch(Order(len(data), recipe.batch_size, seed)[0])


class Trainer:
    """A network in training, its masks and snapshots, and the meter that counts what they cost.

    Args:
        tick: called from time to time with the number of steps so far.
        draw: builds the network with weights drawn from the random stream of a given name.
        shared_trainings: the trainings that cells of a sweep have in common.
        ranks: the processes that train this network together.
        sparse: the share of kept weights below which steps are sparse, where they can be; 0 for never.

    Attributes:
        engine: trains what is trained now: the weights, or scores in their place.
        weight_engine: trains the weights.
        restored: the snapshot that was restored last.
        held: entries of parameters that never change any more, by name.
        written: the tensors that were restored or written but were in no snapshot: the algorithm has made them.
        origin: the snapshot that the last training of the weights started from; None for the initial network.
        log: collects the notes.
        ever_trained: the weights that were ever trained.
        curve: of the last training; None if it is not followed.
    """

    def __init__(
        self,
        task: Task,
        model: nn.Module,
        recipe: Recipe,
        data: Data,
        seed: int,
        tick: Tick,
        draw: Callable[[str], nn.Module],
        shared_trainings: SharedTrainings | None,
        ranks: Ranks,
        sparse: float = 0.0,
    ) -> None:
        self.task, self.recipe = task, recipe
        self.model, self.data, self.seed, self._order_seed = model.train(), data, seed, seed
        self.draw, self._shared_trainings, self.ranks = draw, shared_trainings, ranks
        self.device = next(model.parameters()).device
        self.prunable = task.prunable(model)
        self.trainable = trainable(model)
        if not self.trainable:
            raise Inapplicable("this network has no parameter to train: all of them are frozen")
        self.objective = Objective(model, task, self._loss_now)
        self.shares = Shares(self.objective, ranks)
        self.engine = self.weight_engine = self._engine_of(dict(model.named_parameters()), self._loss, recipe)
        self.engine.capture(list(model.buffers()), recorder(self.device) if ranks.count == 1 else None)
        self._sparse = SparseTraining(model, self.engine, sparse)
        self._trainers = [self.engine]
        self.masks = Masks.ones(self.weights)
        self.held: dict[str, Held] = {}
        self.restored: Snapshot | None = None
        self.origin: Snapshot | None = None
        sizes = {name: weight.numel() for name, weight in self.weights.items()}
        self.meter = Meter(self._profile(), sizes, self.device, tick)
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

    def train(self, steps: int | None, network: str | None = None) -> None:
        """Train without pauses. If another cell has made the same training, load its result.

        Args:
            network: the digest of the network as it is, if it is known.
        """
        updates = self.steps_to_go(steps)
        if updates:
            self.ever_trained.updated(self.masks)
        if self._shared_trainings and updates and self.engine is self.weight_engine:
            start = network or fingerprint(self.model)
            self._shared_trainings.train_or_load(self.engine, start, self.meter, updates, self.advance, self.curve)
        else:
            self.advance(updates)
            self.engine.check()

    def advance(self, steps: int) -> None:
        """Make steps without pauses, which no other cell has made."""
        sparse = self._sparse.steps(self.masks) if self.engine is self.weight_engine else None
        if sparse is None:
            for _ in range(steps):
                self.update(self.engine.backward(), skip=False, looked=False)
            return
        self.ever_trained.updated(self.masks)
        with sparse:
            for _ in range(steps):
                loss = sparse.step()
                if self.curve and self.curve.due:
                    sparse.end()
                self._count(loss)

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
        self._count(loss, skip=skip, looked=looked)

    def _count(self, loss: Tensor, *, skip: bool = False, looked: bool = False) -> None:
        """Go to the next step, and count this one."""
        self.engine.advance()
        share = self.engine.batches.size / self.weight_engine.batches.size
        self.meter.train_step(dense_gradient=looked, updated=not skip, share=share)
        if self.curve and self.engine is self.weight_engine:
            self.curve.follow(loss)

    def gradients(self) -> dict[str, Tensor]:
        """The dense gradients of this step, for all that is in training."""
        in_training = set(self.engine.parameters)
        if self.engine is self.weight_engine:  # frozen weights that may be pruned have the gradient 0
            in_training &= self.trainable | set(self.prunable)
        return self.engine.gradients(name for name in self.engine.parameters if name in in_training)

    def prune(self, masks: Masks) -> None:
        """Apply masks from now on. Raises ValueError if they do not fit, or prune a weight that is frozen."""
        fitted = self.fitted(masks)
        if frozen := [
            name for name, held in self.held.items() if bool((held.entries & ~fitted.get(name, held.entries)).any())
        ]:
            raise ValueError(f"frozen weights cannot be pruned: {', '.join(frozen)}")
        self.masks = fitted
        self.log.pruned(masks)
        self.project()
        self.meter.prune(self.masks.counts)
        self.require_same("after a change of masks")

    def fitted(self, masks: Masks) -> Masks:
        """Masks in the order of the prunable tensors. Raises ValueError if they have not their names and shapes."""
        expected = {name: weight.shape for name, weight in self.weights.items()}
        shapes = {name: mask.shape for name, mask in masks.items()}
        if shapes != expected:
            wrong = sorted(name for name in expected.keys() | shapes.keys() if expected.get(name) != shapes.get(name))
            raise ValueError(f"masks do not fit the prunable tensors of this task: {', '.join(wrong)}")
        return Masks({name: masks[name].to(self.device) for name in expected})

    def hold(self, entries: Mapping[str, Tensor]) -> None:
        """From here on, these entries of parameters, bool by name, keep the values that they have."""
        for name, chosen in entries.items():
            values = self.weight_engine.parameters[name].detach()
            before = self.held.get(name, Held(torch.zeros_like(chosen), values))
            self.held[name] = Held(before.entries | chosen, torch.where(before.entries, before.values, values))
        self.weight_engine.hold(self.held)

    def require_same(self, when: str) -> None:
        """Raise Parted if the processes that train this network together have other masks or weights."""
        if self.ranks.count > 1:
            self.ranks.require_same(digest_of("", [*tensors(self.model).values(), *self.masks.values()]), when)

    def project(self) -> None:
        """Set what the masks prune to zero, in the weights and in the scores that are trained in their place.

        What is held keeps its values in both.
        """
        for engine in {self.weight_engine, self.engine}:
            engine.project(self.masks)
            engine.fixed.put_back()

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
            if self.shares.divided:
                return self.shares.loss(weights, batch)
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
        self.engine.hold({name: one for name, one in self.held.items() if _copied(learned.get(name), one)})
        try:
            self.project()
            yield
        except Exception:
            self.engine.check()  # scores that are not finite raise errors of many kinds
            raise
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
        self.meter.redraw(name)
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
        return Engine(parameters, loss, recipe, self.data, self._order_seed, self.device, groups, self.shares)

    def _loss_now(self) -> Loss:
        """The loss function of what is being trained, at its clock."""
        return self.task.loss_at(self.engine.clock, self.engine.recipe)

    def _loss(self, batch: Batch) -> Tensor:
        if self.shares.divided:
            return self.shares.loss(dict(self.model.named_parameters()), batch)
        return self._loss_now()(self.model, batch)

    def _profile(self) -> Profile:
        return profile_of(self.objective, self.data, self.recipe, self.seed, self.prunable, self.trainable)


def _copied(learned: Tensor | None, held: Held) -> bool:
    """Whether what is learned under a parameter's name starts as a copy of it, and is not some other kind of score."""
    if learned is None or learned.shape != held.entries.shape:
        return False
    return torch.equal(learned[held.entries], held.values[held.entries])
