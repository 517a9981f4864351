"""Small networks of kinds that people prune and that tools stumble over, and a task that trains each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations

from benchmark import Recipe, Splits, Task, TensorData
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record

WIDTH, CLASSES = 12, 3


class Heads(nn.Module):
    """Two heads. The second one is used never, or in training alone."""

    def __init__(self, in_training: bool = False) -> None:
        super().__init__()
        self.body, self.aux, self.out = nn.Linear(16, WIDTH), nn.Linear(WIDTH, CLASSES), nn.Linear(WIDTH, CLASSES)
        self.in_training = in_training

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.body(x.flatten(1)))
        return self.out(hidden) + (self.aux(hidden) if self.in_training and self.training else 0)


class Dropped(nn.Module):
    """A residual block that half of the training steps leave out, as stochastic depth does."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.block, self.out = nn.Linear(16, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.first(x.flatten(1)))
        dropped = self.training and bool(torch.rand(()) < 0.5)
        return self.out(x if dropped else x + F.relu(self.block(x)))


class Query(nn.Module):
    """A learned query goes through a layer of its own, as in DETR: a module is called with a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.out = nn.Parameter(torch.randn(4, 16)), nn.Linear(16, 16), nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x.flatten(1) @ self.key(self.query).t())


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 16), nn.Linear(16, 16)
        self.out = nn.Linear(16, CLASSES)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.second(F.relu(self.first(x.flatten(1))))))


class Recurrent(nn.Module):
    def __init__(self, kind: Callable[..., nn.Module], head: bool = True) -> None:
        super().__init__()
        self.rnn = kind(4, 8, batch_first=True)
        self.out = nn.Linear(8, CLASSES) if head else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x.squeeze(1))[0][:, -1])


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inp, self.attention = nn.Linear(4, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inp(x.squeeze(1))
        return self.out((x + self.attention(x, x, x, need_weights=False)[0]).mean(dim=1))


class Empty(nn.Module):
    """A layer without inputs: 0 of 0 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.out = nn.Linear(16, WIDTH), nn.Linear(WIDTH, CLASSES)
        self.none = nn.Linear(1, WIDTH)
        self.none.weight = nn.Parameter(torch.empty(WIDTH, 0))

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return self.out(F.relu(self.body(x) + self.none(x[:, :0])))


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES)).bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.flatten(1).bfloat16()).float()


class Bare(nn.Module):
    """Weights as parameters of no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Parameter(torch.randn(WIDTH, 16) / 4),
            nn.Parameter(torch.randn(CLASSES, WIDTH) / 4),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(F.relu(F.linear(x.flatten(1), self.first)), self.second)


class Named(nn.Module):
    """Outputs in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.body(x)}


def plain() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(16, WIDTH), nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def normed() -> nn.Sequential:
    """With batch norm, whose scales are drawn at random."""
    norm = nn.BatchNorm1d(WIDTH)
    nn.init.uniform_(norm.weight)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, WIDTH), norm, nn.ReLU(), nn.Linear(WIDTH, CLASSES))


def weight_norm() -> nn.Sequential:
    return nn.Sequential(
        nn.Flatten(), parametrizations.weight_norm(nn.Linear(16, WIDTH)), nn.ReLU(), nn.Linear(WIDTH, CLASSES)
    )


def frozen(*names: str) -> nn.Module:
    network = plain()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in names)
    return network


def transposed() -> nn.Sequential:
    layers = [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 3), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, CLASSES))


def one_dimensional() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(2), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(56, CLASSES))


def single() -> nn.Sequential:
    """A layer of one weight."""
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Linear(1, 1), nn.Linear(1, CLASSES))


def scripted() -> nn.Module:
    return torch.jit.script(plain())  # type: ignore[no-untyped-call, no-any-return]


KINDS: Mapping[str, Callable[[], nn.Module]] = {
    "plain": plain,
    "normed": normed,
    "unused-head": Heads,
    "training-head": partial(Heads, True),
    "dropped-block": Dropped,
    "frozen-layer": partial(frozen, "1.weight", "1.bias"),
    "frozen-weights": partial(frozen, "1.weight", "3.weight"),
    "query": Query,
    "weight-norm": weight_norm,
    "tied": Tied,
    "lstm": partial(Recurrent, nn.LSTM),
    "gru": partial(Recurrent, nn.GRU),
    "attention": Attention,
    "transposed": transposed,
    "conv1d": one_dimensional,
    "empty-layer": Empty,
    "one-weight": single,
    "half": Half,
    "dictionary": Named,
}
"""Networks of which something can be pruned."""

WITHOUT: Mapping[str, Callable[[], nn.Module]] = {
    "bare": Bare,
    "lstm-only": partial(Recurrent, nn.LSTM, False),
}
"""Networks of which nothing can be pruned, unless it is named."""


def _data(folder: Path) -> Splits:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(90, 1, 4, 4, generator=draw)
    targets = (inputs.flatten(1)[:, :CLASSES]).argmax(dim=1)
    return Splits(*(TensorData(inputs[part::3], targets[part::3]) for part in range(3)))


def _outputs(model: nn.Module, inputs: Tensor) -> Tensor:
    outputs = model(inputs)
    return outputs["logits"] if isinstance(outputs, dict) else outputs


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(_outputs(model, batch[0])[:, :CLASSES], batch[1])


def _evaluate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, float]:
    right = [_outputs(model, inputs)[:, :CLASSES].argmax(dim=1) == labels for inputs, labels in batches]
    return {"accuracy": float(torch.cat(right).double().mean())}


_recipe = partial(Recipe, batch_size=10, rate=0.05, momentum=0.9, weight_decay=1e-3)
any_network = Task(
    models={**KINDS, **WITHOUT},
    recipes={"smoke": _recipe(steps=4), "short": _recipe(steps=8), "full": _recipe(steps=16)},
    data=_data,
    loss=_loss,
    evaluate=_evaluate,
    metrics={"accuracy": "max"},
)


def record_of(
    algorithm: str,
    model: str,
    *,
    sparsity: float = 0.5,
    pattern: str = "global",
    prunable: str = "all",
    **options: object,
) -> Record:
    """The record of a method on one of these networks."""
    method = registry.algorithm(algorithm)
    cell = Cell(
        algorithm=algorithm,
        options=method.resolve(options),
        task="any",
        model=model,
        pattern=pattern,
        prunable=prunable,
        sparsity=sparsity,
        budget="smoke",
        seed=0,
    )
    return answer(Question(cell, method, any_network))
