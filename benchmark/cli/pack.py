"""`bench pack`: move the records of a results folder into its tables, ready to be committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmark.cli.output import emit, format_option, results_option
from benchmark.errors import UsageError
from benchmark.leaderboard.tables.formats import plain
from benchmark.results.pack import pack as fold
from benchmark.results.store import Store


@click.command()
@click.option(
    "--masks/--no-masks", default=True, show_default=True, help="Pack masks, too, or leave them where they are."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done and stop.")
@results_option
@format_option
@click.pass_context
def pack(ctx: click.Context, masks: bool, dry_run: bool, results: Path, form: str) -> None:
    """Move the records of --results into its tables, to be committed.

    bench run writes one file per record, records/<task>/<algorithm>/<key>.json. Packing turns them into lines of
    records/<table>.jsonl, sorted by key: one table for every task, model and budget, so that a diff has one line per
    record. All commands read both. A record that is run or verified again gets a new file, which replaces its line.

    Their masks are packed into one file per table, records/<table>.masks.zip, which all commands read as well. The
    output says how many bytes it has; leave out the masks of large networks with --no-masks.

    A table is written whole or not at all, and files are removed only afterwards. Files and lines that are not records,
    and masks that are not those of their record, are reported and kept, and a table with such a line is not changed.
    Exit code 5 if there were any.
    """
    try:
        packed = fold(Store(results), write=not dry_run, masks=masks)
    except OSError as error:
        raise UsageError(f"the records in {results} cannot be packed: {error.strerror or error}") from None
    for line in packed.refused:
        click.echo(f"Refused {plain(line)}", err=True)
    facts = [{"table": name} | of._asdict() for name, of in packed.tables.items()]
    emit(form, {f"in {results}" + (" (nothing was written)" if dry_run else ""): [_row(of) for of in facts]}, facts)
    ctx.exit(5 if packed.refused else 0)


def _row(facts: dict[str, Any]) -> dict[str, str]:
    size = f"{facts['mask_bytes'] / 1e3:,.1f} kB"
    shown = {name: str(facts[name]) for name in ("table", "records", "new")}
    return shown | {"with masks": str(facts["masked"]), "masks": size if facts["masked"] else ""}
