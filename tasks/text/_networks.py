"""The networks of a task: those that have names here, and those of folders; what is prunable, and what starts fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, OPTConfig
from transformers.models.bert import modeling_bert  # noqa: F401  # two seconds, which workers that are forked then save
from transformers.models.opt import modeling_opt  # noqa: F401

from benchmark import Task, UsageError, fetched

from ._folders import configuration, located, positions, tried, useless
from ._heads import BODY, DIGEST, Head, TextNetwork
from ._vocabulary import BERT, BERTS, Content, Vocabulary, Words, found

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


class _Fitting(dict[str, Callable[[], nn.Module]]):
    """Constructors by name. One whose network does not fit the task's options is refused when it is asked for."""

    def __init__(self, constructors: Mapping[str, Callable[[], nn.Module]], require: Callable[[str], None]) -> None:
        super().__init__(constructors)
        self._require = require

    def __getitem__(self, name: str) -> Callable[[], nn.Module]:
        self._require(name)
        return super().__getitem__(name)


@dataclass(frozen=True)
class Networks:
    """The networks of a task.

    Args:
        head: makes one.
        length: word pieces of a row.
        names: of those that have names here; the first is the task's default.
    """

    head: Head
    vocabulary: Vocabulary
    length: int
    names: tuple[str, ...]

    @property
    def models(self) -> dict[str, Callable[[], nn.Module]]:
        """Constructors by name."""
        return _Fitting({name: partial(self._named, name) for name in self.names}, self._require)

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
        self._require_words(model, file.parent, root)
        return load_file(file)

    def _require_words(self, model: str, folder: Path, root: Path) -> None:
        """Raise UsageError if a network that comes trained, in a folder, knows other words than the vocabulary."""
        try:
            words = Words(found(folder)).content
        except ValueError as error:
            raise UsageError(f"{model} has no vocabulary: {error}") from None
        with suppress(ValueError, OSError):  # of a data folder that lacks it
            if words == (self.vocabulary.content or self.vocabulary.read(root).content):
                return
        kind, _, named = model.partition(":")
        give = f"vocabulary={BERT}" if words == BERTS else _own(named)
        left_out = "leave it out, or " * (kind == "minilm")
        raise UsageError(f"{model} knows other words than vocabulary={self.vocabulary.name}: {left_out}give {give}")

    def _require(self, name: str) -> None:
        """Raise UsageError if a network that has a name here does not fit the options."""
        if self.vocabulary.size is None:
            raise UsageError(f"{name} has no words of its own: give vocabulary={BERT_OR_LEARNT}")
        self._require_length(name, LONGEST)

    def _require_length(self, name: str, longest: int | None) -> None:
        """Raise UsageError if rows are longer than a network's positions."""
        if longest is not None and self.length > longest:
            raise UsageError(f"{name} knows {longest:,} positions: give length={longest} or less")

    def _named(self, name: str, **changed: int) -> nn.Module:
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
        self._require("minilm")
        return partial(self._named, "minilm", num_hidden_layers=int(layers))

    def _of_folder(self, folder: str) -> Callable[[], nn.Module]:
        config = _usable(self, folder, (located(folder) / "config.json").read_bytes())
        self._require_room(folder, config.vocab_size, self.vocabulary.content)
        return partial(self._made, config)

    def require_usable(self, folder: str, config: Any) -> None:
        """Raise UsageError if the task cannot use the network of a folder of this configuration."""
        with torch.device("cpu"), torch.no_grad():
            network = tried(folder, config, self._made)
            try:
                prunable(network)
                network.try_out()
            except Exception as error:  # of many types
                raise useless(folder, error) from None
        self._require_length(f"hf:{folder}", positions(network, config))
        if self.vocabulary.name == folder:
            with suppress(ValueError):  # reading the data tells
                self._require_room(folder, config.vocab_size, Words(found(located(folder))).content)

    def _require_room(self, folder: str, known: int, content: Content | None) -> None:
        """Raise UsageError if a network of a folder knows fewer words than the vocabulary has, or others."""
        name, size = self.vocabulary.name, self.vocabulary.size
        if size not in {None, known}:
            raise UsageError(
                f"hf:{folder} knows {known:,} words, and vocabulary={name} has {size:,}; give {_own(folder)}"
            )
        if content and content.entries > known:
            raise UsageError(
                f"hf:{folder} knows {known:,} words, and vocabulary={name} has {content.entries:,}; give a smaller one"
            )

    def _made(self, config: Any) -> TextNetwork:
        config._attn_implementation = "eager"  # plain attention is reproducible on GPUs, and twice differentiable
        return self.head(config, self.vocabulary)


BERT_OR_LEARNT = "bert-base-uncased or CORPUS:SIZE"


def _own(folder: str) -> str:
    """The vocabulary of a folder, in words: options name folders below the data root."""
    return "its own folder, below the data root" if Path(folder).is_absolute() else f"vocabulary={folder}"


@lru_cache(maxsize=32)
def _usable(networks: Networks, folder: str, content: bytes) -> Any:
    """The configuration of a folder whose network was tried out, once for every content of its `config.json`."""
    config = configuration(folder)
    networks.require_usable(folder, config)
    return config


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

    The digest of the vocabulary is compared, if both are known, and is no part of them.

    Raises:
        UsageError: the start is of a network that knows other words.
    """
    theirs, ours = (_words_of(tensors) for tensors in (given, own))
    if theirs and ours and theirs != ours:
        raise UsageError(
            "the start knows other words than this network: give its task and this one the same vocabulary"
        )
    return {_renamed(name, own): value for name, value in given.items() if name != DIGEST}


def _words_of(tensors: Mapping[str, Tensor]) -> int:
    """The digest of the vocabulary that a network carries; 0 if it carries none."""
    digest = tensors.get(DIGEST)
    return int(digest) if digest is not None and digest.numel() == 1 and not digest.is_floating_point() else 0


def _renamed(name: str, own: Mapping[str, Tensor]) -> str:
    modern = name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")
    candidates = [modern, f"{BODY}.{modern}", f"{BODY}.{modern.partition('.')[2]}"]
    return next((candidate for candidate in candidates if candidate in own), name)
