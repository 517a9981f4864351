"""Tables of labelled texts as data of a task, and how networks that classify them are measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from sklearn.metrics import matthews_corrcoef
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Splits, TensorData, UsageError, carve

from ._published import DIGESTS
from ._tables import Table, read_table
from ._vocabulary import NOWHERE, Vocabulary, Words

METRICS: dict[str, Literal["max", "min"]] = {"accuracy": "max", "matthews": "max", "loss": "min"}

TOGETHER = 32
"""Texts that are evaluated at once."""

Labelled = tuple[Tensor, Tensor]
"""Rows of `Words.encoded`, [b, 2, length], and labels, int64 [b]."""

DEV = ("dev", "dev_matched")
"""What the table for validation is called: MNLI has two, of which the first is of the same genres as training."""

VALIDATION = 1_000
"""Training texts that are held out at most, and no more than a tenth, where there is no labelled test table."""


@dataclass(frozen=True)
class Labels:
    """The tables of a folder.

    Args:
        folder: below the data root.
        length: word pieces of a row.
        classes: number of labels.
        tested: whether there has to be a labelled `test.tsv`.
    """

    folder: str
    vocabulary: Vocabulary
    length: int
    classes: int
    tested: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """What `load` needs, relative to the data root: the tables if their names are known for sure, or the folder."""
        names = ("train", "dev", "test") if self.tested else ("train", "dev")
        tables = tuple(f"{self.folder}/{name}.tsv" for name in names)
        return tables if self.tested or DIGESTS.keys() >= set(tables) else (self.folder,)

    def sources(self, root: Path) -> list[Path]:
        """Those of the tables that are there."""
        tables = [root / self.folder / f"{name}.tsv" for name in ("train", *DEV, "test")]
        return [table for table in tables if table.is_file()]

    def load(self, root: Path) -> Splits:
        """The splits. Validation is `dev.tsv` where `test.tsv` has labels; else that is the test split.

        Raises:
            ValueError: a table is not there or cannot be read, a row has no label or one that no training row has, or
                the test table has none and has to.
            UsageError: there are more or fewer labels than `classes`.
        """
        train, dev = self._table(root, "train"), self._table(root, *DEV)
        test = self._labelled_test(root)
        if self.tested and not test:
            raise ValueError(f"{self.folder}/test.tsv has no labels, as GLUE's own; this task tests on them")
        for table in (train, dev, *([test] if test else [])):
            table.require_labels()
        names = sorted(set(train.labels), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
        if len(names) == 1:
            raise ValueError(f"{train.file}: every row has the label '{names[0]}'; there is nothing to learn")
        if len(names) != self.classes:
            shown = ", ".join(names[:5]) + ", ..." * (len(names) > 5)
            raise UsageError(f"{self.folder}/train.tsv has {len(names)} labels ({shown}); give classes={len(names)}")
        words = self.vocabulary.read(root)
        tables = [self._data(table, names, words) for table in (train, dev, *([test] if test else []))]
        if test:
            return Splits(*tables)
        return Splits(*carve(tables[0], min(VALIDATION, len(tables[0]) // 10)), tables[1])

    def _table(self, root: Path, *names: str) -> Table:
        """The first of these tables that is there. Raises ValueError if none is, or it cannot be read."""
        for name in names:
            if (file := root / self.folder / f"{name}.tsv").is_file():
                return read_table(file)
        raise ValueError(f"{root / self.folder} has no {' or '.join(f'{name}.tsv' for name in names)}")

    def _labelled_test(self, root: Path) -> Table | None:
        """The test table; None if it is not there, or without labels, as GLUE's are."""
        file = root / self.folder / "test.tsv"
        table = read_table(file) if file.is_file() else None
        return table if table and table.labels else None

    def _data(self, table: Table, names: list[str], words: Words) -> TensorData:
        numbers = {name: number for number, name in enumerate(names)}
        if other := sorted(set(table.labels) - numbers.keys()):
            line = table.first + table.labels.index(other[0])
            raise ValueError(f"{table.file}, line {line}: the label '{other[0]}' is none of training's")
        labels = torch.tensor([numbers[label] for label in table.labels])
        return TensorData(words.encoded(table.texts, self.length), labels)


def logits(model: nn.Module, batch: Labelled) -> tuple[Tensor, Tensor]:
    """The outputs for a batch, [b, classes], and its labels.

    Where no gradient is asked for, texts of a length go through the network together, without the padding that all of
    them have: less than half of the work.
    """
    rows, labels = batch
    if torch.is_grad_enabled():
        return model(rows), labels
    lengths = (rows[:, 1] != NOWHERE).sum(dim=1)
    order = lengths.argsort()
    parts = zip(*(torch.split(tensor[order], TOGETHER) for tensor in (rows, lengths)), strict=True)
    outputs = torch.cat([model(part[:, :, : int(longest[-1])]) for part, longest in parts])
    return outputs[order.argsort()], labels


def evaluate(model: nn.Module, batches: Iterable[Labelled]) -> dict[str, float]:
    """Accuracy, Matthews' correlation (CoLA's metric), and mean cross-entropy over all texts."""
    found = [logits(model, batch) for batch in batches]
    outputs, labels = (torch.cat(part).cpu() for part in zip(*found, strict=True))
    outputs = outputs.double()
    answers = outputs.argmax(dim=1)
    return {
        "accuracy": float((answers == labels).double().mean()),
        "matthews": float(matthews_corrcoef(labels.numpy(), answers.numpy())),
        "loss": float(F.cross_entropy(outputs, labels)),
    }
