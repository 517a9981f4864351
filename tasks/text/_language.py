"""Running text as data of a task, and how networks that continue it are measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Splits, TensorData

from ._corpus import Corpus
from ._vocabulary import Vocabulary, Words

METRICS: dict[str, Literal["max", "min"]] = {"perplexity": "min", "loss": "min"}

TOGETHER = 16
"""Rows that are evaluated at once: the outputs of a thousand take gigabytes."""

Running = tuple[Tensor, Tensor]
"""Numbers of word pieces, int32 [b, length], and of those that follow each, int32 [b, length]."""


@dataclass(frozen=True)
class RunningText:
    """The texts of a corpus, line after line, in rows that share nothing.

    Args:
        length: word pieces of a row that are given; one more is predicted.
    """

    corpus: Corpus
    vocabulary: Vocabulary
    length: int

    def load(self, root: Path) -> Splits:
        """The splits. Raises ValueError if the corpus cannot be read or fills no row."""
        words = self.vocabulary.read(root)
        return Splits(*(self._data(texts, words) for texts in self.corpus.read(root)))

    def _data(self, texts: Sequence[str], words: Words) -> TensorData:
        stream = [number for pieces in words.pieces([f"{text}\n" for text in texts]) for number in pieces]
        width = self.length + 1
        if len(stream) < width:
            raise ValueError(f"{self.corpus.name}: {len(stream):,} word pieces of a split fill no row of {width}")
        rows = torch.tensor(stream[: len(stream) // width * width], dtype=torch.int32).view(-1, width)
        return TensorData(rows[:, :-1].contiguous(), rows[:, 1:].contiguous())


def _compared(model: nn.Module, batch: Running) -> tuple[Tensor, Tensor]:
    """The outputs at every place, [b * length, vocabulary], and what follows, int64 [b * length]."""
    given, following = batch
    return model(given).flatten(0, 1), following.flatten().long()


def loss(model: nn.Module, batch: Running) -> Tensor:
    """The mean cross-entropy over all places."""
    return F.cross_entropy(*_compared(model, batch))


def evaluate(model: nn.Module, batches: Iterable[Running]) -> dict[str, float]:
    """Perplexity, exp of the mean cross-entropy of a word piece in nats, and that mean, over all places."""
    total, count = 0.0, 0
    for batch in batches:
        for given, following in zip(*(torch.split(tensor, TOGETHER) for tensor in batch), strict=True):
            outputs, words = _compared(model, (given, following))
            total += float(F.cross_entropy(outputs.float(), words, reduction="sum"))
            count += len(words)
    return {"perplexity": math.exp(min(total / count, 700.0)), "loss": total / count}
