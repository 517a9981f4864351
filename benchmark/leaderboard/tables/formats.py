"""Formats tables of rows as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

FORMATS = ("table", "json", "csv", "md", "latex")

Rows = Sequence[Mapping[str, Any]]


def typeset(form: str, tables: Mapping[str, Rows]) -> str:
    """Return titled tables as Markdown (`md`) or LaTeX (`latex`)."""
    from tabulate import tabulate

    style, text = {"md": "github", "latex": "latex_booktabs"}[form], []
    for title, rows in tables.items():
        cells = [{name: _plain(value, form) for name, value in row.items()} for row in rows]
        text.append(f"**{_plain(title, form)}**\n" if form == "md" else f"% {plain(title)}")
        text.append(tabulate(cells, headers="keys", tablefmt=style, disable_numparse=True) + "\n")
    return "".join(f"{piece}\n" for piece in text)


def plain(value: object) -> str:
    """Return a value as one line without control characters, so that text from a record cannot move the cursor."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(str(value).split()))


def _plain(value: object, form: str) -> str:
    return inert(plain(value)) if form == "md" else plain(value)


_MARKUP = re.compile(
    r"""[\\`~|] | \*(?=\S) | (?<=\S)\*   # escapes, code, columns, emphasis
    | <(?=[A-Za-z/!?]) | &(?=[\#A-Za-z])  # tags and entities
    | !(?=\[) | \](?=[\[(:])            # images and links
    | (?<![A-Za-z0-9])_ | _(?![A-Za-z0-9])
    | (?<=[A-Za-z]:)/(?=/) | (?<=www)\.  # addresses that become links by themselves""",
    re.VERBOSE | re.IGNORECASE,
)


def inert(text: str) -> str:
    """Return text as Markdown that shows it and nothing else: no tags, links, images, emphasis or further columns."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", text)


def literal(value: object) -> object:
    """Return a value for CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header. A missing value is empty; texts are never formulas (`literal`)."""
    text = io.StringIO()
    flat_rows = [{name: literal(value) for name, value in flatten(row).items()} for row in rows]
    names = list(dict.fromkeys(name for row in flat_rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator=os.linesep)
    writer.writeheader()
    writer.writerows(flat_rows)
    return text.getvalue()


def flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with options and scores by seed as JSON in one column, and other mappings over several columns."""
    flat_row: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and name not in ("options", "task_options", "scores"):
            flat_row |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat_row[name] = json.dumps(value) if isinstance(value, Mapping | list) else value
    return flat_row
