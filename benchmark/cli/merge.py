"""`bench merge`: check records of other machines and copy them into a results folder."""

from __future__ import annotations

from pathlib import Path

import click

from benchmark.cli.output import emit, format_option, results_option, warn
from benchmark.errors import UsageError
from benchmark.leaderboard.tables.formats import plain
from benchmark.results.merge import merge as bring
from benchmark.results.store import Store


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR..."
)
@click.option("--replace", is_flag=True, help="If a result differs from ours, take theirs.  [default: keep ours]")
@click.option("--dry-run", is_flag=True, help="Say what would be done and stop.")
@results_option
@format_option
@click.pass_context
def merge(
    ctx: click.Context, folders: tuple[Path, ...], replace: bool, dry_run: bool, results: Path, form: str
) -> None:
    """Copy the records of other results folders into --results.

    Files that are not records, are in the wrong place, or contradict themselves are refused, each with a reason. A
    contradiction is a key that is not the cell's, a failed audit, or densities that do not match the layers or the
    sparsity. A successful run replaces an unsuccessful one of ours. Masks are copied with their records, and added to
    records of ours that lack them if the digest is the same; so are results of bench measure from machines that ours
    lack. Exit code 5 if any file was refused; the others are merged anyway.
    """
    for folder in folders:
        if not (folder / "records").is_dir():
            raise UsageError(
                f"{folder} is not a results folder, since it has no records/; give the folder that bench run wrote to"
            )
        if folder.resolve() == results.resolve():
            raise UsageError(f"{folder} is --results itself; name the folder of the other machine")
    ours, rows, refused = Store(results), [], 0
    if not dry_run:
        ours.check()
    for folder in folders:
        merged = bring(Store(folder), ours, replace=replace, write=not dry_run)
        for line in merged.refused:
            click.echo(f"Refused {plain(line)}", err=True)
        for line in merged.differing:
            click.echo(f"Differs {plain(line)}", err=True)
        refused += len(merged.refused)
        counts = {verdict: merged.count[verdict] for verdict in ("new", "same", "differing", "replaced")}
        rows.append(
            {"from": str(folder), **counts, "refused": len(merged.refused)}
            | {"masks": merged.masks, "measurements": merged.measurements}
        )
    warn(ours)
    emit(form, {f"into {results}" + (" (nothing was written)" if dry_run else ""): rows}, rows)
    ctx.exit(5 if refused else 0)
