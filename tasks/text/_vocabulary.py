"""From texts to the numbers of their pieces: the vocabulary of a folder, or one that is learnt from a corpus."""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ._corpus import Corpus
from ._tables import read_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PADDING, UNKNOWN, START, END, MASK = SPECIAL

BERT = "bert-base-uncased"

BERTS_WORDS = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
"""SHA-256 of its vocab.txt."""

LEARNT = re.compile(r"(?P<corpus>.+):(?P<size>[1-9]\d*)")
"""A vocabulary that is learnt: from the training texts of a corpus, with so many entries."""

NOWHERE = -1
"""The segment of padding."""


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary of pieces of words.

    Args:
        name: a folder below the data root, with a `tokenizer.json` or a `vocab.txt`; or CORPUS:SIZE, for SIZE entries
            learnt from the training texts of a corpus.
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
        """The number of its entries, if it is known before anything is read."""
        learnt = LEARNT.fullmatch(self.name)
        return int(learnt["size"]) if learnt else (30_522 if self.name == BERT else None)

    @property
    def files(self) -> tuple[str, ...]:
        """What `read` needs, relative to the data root."""
        if self.corpus:
            return self.corpus.files
        return (f"{BERT}/vocab.txt",) if self.name == BERT else (self.name,)

    @property
    def digest(self) -> int:
        """Of its name, 63 bits: networks carry it, so that none begins with the words of another vocabulary."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "big") >> 1

    def sources(self, root: Path) -> list[Path]:
        """The files that it is read or learnt from. Raises ValueError as `read`."""
        return self.corpus.sources(root, [0]) if self.corpus else [listed(root / self.name)]

    def read(self, root: Path) -> Words:
        """The vocabulary, from a data folder. Raises ValueError if the folder holds none."""
        if self.corpus and self.size:
            return Words(self.learn(self.corpus.training(root), self.size))
        return Words(found(root / self.name))


@dataclass(frozen=True)
class Words:
    """A vocabulary that was read."""

    tokenizer: Tokenizer

    def number(self, piece: str) -> int:
        """The number of a piece. Raises ValueError if the vocabulary lacks it."""
        number = self.tokenizer.token_to_id(piece)
        if number is None:
            raise ValueError(f"the vocabulary has no {piece}")
        return number

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
        """
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


def knows_berts_words(folder: Path) -> bool:
    """Whether the vocabulary of a folder is that of bert-base-uncased. Raises ValueError if there is none."""
    numbers = found(folder).get_vocab()
    listed = "".join(f"{word}\n" for word in sorted(numbers, key=numbers.__getitem__))
    return hashlib.sha256(listed.encode()).hexdigest() == BERTS_WORDS


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
