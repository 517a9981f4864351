"""bench leaderboard build: the leaderboard as files, one page of HTML or a README."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from benchmark import registry
from benchmark.cli.output import typeset
from benchmark.cli.select import selected
from benchmark.cli.tables import boards
from benchmark.errors import UsageError
from benchmark.leaderboard import rows
from benchmark.published import published
from benchmark.record import Record, write


def build(form: str, out: Path | None, view: str, *, results: Path, **wanted: Any) -> None:
    """Write the leaderboard of these records to a folder.

    Raises:
        UsageError: no folder, or a form that is not written to one.
    """
    if form not in ("html", "md"):
        raise UsageError(f"--out is for --format html or md, not {form}; without it the leaderboard is printed")
    if out is None:
        raise UsageError("name the folder to write to: --out DIR")
    if view != "plain":
        raise UsageError(f"files hold the plain leaderboard; --view {view} is printed, without --out")
    began = time.perf_counter()
    records = selected(results, **wanted)
    file = out / {"html": "index.html", "md": "README.md"}[form]
    try:
        write(_page(records, results) if form == "html" else _readme(records), file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    seconds, size = time.perf_counter() - began, file.stat().st_size / 1024
    click.echo(f"{file}: {len(records):,} records, {size:,.0f} KiB, {seconds:.1f} s", err=True)


def _page(records: list[Record], results: Path) -> bytes:
    from benchmark.leaderboard.page import Names, page  # jinja2 and matplotlib are for this alone

    return page(records, published(results / "published"), Names(registry.label, registry.when)).encode()


def _readme(records: list[Record]) -> bytes:
    about = (files("benchmark.leaderboard.page") / "results.md").read_text(encoding="utf-8")
    return f"{about}{typeset('md', boards(rows(records))).rstrip()}\n".encode()
