"""`bench logs`: what the worker of a cell printed."""

from __future__ import annotations

import re
from pathlib import Path

import click

from benchmark.cli.completion import keys
from benchmark.cli.output import results_option
from benchmark.errors import UsageError
from benchmark.results.store import Store


@click.command()
@click.argument("key", shell_complete=keys)
@results_option
def logs(key: str, results: Path) -> None:
    """The output and the traceback of the cell whose KEY begins with these digits, even while it runs."""
    store = Store(results)
    found = store.logs(key) if re.fullmatch(r"[0-9a-f]{1,64}", key) else []
    if not found and (records := store.find(key)):
        click.echo(f"run {records[0].key[:8]} has printed nothing", err=True)
        return
    if not found:
        raise UsageError(f"no log of '{key}' in {results / 'logs'}, and no record")
    if len(found) > 1:
        raise UsageError(f"'{key}' matches {len(found)} logs; give more digits")
    click.echo(found[0].read_text(errors="replace"), nl=False)
