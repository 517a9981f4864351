"""What SparseGPT and OBC share: a layer as rows of weights, and the Hessian of its error on its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from benchmark import Anywhere, Inapplicable, Layer, NofM, Run, Target

from ._layerwise import equal_shares


@dataclass(frozen=True)
class Rows:
    """The weight of a layer and the Hessian of its squared error, in float64.

    Args:
        weights: [groups, rows, columns], flattened from the second dimension of the weight; under N:M in another order,
            in which the columns that compete lie next to each other. Columns whose input is always 0 are 0.
        hessian: 2 X X^T with damping [groups, columns, columns].
        order: the columns in this order, int64 [columns].
        shape: of the weight.
    """

    weights: Tensor
    hessian: Tensor
    order: Tensor
    shape: torch.Size

    @classmethod
    def of(cls, weight: Tensor, inputs: Tensor, damping: float, target: Target) -> Self:
        """Arrange a layer.

        Args:
            inputs: the mean of x x^T, float64 [groups, columns, columns] (`Run.gram`).
            damping: added to the diagonal of the Hessian, as a share of its mean.
        """
        order = torch.arange(weight[0].numel(), device=weight.device)
        if isinstance(target.pattern, NofM):
            order = order.view(weight.shape[1:]).movedim(0, -1).flatten()
        hessian = 2 * inputs[:, order][:, :, order]
        diagonal = hessian.diagonal(dim1=1, dim2=2)
        dead = diagonal == 0
        diagonal.add_(damping * diagonal.mean(dim=1, keepdim=True))
        diagonal[dead] = 1  # after the mean, which would depend on the unit of the inputs
        rows = weight.double().flatten(1)[:, order].view(len(inputs), -1, len(order)).masked_fill(dead[:, None], 0)
        return cls(rows, hessian, order, weight.shape)

    @property
    def inverse(self) -> Tensor:
        """The inverse of the Hessian."""
        inverse: Tensor = torch.linalg.inv(self.hessian)
        return inverse

    def shaped(self, values: Tensor) -> Tensor:
        """Values [groups, rows, columns] in the shape of the weight."""
        return values.flatten(0, 1)[:, self.order.argsort()].view(self.shape)


def counts_of(run: Run, method: str) -> dict[str, int]:
    """How many weights each tensor keeps; those that the pattern leaves dense are left out.

    Raises:
        Inapplicable: the pattern keeps weights together.
    """
    pattern, density = run.target.pattern, run.target.density
    shapes = {name: mask.shape for name, mask in run.masks.items()}
    if isinstance(pattern, Anywhere):
        return equal_shares(run)
    if isinstance(pattern, Layer | NofM):
        exempt = pattern.exempt(shapes)
        return {name: round(density * shape.numel()) for name, shape in shapes.items() if name not in exempt}
    raise Inapplicable(f"'{method}' removes single weights, which pattern {pattern.name} keeps together")
