"""Networks that may abstain: an output besides the classes has the share of the stake not bet (Ziyin et al., 2019).

The softmax is over m classes and the reservation, which is the last output. The prediction is the best of the classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.data.splits import Batch
from benchmark.errors import Inapplicable, UsageError
from benchmark.training.selective import selective

Outputs = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]
"""From a network and a batch to logits [n, m + 1], the last of which is the reservation, and labels, int64 [n]."""

KEPT = 0.99
"""A network whose mean reservation is larger has collapsed."""


def gamble(logits: Tensor, labels: Tensor, payoff: float) -> Tensor:
    """The mean of -log(p_y + p_reservation / payoff), for logits [n, m + 1] and labels, int64 [n], below m."""
    logs = F.log_softmax(logits, dim=1)
    bet = logs[:, :-1].gather(1, labels.unsqueeze(1)).squeeze(1)
    return -torch.logaddexp(bet, logs[:, -1] - math.log(payoff)).mean()


def widened(constructor: Callable[..., nn.Module], payoff: float) -> Callable[..., nn.Module]:
    """The constructor of the same network with one more output, which is initialised after all others.

    Raises:
        UsageError: which layer makes the outputs is not clear, or the payoff is above the number of classes.
    """

    @wraps(constructor)
    def construct(*args: Any, **settings: Any) -> nn.Module:
        network = constructor(*args, **settings)
        layer = last_layer(network)
        _require_alone(network, layer)
        if payoff > layer.out_features:
            raise UsageError(
                f"payoff={payoff:g} is above the number of classes, {layer.out_features}: a bet on all of them never "
                f"loses; take at most {layer.out_features}"
            )
        _widen(layer)
        return network

    return construct


def _widen(layer: nn.Linear) -> None:
    """Add a row whose weights are sampled from those of the others, so that it has their distribution."""
    with torch.no_grad():
        for name in ("weight", "bias"):
            if (old := getattr(layer, name)) is not None:
                drawn = torch.randint(old.numel(), (1, *old.shape[1:]), device=old.device)
                setattr(layer, name, nn.Parameter(torch.cat([old, old.flatten()[drawn]]), old.requires_grad))
    layer.out_features += 1


def last_layer(network: nn.Module) -> nn.Linear:
    """The linear layer that makes the outputs: the last one of two outputs or more.

    Raises:
        UsageError: there is none.
    """
    layers = [module for module in network.modules() if isinstance(module, nn.Linear) and module.out_features > 1]
    if not layers:
        raise UsageError("the network has no linear layer that a reservation output could be added to")
    return layers[-1]


def _require_alone(network: nn.Module, last: nn.Linear) -> None:
    """Raise UsageError if layers other than the last one may contribute to the same outputs, which are then sums."""
    [name] = (name for name, module in network.named_modules() if module is last)
    parent = network.get_submodule(name.rpartition(".")[0])
    alike = [one for one in parent.children() if isinstance(one, nn.Linear) and one.out_features == last.out_features]
    if len(alike) > 1 and not isinstance(parent, nn.Sequential):
        raise UsageError(f"no reservation output can be added to '{name}': {len(alike)} layers there make outputs")


def required(outputs: Outputs) -> Outputs:
    """The outputs, once it is certain that the last of them is the reservation.

    Raises:
        Inapplicable: the network has other outputs than its last linear layer.
    """

    def checked(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        logits, labels = outputs(network, batch)
        if logits.shape[1:] != (last_layer(network).out_features,):
            raise Inapplicable(f"the network's outputs, {tuple(logits.shape)}, are not those of its last linear layer")
        return logits, labels

    return checked


class Classes(nn.Module):
    """A network reduced to its classes, without the reservation. All other attributes are those of the network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *args: Any, **settings: Any) -> Tensor:
        outputs: Tensor = self.network(*args, **settings)
        return outputs[:, :-1]

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)


def reservations(outputs: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The log-probabilities, float64 [b, m + 1], and whether the best class is wrong, [b], of each batch."""
    for logits, labels in outputs:
        logs = torch.log_softmax(logits.detach().double(), dim=1)
        yield logs.cpu(), (logits[:, :-1].argmax(dim=1) != labels).cpu()


def kept(network: nn.Module, outputs: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Any]:
    """The risks where the examples of the largest reservations are rejected first; see `selective`.

    Returns:
        also `mean`, the mean reservation, and `row_kept`, the share of nonzero weights of that output: it may be pruned
        like any other.
    """
    logs, wrong = (torch.cat(parts) for parts in zip(*reservations(outputs), strict=True))
    row = last_layer(network).weight[-1]
    of_row = {"mean": float(logs[:, -1].exp().mean()), "row_kept": float((row != 0).double().mean())}
    return of_row | selective(-logs[:, -1].numpy(), wrong.numpy())


def keeps_all(outputs: Iterable[tuple[Tensor, Tensor]]) -> bool:
    """Whether the mean reservation is above `KEPT`, or no class is ever more likely than it."""
    logs = torch.cat([found for found, _ in reservations(outputs)])
    never = bool((logs.argmax(dim=1) == logs.shape[1] - 1).all())
    return never or float(logs[:, -1].exp().mean()) > KEPT
