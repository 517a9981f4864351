"""`bench pack`: the records of a results folder as they are committed, a file a table."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.output import emit, format_option, results_option
from benchmark.errors import UsageError
from benchmark.leaderboard.tables.formats import plain
from benchmark.records.pack import pack as fold
from benchmark.records.store import Store


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done and stop.")
@results_option
@format_option
@click.pass_context
def pack(ctx: click.Context, dry_run: bool, results: Path, form: str) -> None:
    """Move the records of --results into its tables, to be committed.

    bench run writes a file a record, records/<task>/<algorithm>/<key>.json. They become lines of
    records/<table>.jsonl, sorted by key: one file for every task, model and budget, and a line of a diff for every
    record. All verbs read both; a record run or verified again has a file again, which replaces its line.

    A table is written whole or not at all, and files are removed after it. What is no record is named and stays, and
    so does a table with such a line. Exit code 5 if there was any.
    """
    try:
        packed = fold(Store(results), write=not dry_run)
    except OSError as error:
        raise UsageError(f"the records in {results} cannot be packed: {error.strerror or error}") from None
    for line in packed.refused:
        click.echo(f"Refused {plain(line)}", err=True)
    rows = [{"table": name, "records": of, "new": new} for name, (of, new) in packed.tables.items()]
    emit(form, {f"in {results}" + (" (nothing was written)" if dry_run else ""): rows}, rows)
    ctx.exit(5 if packed.refused else 0)
