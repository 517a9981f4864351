"""Formats tables of rows as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import json
import os
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
    text = plain(value)
    return text.replace("|", "\\|") if form == "md" else text


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a header. A row without a column leaves it empty."""
    text = io.StringIO()
    flat_rows = [_flatten(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat_rows for name in row))
    writer = csv.DictWriter(text, names, lineterminator=os.linesep)
    writer.writeheader()
    writer.writerows(flat_rows)
    return text.getvalue()


def _flatten(row: Mapping[str, Any]) -> dict[str, Any]:
    """Keep options and scores by seed as JSON in one column, and spread other mappings over several columns."""
    flat_row: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping) and name not in ("options", "task_options", "scores"):
            flat_row |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            flat_row[name] = json.dumps(value) if isinstance(value, Mapping | list) else value
    return flat_row
