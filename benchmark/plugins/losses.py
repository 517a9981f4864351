"""The losses that the option `loss` of a task can name: functions of logits [n, classes] and classes, int64 [n]."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from benchmark.plugins.options import Fraction, Option, command_line_name, options_of

if TYPE_CHECKING:
    from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy."""
    from torch.nn import functional as F

    return F.cross_entropy(logits, labels)


def label_smoothing(logits: Tensor, labels: Tensor, *, smoothing: Fraction = 0.1) -> Tensor:
    """The mean cross-entropy with mixed targets (Szegedy et al., 2016, section 7).

    Options:
        smoothing: the share of each target that is spread evenly over all classes
    """
    from torch.nn import functional as F

    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over examples and classes of the squared distance to the one-hot target (Hui & Belkin, 2021)."""
    from torch.nn import functional as F

    return F.mse_loss(logits, F.one_hot(labels, logits.shape[1]).to(logits.dtype))


LOSSES: Mapping[str, Callable[..., Tensor]] = {
    command_line_name(function): function for function in (cross_entropy, label_smoothing, squared_error)
}
"""By name."""

OPTIONS: Mapping[str, Mapping[str, Option]] = {name: options_of(loss, leading=2) for name, loss in LOSSES.items()}
"""The options of each loss, which are those of a task while it is chosen."""
