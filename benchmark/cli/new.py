"""`bench new`: create an algorithm, a task or an experiment in its own package."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.plugins import new_package
from benchmark.plugins.plugin import Kind


@click.command()
@click.argument("kind", type=click.Choice([*new_package.STANDS_FOR]))
@click.argument("name")
@click.option(
    "--into",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to write it to.  [default: the working directory]",
)
def new(kind: Kind, name: str, into: Path) -> None:
    """Create an algorithm, a task or an experiment in its own package.

    Writes a folder NAME with a small working plug-in, to be changed as you like: its source, its entry point, a test
    that runs what bench check runs, and a GitHub workflow. Prints the first commands to try.

    A method needs no package at first: bench run --algo ./my_pruner.py takes a single file.
    """
    folder = new_package.write(kind, name, into)
    click.echo(f"written to {folder}; begin with:\n", err=True)
    click.echo(new_package.usage(folder), nl=False)
