"""Masked words: which words of a row are hidden, and how well a network restores them (Devlin et al., 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmark import Splits, TensorData

from ._corpus import Corpus
from ._vocabulary import END, MASK, START, Vocabulary, Words

HIDDEN = 0.15
"""The share of a row that is hidden."""

BY_MASK, BY_ANOTHER = 0.8, 0.1
"""The shares of hidden words that [MASK], and that another word, is shown for; the rest is shown as it is."""

NEVER = -1
"""In place of [MASK], what is shown for a piece that is never hidden, as it is no word."""

METRICS: dict[str, Literal["max", "min"]] = {"accuracy": "max", "loss": "min"}

TOGETHER = 64
"""Rows that are evaluated at once: the outputs of a thousand take a gigabyte."""

Masked = tuple[Tensor, Tensor]
"""Rows, int32 [b, 3, length]: numbers of pieces, their segments, and the number of [MASK] where a word may be hidden.

And what is hidden of each, int64 [b, k, 3]: places, the words there, and those that are shown in their place.
"""


def hidden(rows: Tensor, draws: torch.Generator) -> Tensor:
    """Draw what is hidden of rows: exactly round(.15 * length) words of each, never what is no word.

    Other words that are shown are words of these rows; BERT's were any of the vocabulary.

    Args:
        draws: a generator on their device.
    """
    numbers, _, masks = rows.long().unbind(dim=1)
    keys = torch.rand(numbers.shape, generator=draws, device=rows.device).masked_fill(masks == NEVER, -1.0)
    places = keys.topk(round(HIDDEN * numbers.shape[1]), dim=1).indices
    words = numbers.gather(1, places)
    others = words.flatten()[torch.randint(words.numel(), words.shape, generator=draws, device=rows.device)]
    kind = torch.rand(places.shape, generator=draws, device=rows.device)
    shown = torch.where(
        kind < BY_MASK, masks.gather(1, places), torch.where(kind < BY_MASK + BY_ANOTHER, others, words)
    )
    return torch.stack([places, words, shown], dim=2)


def hidden_anew(batch: Masked, draws: torch.Generator) -> Masked:
    """Augmentation: what is hidden of a batch is drawn anew."""
    rows, _ = batch
    return rows, hidden(rows, draws)


@dataclass(frozen=True)
class Packed:
    """The texts of a corpus in full rows, one after the other.

    Args:
        length: word pieces of a row.
    """

    corpus: Corpus
    vocabulary: Vocabulary
    length: int

    def load(self, root: Path) -> Splits:
        """The splits, with what is hidden of each row drawn once.

        Raises:
            ValueError: the corpus cannot be read, it fills no row, or a row has fewer words than are to be hidden.
        """
        words = self.vocabulary.read(root)
        rows = [packed(texts, words, self.length) for texts in self.corpus.read(root)]
        draws = torch.Generator().manual_seed(0)
        return Splits(*(TensorData(part, hidden(part, draws)) for part in rows))


def packed(texts: Sequence[str], words: Words, length: int) -> Tensor:
    """Texts in a drawn order, with [SEP] between, in rows that begin with [CLS]: the rows of `Masked`.

    The end that fills no row is left out.

    Raises:
        ValueError: they fill no row, or a row has fewer words than are to be hidden.
    """
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    start, end = words.number(START), words.number(END)
    stream = [number for pieces in words.pieces([texts[i] for i in order]) for number in (*pieces, end)]
    count = len(stream) // (length - 1)
    if not count:
        raise ValueError(f"{len(stream):,} word pieces fill no row of {length}")
    numbers = torch.tensor(stream[: count * (length - 1)], dtype=torch.int32).view(count, length - 1)
    numbers = torch.cat([torch.full((count, 1), start, dtype=torch.int32), numbers], dim=1)
    special = torch.isin(numbers, torch.tensor(words.special, dtype=torch.int32))
    if int((~special).sum(dim=1).min()) < round(HIDDEN * length):
        raise ValueError(f"texts of a word or two leave rows of {length} with too few words to hide")
    masks = torch.full_like(numbers, words.number(MASK)).masked_fill(special, NEVER)
    return torch.stack([numbers, torch.zeros_like(numbers), masks], dim=1)


def restored(model: nn.Module, batch: Masked) -> tuple[Tensor, Tensor]:
    """The outputs at hidden places, [b * k, vocabulary], and the words there, int64 [b * k]."""
    rows, drawn = batch
    places, words, shown = drawn.unbind(dim=2)
    numbers = rows[:, 0].long().scatter(1, places, shown)
    outputs = model(torch.stack([numbers, rows[:, 1].long()], dim=1), places)
    return outputs.flatten(0, 1), words.flatten()


def loss(model: nn.Module, batch: Masked) -> Tensor:
    """The mean cross-entropy over hidden words."""
    return F.cross_entropy(*restored(model, batch))


def evaluate(model: nn.Module, batches: Iterable[Masked]) -> dict[str, float]:
    """Accuracy and mean cross-entropy over all hidden words."""
    right = count = 0
    total = 0.0
    for batch in batches:
        for part in zip(*(torch.split(tensor, TOGETHER) for tensor in batch), strict=True):
            outputs, words = restored(model, part)
            right += int((outputs.argmax(dim=1) == words).sum())
            total += float(F.cross_entropy(outputs.float(), words, reduction="sum"))
            count += len(words)
    return {"accuracy": right / count, "loss": total / count}


def diagnose(model: nn.Module, test: TensorData) -> dict[str, float]:
    """`commonest`: the accuracy of answering, for every hidden word, the commonest of them."""
    words = test.targets[:, :, 1].flatten()
    return {"commonest": float(words.bincount().max()) / len(words)}
