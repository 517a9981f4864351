"""Encoders and decoders of text, as transformers builds them, with the heads of the tasks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, BertConfig, OPTConfig
from transformers.models.bert import modeling_bert  # noqa: F401  # two seconds, which workers that are forked then save
from transformers.models.opt import modeling_opt  # noqa: F401

from benchmark import Task, UsageError, fetched, user_cache

from ._packing import Packing
from ._vocabulary import BERT, NOWHERE, Vocabulary, knows_berts_words

BODY = "body"
"""What networks call what they have of transformers."""

SIZES = {
    "bert-mini": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512},
    "bert-small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024},
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "gpt-mini": {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 512},
    "gpt-small": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "ffn_dim": 1024},
}
"""Of networks that have names here."""

LONGEST = 512
"""Positions that they know."""

PACKED = {"bert"}
"""Kinds of encoders, by transformers' names, that are told the position of each place: their texts may share rows."""


class _Network(nn.Module):
    """A network that carries the digest of its vocabulary's name."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        digest = torch.tensor(vocabulary.digest, device="cpu")  # also where networks have shapes and no values
        self.register_buffer("vocabulary", digest)


class _Encoder(_Network):
    def __init__(self, config: Any, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.body: Any = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
        if hasattr(self.body, "pooler"):
            self.body.pooler = None

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


class Continuer(_Network):
    """The next word at every place of a text."""

    def __init__(self, config: Any, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary)
        self.body: Any = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]

    def forward(self, numbers: Tensor) -> Tensor:
        """From numbers of words, [b, length], to outputs [b, length, vocabulary]."""
        outputs: Tensor = self.body(input_ids=numbers, use_cache=False).logits
        return outputs


Head = Callable[[Any, Vocabulary], nn.Module]
"""From transformers' configuration and a vocabulary to a network."""


@dataclass(frozen=True)
class Networks:
    """The networks of a task.

    Args:
        head: makes one.
        names: of those that have names here; the first is the task's default.
    """

    head: Head
    vocabulary: Vocabulary
    names: tuple[str, ...]

    @property
    def models(self) -> dict[str, Callable[[], nn.Module]]:
        """Constructors by name."""
        return {name: partial(self._named, name) for name in self.names}

    @property
    def zoos(self) -> dict[str, Callable[[str], Callable[[], nn.Module]]]:
        """Those of `hf:FOLDER`, and of `minilm:layers=N`."""
        fewer = {"minilm": self._first_layers} if "minilm" in self.names else {}
        return {**fewer, "hf": self._of_folder}

    def task(self, **given: Any) -> Task:
        """The task of these networks; `given` is what they do not say, as `Task` takes it."""
        return Task(
            models=self.models,
            model_zoos=self.zoos,
            prunable=prunable,
            sparsity=0.5,
            pretrained=self.pretrained,
            adapt=adapted,
            **given,
        )

    def pretrained(self, model: str, root: Path) -> dict[str, Tensor]:
        """The tensors of a network that comes trained, by transformers' names.

        Raises:
            DataMissing: the file of MiniLM is not in the data folder.
            UsageError: there are no tensors of this model, or it reads the words of another vocabulary.
        """
        from safetensors.torch import load_file

        kind, _, folder = model.partition(":")
        if kind == "minilm":
            file = fetched("minilm", root)
        elif kind == "hf":
            file = located(folder) / "model.safetensors"
        else:
            raise UsageError(f"'{model}' does not come trained; {'minilm and ' * ('minilm' in self.names)}hf:FOLDER do")
        if not file.is_file():
            raise UsageError(f"{file.parent} has no model.safetensors")
        if self.vocabulary.name not in {folder, BERT if knows_berts_words(file.parent) else folder}:
            raise UsageError(f"{model} knows other words than vocabulary={self.vocabulary.name}; name its own folder")
        return load_file(file)

    def _named(self, name: str, **changed: int) -> nn.Module:
        if self.vocabulary.size is None:
            raise UsageError(f"{name} has no words of its own: give vocabulary={BERT_OR_LEARNT}")
        sizes: dict[str, Any] = (
            SIZES[name] | changed | {"vocab_size": self.vocabulary.size, "max_position_embeddings": LONGEST}
        )
        if name.startswith("gpt"):
            width = sizes["hidden_size"]
            return self._made(OPTConfig(**sizes, word_embed_proj_dim=width, pad_token_id=None, dropout=0.0))
        return self._made(BertConfig(**sizes, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))

    def _first_layers(self, text: str) -> Callable[[], nn.Module]:
        option, _, layers = text.partition("=")
        most = SIZES["minilm"]["num_hidden_layers"]
        if option != "layers" or layers not in map(str, range(1, most + 1)):
            raise UsageError(f"no model named 'minilm:{text}'; give minilm:layers=N, N from 1 to {most}")
        return partial(self._named, "minilm", num_hidden_layers=int(layers))

    def _of_folder(self, folder: str) -> Callable[[], nn.Module]:
        config = AutoConfig.from_pretrained(located(folder), local_files_only=True)
        if self.vocabulary.size not in {None, config.vocab_size}:
            raise UsageError(
                f"hf:{folder} knows {config.vocab_size:,} words, and vocabulary={self.vocabulary.name} has "
                f"{self.vocabulary.size:,}; give vocabulary={folder}"
            )
        return partial(self._made, config)

    def _made(self, config: Any) -> nn.Module:
        config._attn_implementation = "eager"  # plain attention is reproducible on GPUs, and twice differentiable
        return self.head(config, self.vocabulary)


BERT_OR_LEARNT = "bert-base-uncased or CORPUS:SIZE"


def located(folder: str) -> Path:
    """A folder with a network of transformers: a path, also below `PRUNEBENCH_DATA`. Raises UsageError if none is."""
    roots = (Path(), Path(os.environ.get("PRUNEBENCH_DATA", "")), user_cache() / "data")
    places = list(dict.fromkeys(root / folder for root in roots))
    for place in places:
        if (place / "config.json").is_file():
            return place
    raise UsageError(f"hf:{folder} is no folder with a config.json: looked for {', '.join(map(str, places))}")


def prunable(model: nn.Module) -> list[str]:
    """The names of the matrices of every block's linear layers: no embedding, pooler or head (Chen et al., 2020).

    Raises:
        UsageError: the blocks have layers that store their weights transposed, as GPT-2's do.
    """
    blocks = [name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    inside = {
        name: module for name, module in model.named_modules() if any(name.startswith(f"{block}.") for block in blocks)
    }
    if other := [name for name, module in inside.items() if type(module).__name__ == "Conv1D"]:
        raise UsageError(
            f"'{other[0]}' stores its weights transposed, as GPT-2 does; use OPT, LLaMA or another decoder"
        )
    return [f"{name}.weight" for name, module in inside.items() if isinstance(module, nn.Linear)]


def adapted(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors of a start, by this network's names: those of transformers begin with the kind of network, or do not.

    Raises:
        UsageError: the start is of a network that knows other words.
    """
    if "vocabulary" in given and not torch.equal(given["vocabulary"].cpu(), own["vocabulary"].cpu()):
        raise UsageError(
            "the start knows other words than this network: give its task and this one the same vocabulary"
        )
    return {_renamed(name, own): value for name, value in given.items()}


def _renamed(name: str, own: Mapping[str, Tensor]) -> str:
    modern = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    candidates = [modern, f"{BODY}.{modern}", f"{BODY}.{modern.partition('.')[2]}"]
    return next((candidate for candidate in candidates if candidate in own), name)
