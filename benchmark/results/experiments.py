"""Reads the answers of experiments in a results folder, as `bench experiment` has written them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UsageError

CELL = re.compile(r"(?<!\\)\|")
"""The separator of cells in a line of Markdown: a bar without a backslash before it."""

ESCAPED = re.compile(r"\\([^A-Za-z0-9\s])")


@dataclass(frozen=True)
class Table:
    """A table of an answer, with cells as texts."""

    title: str
    heads: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Answered:
    """The answer of an experiment.

    Args:
        asked: the experiment with its options, as typed: `lottery:seeds=5`.
        guards, claims: the verdict of each.
        tables: that of the claims first, if there are any.
        figures: SVG by name.
    """

    asked: str
    guards: list[str]
    claims: list[str]
    tables: list[Table]
    figures: dict[str, bytes]

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.asked.partition(":")[0]


def answered(folder: Path) -> list[Answered]:
    """Return the answers in a folder, in order of their names; none if it does not exist.

    Raises:
        UsageError: an answer cannot be read.
    """
    return [_answered(file.parent) for file in sorted(folder.glob("*/*/claims.json"))]


def _answered(folder: Path) -> Answered:
    try:
        told = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
        verdicts = {kind: [str(one["verdict"]) for one in told[kind]] for kind in ("guards", "claims")}
        title, _, text = (folder / "table.md").read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} is not an answer of an experiment: {error!r}; ask again: bench experiment"
        ) from None
    figures = {file.stem: file.read_bytes() for file in sorted(folder.glob("*.svg"))}
    return Answered(title.removeprefix("# ").strip(), **verdicts, tables=list(_tables(text)), figures=figures)


def _tables(text: str) -> Iterator[Table]:
    """Yield the tables of a Markdown text, each below its title in bold."""
    title, lines = "", []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            lines.append([ESCAPED.sub(r"\1", cell.strip()) for cell in CELL.split(line)[1:-1]])
        elif lines:
            yield Table(title, lines[0], lines[2:])  # the second line is a rule
            lines = []
        if line.startswith("**"):
            title = ESCAPED.sub(r"\1", line.strip("*"))
