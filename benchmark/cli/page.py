"""`bench leaderboard build`: write the leaderboard as an HTML page or a README."""

from __future__ import annotations

import hashlib
import re
import time
from collections import defaultdict
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from benchmark.cli.filters import measured, selected, whole_records
from benchmark.errors import UsageError
from benchmark.files import write
from benchmark.leaderboard.blocks import counted
from benchmark.leaderboard.rows import Row, grouped, rows
from benchmark.leaderboard.tables.formats import typeset
from benchmark.leaderboard.tables.plain import boards, place, titles
from benchmark.leaderboard.worth import Measured
from benchmark.plugins import catalog
from benchmark.results.experiments import answered
from benchmark.results.outcome import Outcome
from benchmark.results.published import published
from benchmark.results.record import Record


def build(form: str, out: Path | None, view: str, *, results: Path, **wanted: Any) -> None:
    """Write the leaderboard of the selected records to a folder.

    Args:
        form: html or md.
        wanted: the filters of `selected`.

    Raises:
        UsageError: no folder is given, it cannot be written, or the format or view can only be printed.
    """
    if form not in ("html", "md"):
        raise UsageError(f"--out is for --format html or md, not {form}; without it the leaderboard is printed")
    if out is None:
        raise UsageError("name the folder to write to: --out DIR")
    if view != "plain":
        raise UsageError(f"files hold the plain leaderboard; --view {view} is printed, without --out")
    began, found = time.perf_counter(), measured(results)
    if form == "html":
        whole = whole_records(results, **wanted)
        contents, count = _page(whole, results, found), len(whole)
    else:
        outcomes = selected(results, **wanted)
        contents, count = _readme(outcomes, found), len(outcomes)
    try:
        for name, content in contents.items():
            write(content, out / name)
    except OSError as error:
        raise UsageError(f"{out / name} cannot be written: {error.strerror}") from None
    seconds, size = time.perf_counter() - began, sum(map(len, contents.values())) / 1024
    click.echo(f"{out / next(iter(contents))}: {counted(count, 'record')}, {size:,.0f} KiB, {seconds:.1f} s", err=True)


def _page(records: list[Record], results: Path, found: Measured) -> dict[str, bytes]:
    from benchmark.leaderboard.page import Names, page  # imports jinja2 and matplotlib, which a README does not need

    return {
        "index.html": page(
            records,
            published(results / "published"),
            Names(catalog.label, catalog.when, catalog.absent, catalog.defaults, catalog.asks),
            answered(results / "experiments"),
            measured=found,
        ).encode()
    }


def _readme(records: list[Outcome], found: Measured) -> dict[str, bytes]:
    """Return a README with all tables, each below its figure if it has one, and the files of the figures."""
    board = rows(records, catalog.label, catalog.absent, catalog.defaults, found)
    drawn = _pictures(records)
    text = (files("benchmark.leaderboard.page") / "results.md").read_text(encoding="utf-8")
    heads = titles(board)
    for name, table in boards(board).items():
        row = next(row for row in board if name.startswith(heads[row.table]))
        if (picture := _picture_of(row)) in drawn:
            text += f"![{row.metric} over the share kept, {place(row)}, budget {row.budget}]({picture})\n\n"
        text += typeset("md", {name: table})
    return {"README.md": f"{text.rstrip()}\n".encode()} | drawn


def _pictures(records: list[Outcome]) -> dict[str, bytes]:
    """Return the figures of the metric over the share kept, by file name, for every table with pruned weights.

    The description in an SVG has a digest of the results it shows, since versions of matplotlib write different bytes
    for the same results.
    """
    from benchmark.leaderboard.figures.by_name import PICTURES
    from benchmark.leaderboard.figures.style import encoded

    tables: dict[str, list[Outcome]] = defaultdict(list)
    for row, group in grouped(records, catalog.label, catalog.absent, catalog.defaults):
        if row.control is None:
            tables[_picture_of(row)] += group
    drawn = {}
    for name, group in tables.items():
        scores = sorted((record.key, record.score) for record in group)
        with suppress(UsageError):  # there is nothing to draw
            figure = PICTURES["accuracy-sparsity"](group)
            drawn[name] = encoded(figure, "svg", about=hashlib.sha256(repr(scores).encode()).hexdigest())
    return drawn


def _picture_of(row: Row) -> str:
    return f"pictures/{re.sub(r'[^a-z0-9]+', '-', f'{place(row)} {row.budget}'.lower())}.svg"
