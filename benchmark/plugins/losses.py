"""The losses that the option `loss` of a task can name: functions from the task to the task that trains with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from benchmark.errors import UsageError
from benchmark.plugins.options import Fraction, Option, command_line_name, options_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from benchmark.data.splits import Batch
    from benchmark.training.reservation import Outputs
    from benchmark.training.task import Task

Payoff = Annotated[float, Field(gt=1, allow_inf_nan=False, description="number > 1")]


def cross_entropy(task: Task) -> Task:
    """The mean cross-entropy."""
    from torch.nn import functional as F

    return _comparing(task, F.cross_entropy)


def label_smoothing(task: Task, *, smoothing: Fraction = 0.1) -> Task:
    """The mean cross-entropy with mixed targets (Szegedy et al., 2016, section 7).

    Options:
        smoothing: the share of each target that is spread evenly over all classes
    """
    from torch.nn import functional as F

    return _comparing(task, lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=smoothing))


def squared_error(task: Task) -> Task:
    """The mean over examples and classes of the squared distance to the one-hot target (Hui & Belkin, 2021)."""
    from torch.nn import functional as F

    def compared(logits: Tensor, labels: Tensor) -> Tensor:
        return F.mse_loss(logits, F.one_hot(labels, logits.shape[1]).to(logits.dtype))

    return _comparing(task, compared)


def gambler(task: Task, *, payoff: Payoff = 2.6, early: Fraction = 0.33) -> Task:
    """Deep Gamblers: bet on a class or keep the stake (Ziyin et al., 2019, arXiv:1907.00208).

    Options:
        payoff: what a right bet pays, at most the number of classes; the more, the less is kept
        early: the share of training before it, with the cross-entropy of the classes alone
    """
    from benchmark.plugins.gambling import Gambling

    return Gambling.of(task, _logits_of(task), payoff, early)


def _comparing(task: Task, compared: Callable[[Tensor, Tensor], Tensor]) -> Task:
    """The task whose loss is a function of its logits [n, classes] and classes, int64 [n]."""
    logits = _logits_of(task)

    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return compared(*logits(model, batch))

    return replace(task, loss=loss)


def _logits_of(task: Task) -> Outputs:
    if task.logits is None:
        raise UsageError("loss is for tasks that compare logits with a class each, and this task does not")
    return task.logits


LOSSES: Mapping[str, Callable[..., Task]] = {
    command_line_name(function): function for function in (cross_entropy, label_smoothing, squared_error, gambler)
}
"""The losses by name."""

OPTIONS: Mapping[str, Mapping[str, Option]] = {name: options_of(loss, leading=1) for name, loss in LOSSES.items()}
"""The options of each loss, which are those of a task while it is chosen."""
