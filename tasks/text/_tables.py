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
        labels: of the rows, without spaces around them; empty if the table has no column of labels, or none in it.
        columns: their names, in lower case.
        first: the line of the first row.
    """

    file: Path
    texts: list[tuple[str, ...]]
    labels: list[str]
    columns: list[str]
    first: int

    def require_labels(self) -> None:
        """Raise ValueError if not every row has a label, with the first line that has none."""
        if not self.labels and set(self.columns) & set(LABELS):
            raise ValueError(f"{self.file}: its column of labels is empty")
        if not self.labels:
            own, known = _listed(self.columns), f"{', '.join(LABELS[:-1])} or {LABELS[-1]}"
            raise ValueError(f"{self.file} has no labels: its columns are {own}; that of labels is called {known}")
        if "" in self.labels:
            raise ValueError(f"{self.file}, line {self.first + self.labels.index('')}: this row has no label")


def read_table(file: Path) -> Table:
    """Read a table. Empty lines at its end are no rows.

    Raises:
        ValueError: it has no text, or a row of another length, with the line.
    """
    rows = _rows(file)
    first = [name.strip().lower() for name in rows[0]] if rows else []
    named = bool(set(first) & {*LABELS, *TEXTS})
    columns, body = (first, rows[1:]) if named else (COLA, rows)
    texts = [place for place, name in enumerate(columns) if name in TEXTS]
    if not body or not 1 <= len(texts) <= 2 or not (named or len(first) == len(COLA)):
        raise ValueError(f"{file} is no table of one or two texts: {_instead(first, len(rows))}")
    for number, row in enumerate(body, 1 + named):
        if len(row) != len(columns):
            raise ValueError(f"{file}, line {number}: {len(row)} columns in place of {len(columns)}")
    label = next((place for place, name in enumerate(columns) if name in LABELS), None)
    labels = [] if label is None else [row[label].strip() for row in body]
    found = [tuple(row[place] for place in texts) for row in body]
    return Table(file, found, labels if any(labels) else [], columns, 1 + named)


def _rows(file: Path) -> list[list[str]]:
    """The lines of a table, without empty ones at its end. Raises ValueError if it is none."""
    try:
        rows = list(csv.reader(StringIO(read_text(file)), delimiter="\t", quoting=csv.QUOTE_NONE))
    except csv.Error as error:
        raise ValueError(f"{file} is no table: {error}") from None
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _instead(first: Sequence[str], lines: int) -> str:
    """What a file has that is no table, from its first line."""
    known = f"known ones are {', '.join((*LABELS, *TEXTS))}"
    if not lines:
        return f"it is empty; of columns, {known}"
    return f"its columns are {_listed(first)}{', and no row follows' * (lines == 1)}; {known}"


def _listed(columns: Sequence[str]) -> str:
    """The names of columns, short ones: the first line of a file that is no table may be anything."""
    shown = ", ".join(f"{name[:30]}..." if len(name) > 30 else name for name in columns[:15])
    return shown + f" and {len(columns) - 15} more" * (len(columns) > 15)


def read_text(file: Path) -> str:
    """The text of a file, without the mark of its byte order. Raises ValueError if it is none."""
    try:
        return file.read_text(encoding="utf-8-sig")
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
