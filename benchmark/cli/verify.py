"""`bench verify`: check records, train their cells again, and stamp the records that were reproduced."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path

import click

from benchmark.cli.completion import keys
from benchmark.cli.output import code_note, emit, format_option, results_option, usable
from benchmark.errors import BenchError, UsageError, VerificationFailed
from benchmark.files import write
from benchmark.leaderboard.tables.formats import plain
from benchmark.results.lookup import find_source
from benchmark.results.outcome import Outcome
from benchmark.results.record import Record, Verification
from benchmark.results.saved_masks import content
from benchmark.results.sources import Source
from benchmark.results.store import Store
from benchmark.results.validity import problems_of

STAMP = ("python", "torch", "numpy", "prunebench", "commit", "code", "dirty", "device", "processor")
"""Fields of the second run's provenance that a stamp keeps."""


@click.command()
@click.argument("records", nargs=-1, metavar="RECORD...", shell_complete=keys)
@click.option("--all", "everything", is_flag=True, help="Every successful record in --results.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=3.0,
    show_default=True,
    help="Allowed difference on another machine or version, in standard deviations over the other seeds.",
)
@click.option("--no-training", is_flag=True, help="Only run the checks that need no training; stamp nothing.")
@click.option("--device", default="cpu", show_default=True, help="The device to train again on.")
@click.option("--data-root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="As for run.")
@results_option
@format_option
@click.pass_context
def verify(
    ctx: click.Context,
    records: tuple[str, ...],
    everything: bool,
    tolerance: float,
    no_training: bool,
    device: str,
    data_root: Path | None,
    results: Path,
    form: str,
) -> None:
    """Check records, train their cells again from the records alone, and stamp those that are reproduced.

    RECORD is a file or the first digits of a key. On the same machine and versions, the second result must be equal bit
    for bit; elsewhere its score may be --tolerance standard deviations away, measured over the other seeds of the cell.
    Exit code 5 if a record is not reproduced, with a list of the differences.
    """
    if everything == bool(records):
        raise UsageError("name the records to verify, or give --all")
    store = Store(results)
    chosen = _all(store) if everything else [_named(text, store) for text in records]
    others = [] if no_training else store.outcomes()
    device = usable(device)
    rows, failed, unfit = list[dict[str, str]](), 0, list[int]()
    for source, judged in chosen:
        try:
            record = _sound(source, judged, store)
            name = f"{record.key[:8]}  {record.cell}"
            how = "sound" if no_training else _stamp(record, source, store, others, tolerance, device, data_root)
        except VerificationFailed as error:
            note = code_note(judged) if isinstance(judged, Record) else ""
            name, how, failed = str(source), f"FAILED: {error}{note}", failed + 1
        except BenchError as error:  # its data or plug-in is missing
            name, how = str(source), f"not checked: {error}"
            unfit.append(error.exit_code)
        else:
            how += code_note(record)
        click.echo(f"{plain(name)}: {plain(how)}", err=True)
        rows.append({"record": name, "outcome": how})
    emit(form, {f"{len(rows) - failed - len(unfit)} of {len(rows)} hold": rows}, rows)
    ctx.exit(5 if failed else max(unfit, default=0))


def _named(text: str, store: Store) -> tuple[Source, Record | str]:
    """Return the location of a named record and what was read there. Raises UsageError as `find_source` does."""
    source = find_source(text, store)
    return source, store.judge(source)


def _all(store: Store) -> list[tuple[Source, Record | str]]:
    """Return all successful records and everything that is not a valid record. Failed runs have nothing to verify."""
    chosen = [(source, read) for source, read in store.judged() if isinstance(read, str) or read.status == "ok"]
    chosen += [(Source("", str(file)), f"{file}: not in records/<task>/<algorithm>/") for file in store.astray()]
    if not chosen:
        raise UsageError(f"no record in {store.root} ended well; fill it with bench run")
    return chosen


def _sound(source: Source, judged: Record | str, store: Store) -> Record:
    """Return the record after the checks that need no training.

    Raises:
        VerificationFailed: the record is not valid.
        UsageError: the record is of an unsuccessful run.
    """
    if isinstance(judged, str):
        raise VerificationFailed(judged.removeprefix(f"{source}: "))
    if judged.status != "ok":
        raise UsageError(f"record {judged.key[:8]} has nothing to verify: it is {judged.status}: {judged.error}")
    if wrong := problems_of(judged, content(store, judged) if store.holds(source) else None):
        raise VerificationFailed("; ".join(wrong))
    return judged


def _stamp(
    record: Record,
    source: Source,
    store: Store,
    others: Iterable[Outcome],
    tolerance: float,
    device: str,
    data_root: Path | None,
) -> str:
    """Train the cell again and stamp the record. Return how closely it was reproduced.

    A stamped file is written in place. A stamped line of a table becomes a file, which replaces the line when it is
    packed; tables are not rewritten here.

    Raises:
        VerificationFailed: the second result differs too much.
    """
    from benchmark.harness.rerun import verdict
    from benchmark.sweep.again import Here, answered_again

    second = answered_again(record, Here(store, device, data_root)).record
    group = [other.score for other in others if other.group == record.group and other.key != record.key]
    how = verdict(record, second, [score for score in group if score is not None], tolerance)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    stamp = Verification(when=now, how=how, where={name: second.provenance.get(name) for name in STAMP})
    stamped = record.model_copy(update={"verified": stamp})
    write(stamped.to_bytes(), store.path(record.cell) if source.line else Path(source.path))
    return how
