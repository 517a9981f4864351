"""`bench leaderboard`: rank methods, in six views."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from benchmark.cli.filters import filters, measured, selected, whole_records
from benchmark.cli.output import Split, emit, flat
from benchmark.cli.page import build
from benchmark.errors import UsageError
from benchmark.leaderboard.rows import rows
from benchmark.leaderboard.tables.formats import FORMATS
from benchmark.leaderboard.tables.measured import speed
from benchmark.leaderboard.tables.plain import board_facts, boards
from benchmark.leaderboard.tables.profiles import profile
from benchmark.leaderboard.tables.views import compute, controlled, edits
from benchmark.leaderboard.worth import Measured
from benchmark.plugins import catalog
from benchmark.results.outcome import Answer

VIEWS = ("plain", "compute", "controls", "profile", "edits", "speed")


@click.command()
@click.argument("action", type=click.Choice(["build"]), required=False)
@click.option("--view", type=click.Choice(VIEWS), default="plain", show_default=True)
@click.option("--flops", type=Split(float), multiple=True, help="Costs at which --view compute compares: 1e11,1e12.")
@filters
@click.option("--format", "form", type=click.Choice([*FORMATS, "html"]), help="[default: table; for build: html]")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for index.html or README.md.")
def leaderboard(
    action: str | None, view: str, flops: Sequence[Sequence[float]], form: str | None, out: Path | None, **wanted: Any
) -> None:
    """Which method is best at what, over seeds, and at what cost.

    bench leaderboard build --out DIR, or --format html --out DIR, writes a page that needs no network: DIR/index.html.
    With --format md it writes DIR/README.md.

    \b
    plain     ranks as intervals: a method at 2-4 may be anything from 2nd to 4th, corrected over all pairs
    compute   accuracy against the FLOPs of all training and scoring, with the Pareto front, and at equal cost
    controls  each method minus its controls (shuffled, re-initialised, ...), paired by seed
    profile   across tasks and sparsities: mean ranks, how often near the best, which method is best where
    edits     graph edits of edge methods: how many, the spectral gap before and after, edges between classes
    speed     how much faster the networks that bench measure has timed are than dense ones
    """
    form = form or ("html" if action == "build" else "table")
    if action == "build" or form == "html" or out:
        build(form, out, view, **wanted)
        return
    if flops and view != "compute":
        raise UsageError(f"--flops is for --view compute, not {view}")
    levels = flat(flops)
    if not all(0 < level < math.inf for level in levels):
        raise UsageError(f"--flops must be numbers above 0, got {', '.join(f'{level:g}' for level in levels)}")
    if view == "edits":
        emit(form, *edits(whole_records(**wanted), catalog.label))
        return
    if view == "speed":
        emit(form, *speed(whole_records(**wanted), catalog.label, measured(wanted["results"])))
        return
    records = selected(**wanted)
    if view == "plain":
        print_board(records, form, measured(wanted["results"]))
    elif view == "compute":
        emit(form, *compute(rows(records, catalog.label, catalog.absent, catalog.defaults), levels))
    elif view == "controls":
        emit(form, *controlled(rows(records, catalog.label, catalog.absent, catalog.defaults)))
    else:
        emit(form, *profile(rows(records, catalog.label, catalog.absent, catalog.defaults), form))


def print_board(records: Sequence[Answer], form: str, found: Measured) -> None:
    """Print the plain leaderboard of these records, with what was measured of their networks."""
    board = rows(records, catalog.label, catalog.absent, catalog.defaults, found)
    if form in ("json", "csv"):
        emit(form, {}, board_facts(board))
    else:
        emit(form, boards(board))
