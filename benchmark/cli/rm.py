"""`bench rm`: delete records, with their masks and logs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from benchmark.cli.filters import filters, selected
from benchmark.errors import PluginError, UsageError
from benchmark.results.pack import drop
from benchmark.results.store import Store


@click.command()
@click.option("--status", "statuses", multiple=True, help="Only these: ok, failed, diverged, skipped or timeout.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@filters
def rm(results: Path, statuses: tuple[str, ...], yes: bool, **wanted: Any) -> None:
    """Delete the records that match, those of one method for example: bench rm --algo my-pruner."""
    if not (statuses or any(wanted.values())):
        raise UsageError("say which records, with --algo or --task for example; to delete all, delete the folder")
    cells = [one.cell for one in selected(results, **wanted) if not statuses or one.status in statuses]
    if not cells:
        raise UsageError(f"no record in {results} has the status {' or '.join(statuses)}")
    what = f"{len(cells)} {'record' if len(cells) == 1 else 'records'}"
    if not yes and not sys.stdin.isatty():
        raise UsageError(f"this deletes {what} of {results}; --yes does so without asking")
    if not yes and not click.confirm(f"Delete {what} of {results}, with masks and logs?"):
        return
    try:
        drop(Store(results), cells)
    except OSError as error:
        raise PluginError(f"not all of {what} could be deleted from {results}: {error.strerror or error}") from None
    click.echo(f"deleted {what} of {results}", err=True)
