"""`LookAtLayers`: what a run shows of the inputs of layers, for methods that prune trained networks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from benchmark.training.layer_inputs import powers, products
from benchmark.training.run_state import RunState


class LookAtLayers:
    """The methods of a `Run` that look at the inputs of layers: in eval mode, with the masks in place."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def moments(self, count: int = 1, *, order: int | Sequence[int] = 2) -> dict[str, Tensor]:
        """The mean power of the inputs that each weight is multiplied with, over the next `count` scoring batches.

        There is one tensor per prunable tensor, of its shape; its rows are equal within a group of a convolution. The
        mean is over all positions of a filter, or all rows of a linear layer's input, in eval mode, with the masks in
        place. It is 1 where the inputs cannot be observed, as in attention and recurrent layers, and the record says
        so.

        Args:
            order: 1 for the mean, 2 for the mean square. For a sequence of orders, which share the batches, the tensors
                have an additional first dimension with one entry per order.

        Raises:
            Diverged: the training loss was not finite.
        """
        self._state.engine.check()
        orders = [order] if isinstance(order, int) else list(order)
        means, unseen, found = self._state.scoring.fed(count, powers(orders), self._state.prunable), [], {}
        for name, weight in self._state.weights.items():
            mean = means.of(name)
            unseen += [name] if mean is None else []
            each = weight.new_ones(len(orders), 1, *weight.shape[1:]) if mean is None else mean
            rows = each.repeat_interleave(len(weight) // each.shape[1], dim=1).to(weight.dtype)
            found[name] = rows[0] if isinstance(order, int) else rows
        self._state.log.unseen(unseen)
        return found

    def inputs(self, count: int = 1) -> Iterator[dict[str, tuple[Tensor, ...]]]:
        """The inputs of layers for each of the next `count` scoring batches: feature maps as the next layer reads them.

        For every prunable tensor whose layer can be observed, there is one tensor per call of a layer with this weight:
        [n, channels, *places], or [n, columns] for a linear layer without places.
        """
        return self._state.scoring.inputs(count, self._state.prunable)

    def gram(self, count: int = 1, names: Collection[str] | None = None) -> dict[str, Tensor]:
        """The mean of x x^T over the inputs x that the rows of a weight are multiplied with, flattened like these rows.

        It is float64 [groups, columns, columns] for a weight [groups * rows, ...] that has `columns` columns when it is
        flattened from its second dimension. See `moments`; it is the identity where the inputs cannot be observed.

        Args:
            names: the prunable tensors to look at; fewer need less memory. None for all.
        """
        weights = {name: weight for name, weight in self._state.weights.items() if names is None or name in names}
        means, found = self._state.scoring.fed(count, products, weights), {}
        for name, weight in weights.items():
            mean, columns = means.of(name), weight[0].numel()
            found[name] = torch.eye(columns, dtype=torch.float64, device=weight.device)[None] if mean is None else mean
            self._state.meter.products(2 * means.positions.get(name, 0) * len(found[name]) * columns**2)
        self._state.log.unseen([name for name in weights if means.of(name) is None])
        return found
