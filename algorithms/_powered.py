"""Powerpropagation, an option of methods that prune by magnitude: training that makes small weights smaller.

What is trained is theta, and the network computes with w = sign(theta) |theta|^alpha (Schwarz et al., 2021,
arXiv:2110.00296). A small weight has a small gradient, alpha |theta|^(alpha - 1) times that of w, and stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from benchmark import Run, Snapshot
from benchmark.scores import Tensors

Power = Annotated[float, Field(ge=1, allow_inf_nan=False, description="number >= 1")]
"""alpha; 1 is plain training."""


@dataclass(frozen=True)
class Trained:
    """A run whose weights are trained as powers.

    Args:
        thetas: what is trained, by name, as training changes it; empty for plain training.
    """

    run: Run
    power: float
    thetas: Mapping[str, Tensor]

    @property
    def weights(self) -> dict[str, Tensor]:
        """Copies of the prunable tensors that the network computes with."""
        used = raised(self.thetas, self.run.masks, self.power)
        return {name: used.get(name, weight).detach().clone() for name, weight in self.run.weights.items()}

    def snapshot(self) -> tuple[Snapshot, dict[str, Tensor]]:
        """The state of the run, and copies of what is trained."""
        return self.run.snapshot(), {name: value.detach().clone() for name, value in self.thetas.items()}

    def restore(self, snapshot: tuple[Snapshot, Tensors]) -> None:
        """Go back to a snapshot with a fresh optimizer. Pruned weights stay zero."""
        self.run.restore(snapshot[0])
        with torch.no_grad():
            for name, value in snapshot[1].items():
                self.thetas[name].copy_(value * self.run.masks[name] if name in self.run.masks else value)


@contextmanager
def powered(run: Run, power: float) -> Iterator[Trained]:
    """Train the weights of a run as powers within this context; with power 1, train them as ever."""
    if power == 1:
        yield Trained(run, power, {})
        return
    start = raised(run.parameters, run.masks, 1 / power)
    with run.learning(start, lambda thetas: raised(thetas, run.masks, power)) as thetas:
        yield Trained(run, power, thetas)
    run.write({name: value.detach() for name, value in raised(thetas, run.masks, power).items()})


def raised(values: Tensors, names: Mapping[str, object], power: float) -> dict[str, Tensor]:
    """sign(v) |v|^power of the tensors in `names`, and the others as they are."""
    return {name: v.sign() * v.abs().pow(power) if name in names else v for name, v in values.items()}
