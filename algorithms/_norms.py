"""What scores before training depend on where there are norm layers: the statistics that these normalise by."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norms = Literal["batch", "running"]
"""The statistics of the scored batch, as in training; or the running ones, which are mean 0 and variance 1 at first."""


def matter(network: nn.Module) -> bool:
    """Whether a network has running statistics, so that the choice makes a difference."""
    return any(getattr(module, "running_mean", None) is not None for module in network.modules())
