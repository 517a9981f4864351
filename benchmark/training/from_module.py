"""`from_module`: any network with two splits, as a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from benchmark.data.dataset import Collate, DatasetData
from benchmark.data.splits import Batch, NotData, Splits
from benchmark.data.tensors import carved
from benchmark.training.recipe import Recipe, shortened
from benchmark.training.task import Task

Compare = Callable[[Tensor, Tensor], Tensor]
"""From the outputs of a network and the targets of a batch to a loss, averaged over the examples."""


def from_module(
    module: Callable[[], nn.Module] | Mapping[str, Callable[[], nn.Module]],
    splits: Callable[[Path], tuple[Any, ...]],
    recipe: Recipe,
    *,
    loss: Compare | None = None,
    collate: Collate | None = None,
    target: int | str | None = None,
    validation: float = 0.1,
    **further: Any,
) -> Task:
    """A task of a network and its data.

    A batch is a tuple, inputs and then targets, or a dictionary. The network is called with the inputs (by name, if the
    batch is a dictionary) and returns its outputs, or an object that has them as `logits`, as in transformers.

    Args:
        module: makes a network: its class, for example. Or several such constructors, by name.
        splits: a function from the folder of the data sets to (train, test) or (train, validation, test): data sets or
            loaders of torch, as `DatasetData` takes them, or `TensorData`.
        recipe: the recipe of the budget `full`; `short` is a fifth of it, and `smoke` a fiftieth.
        loss: a loss of outputs and targets, by which networks are then also ranked. By default examples have one class
            each: networks are trained with cross-entropy and ranked by accuracy.
        collate: a function from a list of examples to a batch; see `DatasetData`.
        target: which entry of an example is its target; see `DatasetData`.
        validation: if `splits` returns two, the share of training examples that become the validation split, the same
            ones in all runs.
        further: other arguments of `Task`.
    """
    compare = loss or F.cross_entropy

    def data(folder: Path) -> Splits:
        parts = splits(folder)
        if not isinstance(parts, tuple | list) or len(parts) not in (2, 3):
            raise NotData(f"splits(folder) returns (train, test) or (train, validation, test), not {kind_of(parts)}")
        given = [one if hasattr(one, "batch") else DatasetData(one, collate, target) for one in parts]
        if len(given) == 2:
            train, test = given
            kept, held_out = carved(len(train), max(1, round(validation * len(train))))
            given = [train.select(kept), train.select(held_out), test]
        return Splits(*given)

    def logits(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        return outputs(network, batch, target)

    def mean_loss(network: nn.Module, batch: Batch) -> Tensor:
        return compare(*logits(network, batch))

    def evaluate(network: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
        return measured(compare, (logits(network, batch) for batch in batches), classify=loss is None)

    return Task(
        models=module if isinstance(module, Mapping) else {"net": module},
        recipes={
            "smoke": shortened(recipe, max(1, recipe.steps // 50)),
            "short": shortened(recipe, max(1, recipe.steps // 5)),
            "full": recipe,
        },
        data=data,
        loss=mean_loss,
        evaluate=evaluate,
        metrics={"loss": "min"} if loss else {"accuracy": "max", "loss": "min"},
        **({} if loss else {"logits": logits}) | further,
    )


def kind_of(parts: Any) -> str:
    """A value in words: `a TensorDataset`, `a list of 4`."""
    kind = f"a {type(parts).__name__}"
    return f"{kind} of {len(parts)}" if isinstance(parts, tuple | list) else kind


def outputs(network: nn.Module, batch: Batch, target: int | str | None = None) -> tuple[Tensor, Tensor]:
    """The outputs of a network for a batch, and the batch's targets."""
    if isinstance(batch, Mapping):
        place = target or next((name for name in ("labels", "label") if name in batch), "labels")
        found = network(**{name: value for name, value in batch.items() if name != place})
        return getattr(found, "logits", found), batch[place]
    place = len(batch) - 1 if target is None else int(target) % len(batch)
    found = network(*(value for number, value in enumerate(batch) if number != place))
    return getattr(found, "logits", found), batch[place]


def measured(compare: Compare, pairs: Iterable[tuple[Tensor, Tensor]], *, classify: bool) -> dict[str, float]:
    """The mean loss of outputs and targets over all examples; if targets are classes, preceded by the accuracy."""
    count, total, right = 0, 0.0, 0
    for found, wanted in pairs:
        count += len(wanted)
        total += float(compare(found.float(), wanted)) * len(wanted)
        right += int((found.argmax(dim=1) == wanted).sum()) if classify else 0
    return {"accuracy": right / count, "loss": total / count} if classify else {"loss": total / count}
