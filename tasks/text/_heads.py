"""Encoders and decoders of text, as transformers builds them, with the heads of the tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForCausalLM

from benchmark import UsageError

from ._packing import Packing
from ._vocabulary import NOWHERE, Vocabulary

BODY = "body"
"""What networks call what they have of transformers."""

DIGEST = "vocabulary"
"""What they call the digest of their vocabulary."""

PACKED = {"bert"}
"""Kinds of encoders, by transformers' names, that are told the position of each place: their texts may share rows."""


class TextNetwork(nn.Module):
    """A network that carries the digest of its vocabulary; 0 if this process has not read it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        digest = vocabulary.content.digest if vocabulary.content else 0
        self.register_buffer(DIGEST, torch.tensor(digest, device="cpu"))  # also where networks have no values

    def try_out(self) -> None:
        """Raise UsageError if the task cannot use such a network, and whatever it raises itself."""
        raise NotImplementedError


class _Encoder(TextNetwork):
    def __init__(self, config: Any, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.body: Any = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        if hasattr(self.body, "pooler"):
            self.body.pooler = None

    def try_out(self) -> None:
        numbers = torch.zeros(1, 4, dtype=torch.int64)
        self.encode(torch.stack([numbers, numbers], dim=1))

    @property
    def words(self) -> Tensor:
        """The embedding of every word, [vocabulary, width]."""
        table: Tensor = self.body.get_input_embeddings().weight
        return table

    def encode(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """From rows of `Words.encoded`, [b, 2, length], to what each place holds, [b, length, width].

        And where there is text, [b, length, 1].
        """
        numbers, segments = rows.unbind(dim=1)
        there = segments != NOWHERE
        packing = Packing.of(there) if self.body.config.model_type in PACKED else None
        if packing is None:
            held = self._held(numbers, segments, there[:, None, :])
        else:
            texts = packing.texts
            alone = texts[:, :, None] == texts[:, None, :]
            numbers, segments = packing.pack(numbers, 0), packing.pack(segments, NOWHERE)
            held = packing.unpack(self._held(numbers, segments, alone, position_ids=packing.positions))
        return held, there.unsqueeze(-1)

    def _held(self, numbers: Tensor, segments: Tensor, seen: Tensor, **given: Tensor) -> Tensor:
        """What each place of rows holds at last, [b, length, width].

        Args:
            seen: which places a place sees, bool [b, length or 1, length].
        """
        shut = torch.zeros(seen.shape, device=seen.device).masked_fill(~seen, torch.finfo(torch.float32).min)
        if getattr(self.body.config, "type_vocab_size", 0) > 1:
            given["token_type_ids"] = segments.clamp(min=0).long()
        held: Tensor = self.body(input_ids=numbers, attention_mask=shut[:, None], **given).last_hidden_state
        return held


class Classifier(_Encoder):
    """Classes of texts: a linear layer on the mean over all places with text, as MiniLM was trained."""

    def __init__(self, config: Any, vocabulary: Vocabulary, classes: int) -> None:
        super().__init__(config, vocabulary)
        self.head = nn.Linear(config.hidden_size, classes)

    def forward(self, rows: Tensor) -> Tensor:
        held, there = self.encode(rows)
        outputs: Tensor = self.head((held * there).sum(dim=1) / there.sum(dim=1))
        return outputs


class Restorer(_Encoder):
    """Words at some places of a text, as BERT's head for masked words: compared with the embedding of every word."""

    def __init__(self, config: Any, vocabulary: Vocabulary) -> None:
        super().__init__(config, vocabulary)
        width = config.hidden_size
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, rows: Tensor, places: Tensor) -> Tensor:
        """From rows [b, 2, length] and places, int64 [b, k], to outputs [b, k, vocabulary]."""
        held, _ = self.encode(rows)
        chosen = held.gather(1, places.unsqueeze(-1).expand(-1, -1, held.shape[-1]))
        return F.linear(self.transform(chosen), self.words, self.bias)


class Continuer(TextNetwork):
    """The next word at every place of a text."""

    def __init__(self, config: Any, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.body: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]

    def try_out(self) -> None:
        """What comes later must not change what is predicted before."""
        one = torch.arange(4).unsqueeze(0) % self.body.config.vocab_size
        other = torch.cat([one[:, :-1], one[:, :1]], dim=1)
        here, there = (self(numbers)[:, :-1] for numbers in (one, other))
        if not torch.allclose(here, there, rtol=0, atol=1e-5 * float(here.abs().max())):
            raise UsageError(
                "it sees the words that it is to predict, as encoders do; use OPT, LLaMA or another decoder"
            )

    def forward(self, numbers: Tensor) -> Tensor:
        """From numbers of words, [b, length], to outputs [b, length, vocabulary]."""
        outputs: Tensor = self.body(input_ids=numbers, use_cache=False).logits
        return outputs


Head = Callable[[Any, Vocabulary], TextNetwork]
"""From transformers' configuration and a vocabulary to a network."""
