"""Tables of texts with labels, in the layouts of GLUE (Wang et al., 2019): tab-separated, without quoting."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path

LABELS = ("label", "quality", "gold_label")
TEXTS = (
    "sentence",
    "content",
    "text",
    "sentence1",
    "sentence2",
    "question",
    "#1 string",
    "#2 string",
    "premise",
    "hypothesis",
)
"""The columns that tables have, in lower case; texts in the order of the table."""

COLA = ["source", "label", "star", "sentence"]
"""The columns of CoLA, whose tables have no first line that names them."""


@dataclass(frozen=True)
class Table:
    """The rows of a table.

    Args:
        texts: one or two of each row.
        labels: of the rows, as they are written; empty if the table has none.
    """

    texts: list[tuple[str, ...]]
    labels: list[str]


def read_table(file: Path) -> Table:
    """Read a table. Raises ValueError, with the line, for one that has no text, or a row of another length."""
    try:
        rows = list(csv.reader(StringIO(read_text(file)), delimiter="\t", quoting=csv.QUOTE_NONE))
    except csv.Error as error:
        raise ValueError(f"{file} is no table: {error}") from None
    first = [name.strip().lower() for name in rows[0]] if rows else []
    named = bool(set(first) & {*LABELS, *TEXTS})
    columns, body = (first, rows[1:]) if named else (COLA, rows)
    texts = [place for place, name in enumerate(columns) if name in TEXTS]
    if not body or not 1 <= len(texts) <= 2:
        known = ", ".join((*LABELS, *TEXTS))
        raise ValueError(f"{file} is no table of one or two texts; the columns it may have are {known}")
    for number, row in enumerate(body, 1 + named):
        if len(row) != len(columns):
            raise ValueError(f"{file}, line {number}: {len(row)} columns in place of {len(columns)}")
    label = next((place for place, name in enumerate(columns) if name in LABELS), None)
    return Table(
        [tuple(row[place] for place in texts) for row in body],
        [] if label is None else [row[label] for row in body],
    )


def read_text(file: Path) -> str:
    """The text of a file. Raises ValueError if it is none."""
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is no text in UTF-8: {error.reason} at byte {error.start:,}") from None


def maximal(texts: Sequence[str]) -> list[str]:
    """The texts that are no part of another one, in words; in their order, each once.

    SST-2's training rows are overlapping phrases of fewer sentences.
    """
    within = _Within()
    for text in sorted(set(texts), key=lambda text: (-len(text.split()), text)):
        within.add(text)
    return [text for text in dict.fromkeys(texts) if text in within.kept]


class _Within:
    """Texts of which none is a part of another; longer ones have to be added first."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self._having: dict[tuple[str, ...], list[str]] = {}

    def add(self, text: str) -> None:
        """Keep a text, unless it is part of one that is kept."""
        words = text.split()
        whole = f" {' '.join(words)} "
        if not words or any(whole in longer for longer in self._having.get(tuple(words[:2]), [])):
            return
        self.kept[text] = whole
        pairs = [*pairwise(words), *((word,) for word in words)]
        for pair in dict.fromkeys(pairs):
            self._having.setdefault(pair, []).append(whole)
