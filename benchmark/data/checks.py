"""Checks the splits of a data set before anything is trained on them."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.data.splits import Data, NotData, Splits


def checked(splits: Splits) -> Splits:
    """The same splits, after a check that their examples can be used.

    Raises:
        NotData: they are not `Splits`.
        ValueError: examples are not finite, labels are negative, there is only one class to learn, or validation or
            test have classes that training lacks.
    """
    if not isinstance(splits, Splits):
        raise NotData(f"the data of a task are Splits(train, validation, test), not a {type(splits).__name__}")
    parts: dict[str, Data] = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    for name, part in parts.items():
        try:
            getattr(part, "check", lambda: None)()
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    _check_classes({name: part.classes for name, part in parts.items()})
    return splits


def _check_classes(labels: dict[str, Tensor | None]) -> None:
    ranges = {name: torch.aminmax(classes) for name, classes in labels.items() if classes is not None}
    for name, (lowest, highest) in ranges.items():
        if lowest < 0:
            raise ValueError(f"{name} has the label {lowest}; classes are numbered from 0")
        if "train" in ranges and highest > (known := ranges["train"].max):
            raise ValueError(
                f"{name} has the label {highest}, and the labels of train end at {known}; if they are numbers to "
                f"predict and no classes, give them as floats"
            )
    if "train" in ranges and ranges["train"].min == ranges["train"].max:
        raise ValueError(f"all examples of train have the label {ranges['train'].min}: there is nothing to learn")
