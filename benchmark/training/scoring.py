"""Batches, losses and gradients for scoring a network on its training data, which leave the network unchanged."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmark.data.splits import Batch, Data
from benchmark.errors import Inapplicable
from benchmark.random_streams import stream, stream_seed
from benchmark.training.example_gradients import example_gradients
from benchmark.training.layer_inputs import Inputs, Means, Measure
from benchmark.training.meter import Meter
from benchmark.training.objective import Norms, Objective
from benchmark.training.order import Order
from benchmark.training.step import Part
from benchmark.training.unused_weights import with_zero_gradients


class Scoring:
    """The implementation of those methods of `Run` that look at the network. The meter counts every pass.

    Args:
        data: the examples that batches are drawn from, in an order that is separate from that of training.
        batch_size: the batch size of training.
        trained: the names of the parameters that are trained; the gradient of the others is 0.

    Attributes:
        batches_drawn: the number of batches taken from the order so far.
        labels_drawn: whether any examples were given out with their labels, and not only used for their inputs.
    """

    def __init__(
        self,
        objective: Objective,
        data: Data,
        batch_size: int,
        seed: int,
        meter: Meter,
        trained: Collection[str],
    ) -> None:
        self.data, self.batches_drawn, self._groups_drawn, self._trained = data, 0, 0, trained
        self.labels_drawn = False
        self._objective, self._seed, self._meter = objective, seed, meter
        self._order = Order(len(data), batch_size, seed, "scoring")

    def batches(self, count: int) -> list[Batch]:
        """The next `count` batches."""
        self.labels_drawn = self.labels_drawn or count > 0
        return self._next(count)

    def _next(self, count: int) -> list[Batch]:
        self.batches_drawn += count
        steps = range(self.batches_drawn - count, self.batches_drawn)
        return [self.data.batch(self._order[step]) for step in steps]

    def balanced(self, per_class: int, most: int | None) -> list[Part]:
        """`per_class` examples of every class, in parts of at most `most` with the same share of every class."""
        classes = self.data.classes
        self.batches_drawn += 1
        self.labels_drawn = True
        if classes is None:
            return [Part(self.data, self._order[self.batches_drawn - 1])]
        order = torch.randperm(len(self.data), generator=stream(self._seed, "balanced", self.batches_drawn))
        chosen = torch.cat([order[classes[order] == number][:per_class] for number in torch.unique(classes)])
        count, size = math.ceil(len(chosen) / most) if most else 1, self._order.batch_size
        parts = (chosen[number::count] for number in range(count))
        return [Part(self.data, part, len(part) / len(chosen), len(part) / size) for part in parts]

    def loss(
        self,
        batch: Batch | Part,
        weights: Mapping[str, Tensor],
        temperature: float,
        norms: Norms = "batch",
        *,
        twice: bool = True,
    ) -> Tensor:
        """The loss of a batch, differentiable in `weights`. The meter counts its backward passes when they happen.

        Args:
            twice: whether it has to be twice differentiable, which the faster kernels of attention are not.
        """
        batch, share, size = (batch.batch, batch.share, batch.size) if isinstance(batch, Part) else (batch, 1.0, 1.0)
        noise = stream_seed(self._seed, "scoring noise", self._meter.scoring_passes)
        self._meter.score("forward", size)
        used = {name: weight if name in self._trained else weight.detach() for name, weight in weights.items()}
        with sdpa_kernel(SDPBackend.MATH) if twice else nullcontext():
            value = self._objective.at(batch, self._frozen() | used, noise, temperature, norms) * share
        loss = with_zero_gradients(value, weights.values())
        if loss.requires_grad:
            self._count_backward(loss, size)
        return loss

    def flow(self, weights: Mapping[str, Tensor]) -> Tensor:
        """The summed output for an input of ones, differentiable in `weights`."""
        dtype = next(iter(weights.values())).dtype
        model = self._objective.model
        state = dict(model.named_parameters()) | dict(model.named_buffers())
        others = {n: v.detach().abs().to(dtype) if v.is_floating_point() else v.clone() for n, v in state.items()}
        batch = self.data.batch(torch.zeros(1, dtype=torch.int64))
        share = 1 / self._order.batch_size  # the pass has a single input
        self._meter.score("forward", share)
        try:
            outputs = self._objective.flow(batch, others | dict(weights))
        except torch.OutOfMemoryError:
            raise
        except Exception as problem:  # layers of a fixed type, for example
            reason = f"{type(problem).__name__}: {' '.join(str(problem).split())}"
            raise Inapplicable(f"no signal can be sent through this network in {dtype}: {reason}") from problem
        total = with_zero_gradients(outputs.sum(), weights.values())
        if total.requires_grad:
            total.register_hook(  # type: ignore[no-untyped-call]
                lambda grad: self._meter.score("backward", share)
            )
        return total

    def outputs(self, batch: Batch, weights: Mapping[str, Tensor], norms: Norms, noise: int | None) -> Tensor:
        """The network's outputs, without dropout, differentiable in `weights`."""
        self._meter.score("forward")
        with sdpa_kernel(SDPBackend.MATH):  # the faster kernels of attention are not twice differentiable
            found = self._objective.outputs(batch, self._frozen() | dict(weights), norms, noise)
        outputs = found[0] if len(found) == 1 else torch.cat([output.reshape(-1) for output in found])
        outputs = with_zero_gradients(outputs, weights.values())
        if outputs.requires_grad:
            self._count_backward(outputs, 1.0)
        return outputs

    def statistics(self, batches: list[Batch], weights: Mapping[str, Tensor], noise: int | None) -> dict[str, Tensor]:
        """The running statistics that norm layers would have after these batches alone."""
        for _ in batches:
            self._meter.score("forward")
        return self._objective.statistics(batches, weights, noise)

    def fed(self, count: int, measure: Measure, names: Collection[str]) -> Means:
        """Means over the inputs of the layers with these weights, for the next `count` batches."""
        means = Means(measure)
        with torch.no_grad(), means.watching(self._objective.model, names):
            for batch in self._next(count):
                self._meter.score("forward")
                self._objective.outputs(batch, {})
        return means

    def inputs(self, count: int, names: Collection[str]) -> Iterator[dict[str, tuple[Tensor, ...]]]:
        """The inputs of the layers with these weights, for each of the next `count` batches."""
        for batch in self._next(count):
            inputs = Inputs()
            self._meter.score("forward")
            with torch.no_grad(), inputs.watching(self._objective.model, names):
                self._objective.outputs(batch, {})
            yield inputs.seen

    def each(self, weights: Mapping[str, Tensor], count: int, size: int) -> Iterator[dict[str, Tensor]]:
        """The gradient of each of the next `count` groups of `size` examples."""
        order = Order(len(self.data), size, self._seed, "examples")
        count = count if len(self.data) > size else 1  # the others would be the same examples again
        groups = torch.stack([order[self._groups_drawn + number] for number in range(count)])
        self._groups_drawn += count
        self.labels_drawn = True
        share = groups.shape[1] / self._order.batch_size
        used = {name: weight for name, weight in weights.items() if name in self._trained}
        frozen = {name: torch.zeros_like(weight) for name, weight in weights.items() if name not in self._trained}
        for gradients in example_gradients(self._objective, used, self.data, groups):
            self._meter.score("forward", share)
            self._meter.score("backward", share)
            yield {name: frozen[name] if name in frozen else gradients[name] for name in weights}

    def gradients(self, weights: Mapping[str, Tensor], count: int, norms: Norms = "batch") -> dict[str, Tensor]:
        """The gradient, with respect to `weights`, of the mean loss over the next `count` batches."""
        leaves = {name: weight.detach().requires_grad_() for name, weight in weights.items()}
        sums = {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
        for batch in self.batches(count):
            grads = torch.autograd.grad(self.loss(batch, leaves, 1.0, norms, twice=False), list(leaves.values()))
            for name, grad in zip(sums, grads, strict=True):
                sums[name] += grad / count
        return {name: total.detach() for name, total in sums.items()}

    def _frozen(self) -> dict[str, Tensor]:
        return {name: parameter.detach() for name, parameter in self._objective.model.named_parameters()}

    def _count_backward(self, value: Tensor, size: float) -> None:
        """Count a backward pass through `value` when it happens."""
        value.register_hook(  # type: ignore[no-untyped-call]
            lambda grad: self._meter.score("graph" if torch.is_grad_enabled() else "backward", size)
        )
