"""From texts to the numbers of their pieces: the vocabulary of a folder, or one that is learnt from a corpus."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from benchmark import UsageError

from ._corpus import Corpus
from ._tables import read_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PADDING, UNKNOWN, START, END, MASK = SPECIAL
"""As BERT calls them."""

OF_ROBERTA = {PADDING: "<pad>", UNKNOWN: "<unk>", START: "<s>", END: "</s>", MASK: "<mask>"}
"""What else they are called."""

BERT = "bert-base-uncased"

BERTS_WORDS = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
"""SHA-256 of its vocab.txt."""

LEARNT = re.compile(r"(?P<corpus>.+):(?P<size>[1-9]\d*)")
"""A vocabulary that is learnt: from the training texts of a corpus, with so many entries."""

NOWHERE = -1
"""The segment of padding."""


class Content(NamedTuple):
    """What tells one vocabulary from another.

    Args:
        digest: the first 63 bits of the SHA-256 of its words in the order of their numbers, a line for each.
        entries: one more than the largest number.
    """

    digest: int
    entries: int


BERTS = Content(int(BERTS_WORDS[:16], 16) >> 1, 30_522)

_read: dict[str, Content] = {}
"""What this process has read, by the name of the vocabulary: networks are built after the data were read."""


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary of pieces of words.

    Args:
        name: a folder below the data root, with a `tokenizer.json` or a `vocab.txt`; or CORPUS:SIZE, for at most SIZE
            entries learnt from the training texts of a corpus.
        learn: what learns that many from texts.
    """

    name: str
    learn: Callable[[Sequence[str], int], Tokenizer]

    @property
    def corpus(self) -> Corpus | None:
        """What it is learnt from; None for the vocabulary of a folder."""
        learnt = LEARNT.fullmatch(self.name)
        return Corpus(learnt["corpus"]) if learnt else None

    @property
    def size(self) -> int | None:
        """The most entries that it has, if that is known before anything is read."""
        learnt = LEARNT.fullmatch(self.name)
        return int(learnt["size"]) if learnt else (BERTS.entries if self.name == BERT else None)

    @property
    def files(self) -> tuple[str, ...]:
        """What `read` needs, relative to the data root."""
        if self.corpus:
            return self.corpus.files
        return (f"{BERT}/vocab.txt",) if self.name == BERT else (self.name,)

    @property
    def content(self) -> Content | None:
        """What is in it; None if this process has not read it. Networks carry the digest, as starts have to know."""
        return BERTS if self.name == BERT else _read.get(self.name)

    def remember(self, content: Content) -> None:
        """Say what is in it, which was read before."""
        _read[self.name] = content

    def sources(self, root: Path) -> list[Path]:
        """The files that it is read or learnt from. Raises ValueError as `read`."""
        return self.corpus.sources(root, [0]) if self.corpus else [listed(root / self.name)]

    def read(self, root: Path) -> Words:
        """The vocabulary, from a data folder.

        Raises:
            ValueError: the folder holds none.
            UsageError: the letters of the corpus alone are more than its entries can be.
        """
        words = Words(self._learnt(root) if self.corpus else found(root / self.name))
        self.remember(words.content)
        return words

    def _learnt(self, root: Path) -> Tokenizer:
        corpus, size = self.corpus, self.size
        assert corpus
        assert size
        learnt = self.learn(corpus.training(root), size)
        if (least := learnt.get_vocab_size()) > size:
            raise UsageError(
                f"vocabulary={self.name} has no room for every letter of its corpus; "
                f"give vocabulary={corpus.name}:{least} or more"
            )
        return learnt


@dataclass(frozen=True)
class Words:
    """A vocabulary that was read."""

    tokenizer: Tokenizer

    @property
    def content(self) -> Content:
        """What tells it from others."""
        numbers = self.tokenizer.get_vocab()
        listed = "".join(f"{word}\n" for word in sorted(numbers, key=numbers.__getitem__))
        digest = hashlib.sha256(listed.encode()).hexdigest()
        return Content(int(digest[:16], 16) >> 1, max(numbers.values(), default=-1) + 1)

    def number(self, piece: str) -> int:
        """The number of a special piece, by BERT's name. Raises ValueError if the vocabulary has none that is known."""
        for name in (piece, OF_ROBERTA[piece]):
            if (number := self.tokenizer.token_to_id(name)) is not None:
                return number
        raise ValueError(
            f"the vocabulary has neither {piece} nor {OF_ROBERTA[piece]}: special pieces have BERT's names or RoBERTa's"
        )

    @property
    def special(self) -> list[int]:
        """The numbers of those pieces that are no part of a text."""
        return [self.number(piece) for piece in SPECIAL]

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """The numbers of each text's pieces, without any at its ends."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encoded(self, texts: Sequence[tuple[str, ...]], length: int) -> Tensor:
        """One or two texts each as [CLS] a [SEP] or [CLS] a [SEP] b [SEP], int32 [n, 2, length]: numbers and segments.

        The segment is 0 up to the first [SEP], 1 behind it, and -1 for padding. What is too long loses its end, that of
        the longer text first.

        Raises:
            UsageError: it has no room for a piece of each text.
        """
        if length < (least := 1 + 2 * len(texts[0])):
            raise UsageError(f"length={length} has no room for {len(texts[0])} texts; give length={least} or more")
        start, end, padding = (self.number(piece) for piece in (START, END, PADDING))
        parts = [self.pieces([pair[part] for pair in texts]) for part in range(len(texts[0]))]
        numbers, ends = array("i"), list[tuple[int, int]]()
        for pair in zip(*parts, strict=True):
            kept = _shortened(pair, length - 1 - len(pair))
            row = [start, *(number for part in kept for number in (*part, end))]
            numbers.extend(row + [padding] * (length - len(row)))
            ends.append((len(kept[0]) + 2, len(row)))
        first, last = torch.tensor(ends).unsqueeze(-1).unbind(dim=1)
        places = torch.arange(length)
        segments = torch.where(places < first, 0, torch.where(places < last, 1, NOWHERE))
        return torch.stack([torch.frombuffer(numbers, dtype=torch.int32).view(-1, length), segments.int()], dim=1)


def _shortened(parts: Sequence[list[int]], length: int) -> list[list[int]]:
    """Parts that are together no longer than `length`: the longest loses its last piece until they are."""
    kept = [len(part) for part in parts]
    while sum(kept) > length:
        kept[max(range(len(kept)), key=kept.__getitem__)] -= 1
    return [part[:count] for part, count in zip(parts, kept, strict=True)]


def word_pieces(texts: Sequence[str], size: int) -> Tokenizer:
    """Learn lower-case word pieces (Schuster & Nakajima, 2012); the same texts give the same vocabulary."""
    from tokenizers.trainers import WordPieceTrainer

    tokenizer = _of_bert({})
    letters = sorted(set("".join(tokenizer.normalizer.normalize_str(text) for text in texts)) - {" "})
    first = [*SPECIAL, *(f"##{letter}" for letter in letters)]  # else they are numbered by chance, which decides ties
    tokenizer.train_from_iterator(texts, WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False))
    return _of_bert(tokenizer.get_vocab())


def byte_pairs(texts: Sequence[str], size: int) -> Tokenizer:
    """Learn merges of pairs of bytes (Radford et al., 2019), of which every text can be made."""
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    alphabet = ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts, BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    return tokenizer


def listed(folder: Path) -> Path:
    """The file of the vocabulary of a folder. Raises ValueError if there is none."""
    for file in (folder / "tokenizer.json", folder / "vocab.txt"):
        if file.is_file():
            return file
    raise ValueError(f"{folder} has neither tokenizer.json nor vocab.txt")


def found(folder: Path) -> Tokenizer:
    """The vocabulary of a folder. Raises ValueError if there is none."""
    from tokenizers import Tokenizer

    file = listed(folder)
    if file.suffix == ".json":
        try:
            tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises nothing more specific
            raise ValueError(f"{file} is no tokenizer: {error}") from None
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer
    return _of_bert({word: number for number, word in enumerate(read_text(file).removesuffix("\n").split("\n"))})


def _of_bert(vocabulary: dict[str, int]) -> Tokenizer:
    """Word pieces as BERT's uncased networks split them (Devlin et al., 2019)."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer

    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    return tokenizer
