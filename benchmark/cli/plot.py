"""`bench plot`: draw a figure of records."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from benchmark.cli.completion import names_of
from benchmark.cli.filters import filters, selected, whole_records
from benchmark.errors import UsageError
from benchmark.leaderboard.figures.by_name import PICTURES, pictures
from benchmark.leaderboard.figures.style import SUFFIXES, write
from benchmark.results.store import Store

WITH_CONTROLS = ("accuracy-sparsity", "layers", "overlap")
"""Figures that can show controls."""

WHOLE = ("layers", "overlap")
"""Figures that need whole records, not only outcomes."""


@click.command()
@click.argument("picture", type=click.Choice([*PICTURES, "overlap"]))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write: FILE.svg, .png, .pdf.")
@click.option("--controls", is_flag=True, help=f"Also draw controls ({', '.join(WITH_CONTROLS)}).")
@click.option(
    "--highlight",
    metavar="NAMES",
    multiple=True,
    shell_complete=names_of("algorithm"),
    help="Draw these in colour, the others in grey: imp, or random:distribution=erk,gmp.",
)
@filters
def plot(picture: str, out: Path, controls: bool, highlight: tuple[str, ...], **wanted: Any) -> None:
    """Draw a picture of records.

    \b
    accuracy-sparsity    the metric against the share of weights kept, with 95 % intervals
    pareto               the metric against the FLOPs of all training and scoring, with the Pareto front
    profile              how often a method is within a factor of the best, over tasks and sparsities
    critical-difference  mean ranks, and the difference that is significant (Demsar, 2006)
    layers               the share of each layer that a method keeps
    overlap              how far masks agree, beyond chance at the same layer densities
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{out}: pictures cannot be written as '{out.suffix}'; use {', '.join(SUFFIXES)}")
    if controls and picture not in WITH_CONTROLS:
        raise UsageError(f"{picture} shows methods only; --controls is for {', '.join(WITH_CONTROLS)}")
    if not out.parent.is_dir():
        raise UsageError(f"{out}: there is no folder {out.parent}")
    draw = pictures(Store(wanted["results"]))[picture]
    records = (whole_records if picture in WHOLE else selected)(**wanted)
    methods = [record for record in records if controls or record.cell.control is None]
    try:
        write(draw(methods, highlight=highlight), out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}") from None
    click.echo(os.fspath(out), err=True)
