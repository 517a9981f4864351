"""How the loss `gambler` changes a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.data.splits import Batch, Data
from benchmark.training.evaluation import batches_of
from benchmark.training.reservation import Classes, Outputs, gamble, keeps_all, kept, required, widened
from benchmark.training.task import Task, with_recipes


@dataclass(frozen=True)
class Gambling:
    """A task whose networks have one more output, for what they do not bet. Its metrics are of the classes alone.

    Args:
        task: the original task.
        outputs: its `logits`, for networks with the additional output.
        payoff: the payoff of a correct bet.
        early: the share of training before gambling begins.
    """

    task: Task
    outputs: Outputs
    payoff: float
    early: float

    @classmethod
    def of(cls, task: Task, logits: Outputs, payoff: float, early: float) -> Task:
        """The task with the gambler's loss."""
        game = cls(task, required(logits), payoff, early)
        timed = with_recipes(task, lambda recipe: replace(recipe, early=round(early * recipe.steps)))
        return replace(
            timed,
            models={name: widened(constructor, payoff) for name, constructor in task.models.items()},
            model_zoos=game._zoos(),
            loss=game.bets,
            early=game.plain,
            evaluate=game.evaluate,
            logits=game.classes,
            diagnose=game.diagnose,
            collapsed=game.collapsed,
        )

    def _zoos(self) -> Mapping[str, Callable[[str], Callable[[], nn.Module]]]:
        def widening(find: Callable[[str], Callable[[], nn.Module]]) -> Callable[[str], Callable[[], nn.Module]]:
            return lambda name: widened(find(name), self.payoff)

        return {name: widening(find) for name, find in self.task.model_zoos.items()}

    def bets(self, model: nn.Module, batch: Batch) -> Tensor:
        """The gambler's loss."""
        return gamble(*self.outputs(model, batch), self.payoff)

    def plain(self, model: nn.Module, batch: Batch) -> Tensor:
        """The loss before gambling begins: the mean cross-entropy of the classes."""
        return F.cross_entropy(*self.classes(model, batch))

    def classes(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The logits of the classes, [n, m], and the labels."""
        logits, labels = self.outputs(model, batch)
        return logits[:, :-1], labels

    def evaluate(self, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        """The metrics of the task."""
        return self.task.evaluate(Classes(model), batches)

    def diagnose(self, model: nn.Module, data: Data) -> dict[str, Any]:
        """The task's own diagnosis of a network, and the risks by its reservation."""
        own = self.task.diagnose(model, data) if self.task.diagnose else {}
        with torch.no_grad():
            return {**own, "reservation": kept(model, self._over(model, batches_of(data)))}

    def collapsed(self, model: nn.Module, batches: Iterable[Batch]) -> str:
        """Why a network predicts nothing: it keeps its stake whatever the input."""
        if not keeps_all(self._over(model, batches)):
            return ""
        given = f"(payoff {self.payoff:g}, early {self.early:g})"
        return f"collapsed: the network keeps its stake on every input {given}; raise the payoff or `early`"

    def _over(self, model: nn.Module, batches: Iterable[Batch]) -> Iterable[tuple[Tensor, Tensor]]:
        return (self.outputs(model, batch) for batch in batches)
