"""The texts of a corpus, in three splits: tables of a task, plain text in three files, or a single file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ._tables import maximal, read_table, read_text

SPLITS = (("train",), ("valid", "validation", "dev"), ("test",))
"""What files of the three splits are called."""

PARTS = (range(18), range(18, 19), range(19, 20))
"""Where the lines of the three splits lie in every twenty lines of a single file."""

FORMS = ("wiki.{}.raw", "wiki.{}.tokens", "{}.txt", "{}.tsv")
"""What their names are like."""


@dataclass(frozen=True)
class Corpus:
    """A corpus below the data root.

    Args:
        name: a folder with a file for each split, such as `train.tsv` or `wiki.train.raw`; or a file, of whose lines
            eighteen in twenty are to train, one is to validate and one to test.
    """

    name: str

    @property
    def files(self) -> tuple[str, ...]:
        """What `read` needs, relative to the data root."""
        return (self.name,)

    def sources(self, root: Path, splits: Iterable[int] = range(len(SPLITS))) -> list[Path]:
        """The files of these splits, or the only file. Raises ValueError if the folder lacks one of them."""
        place = root / self.name
        return [_file(place, SPLITS[number]) for number in splits] if place.is_dir() else [place]

    def read(self, root: Path) -> list[list[str]]:
        """The texts for training, validation and test. Of tables, no text for training is a part of another one.

        Raises:
            ValueError: the folder lacks a split, or a split has no text.
        """
        return [self._split(root / self.name, number) for number in range(len(SPLITS))]

    def training(self, root: Path) -> list[str]:
        """Those for training alone. Raises ValueError as `read`."""
        return self._split(root / self.name, 0)

    def _split(self, place: Path, number: int) -> list[str]:
        texts = _texts(_file(place, SPLITS[number])) if place.is_dir() else _lines(place, PARTS[number])
        if not texts:
            raise ValueError(f"{place}: split {SPLITS[number][0]} has no text")
        return texts


def _file(folder: Path, names: tuple[str, ...]) -> Path:
    """The file of a split. Raises ValueError if the folder has none."""
    possible = [folder / form.format(name) for form in FORMS for name in names]
    if there := [file for file in possible if file.is_file()]:
        return there[0]
    raise ValueError(f"{folder} has no texts of split {names[0]}: none of {', '.join(file.name for file in possible)}")


def _texts(file: Path) -> list[str]:
    """The lines of a text, or the texts of a table."""
    if file.suffix != ".tsv":
        return [line for line in read_text(file).splitlines() if line.strip()]
    texts = [text for row in read_table(file).texts for text in row]
    return maximal(texts) if file.stem == "train" else texts


def _lines(file: Path, part: range) -> list[str]:
    """The lines of a file whose places in every twenty are these."""
    return [line for place, line in enumerate(_texts(file)) if place % 20 in part]
