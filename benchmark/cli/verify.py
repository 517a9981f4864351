"""`bench verify`: are records what they say? Looked into, then trained again, then stamped."""

from __future__ import annotations

import datetime
from pathlib import Path

import click
from pydantic import ValidationError

from benchmark.cli.output import emit, format_option, results_option, usable
from benchmark.errors import BenchError, UsageError, VerificationFailed
from benchmark.files import write
from benchmark.leaderboard.tables.formats import plain
from benchmark.records.lookup import record_file
from benchmark.records.record import Record, Verification
from benchmark.records.store import Store, complaint
from benchmark.records.validity import mask_problems, problems_of

STAMP = ("python", "torch", "numpy", "prunebench", "commit", "dirty", "device", "processor")


@click.command()
@click.argument("records", nargs=-1, metavar="RECORD...")
@click.option("--all", "everything", is_flag=True, help="Every record of --results that ended well.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=3.0,
    show_default=True,
    help="On another machine or other versions: standard deviations of its other seeds that it may be away.",
)
@click.option("--no-training", is_flag=True, help="Only what can be told without training; nothing is stamped.")
@click.option("--device", default="cpu", show_default=True, help="Where to train it again.")
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
    """Check records, train their cells again from them alone, and stamp those that hold.

    RECORD is a file or the first digits of a key. On the same machine and versions the second answer must have the same
    bits; elsewhere its score may be --tolerance standard deviations away, as measured over the other seeds of the cell.
    Exit code 5 where one does not hold, with what differs.
    """
    if everything == bool(records):
        raise UsageError("name the records to verify, or give --all")
    store = Store(results)
    files = _all(store) if everything else [record_file(text, store) for text in records]
    device = usable(device)
    rows, failed, unfit = list[dict[str, str]](), 0, list[int]()
    for file in files:
        try:
            record = _sound(file, store)
            name = f"{record.key[:8]}  {record.cell}"
            how = "sound" if no_training else _stamp(record, file, store, tolerance, device, data_root)
        except VerificationFailed as error:
            name, how, failed = str(file), f"FAILED: {error}", failed + 1
        except BenchError as error:  # its data or its plug-in are not here
            name, how = str(file), f"not checked: {error}"
            unfit.append(error.exit_code)
        click.echo(f"{plain(name)}: {plain(how)}", err=True)
        rows.append({"record": name, "outcome": how})
    emit(form, {f"{len(rows) - failed - len(unfit)} of {len(rows)} hold": rows}, rows)
    ctx.exit(5 if failed else max(unfit, default=0))


def _all(store: Store) -> list[Path]:
    """Every file of a store that ended well, or that is no record; those of failed runs claim nothing."""
    files = sorted(file for file in (store.root / "records").rglob("*.json") if file.is_file())
    claimless = {store.path(record.cell) for record in store if record.status != "ok"}
    if not (chosen := [file for file in files if file not in claimless]):
        raise UsageError(f"no record in {store.root} ended well; fill it with bench run")
    return chosen


def _sound(file: Path, store: Store) -> Record:
    """The record in a file, and a look at what can be told without training. Raises VerificationFailed."""
    try:
        record = Record.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise VerificationFailed(complaint(error)) from None
    if record.status != "ok":
        raise UsageError(f"record {record.key[:8]} has nothing to verify: it is {record.status}: {record.error}")
    inside = file.is_relative_to(store.root / "records")
    if inside and file != store.path(record.cell):
        raise VerificationFailed(f"a record of another place; it belongs at {store.path(record.cell)}")
    packed = store.masks(record.cell)
    wrong = problems_of(record)
    if inside and packed.exists():
        wrong += mask_problems(record, packed.read_bytes())
    if wrong:
        raise VerificationFailed("; ".join(wrong))
    return record


def _stamp(record: Record, file: Path, store: Store, tolerance: float, device: str, data_root: Path | None) -> str:
    """Train again, and write down in its file that it holds. Raises VerificationFailed."""
    from benchmark.harness.rerun import again, verdict

    second = again(record, device, data_root).record
    group = [other for other in store if other.cell.group == record.cell.group and other.key != record.key]
    how = verdict(record, second, [other.score for other in group if other.score is not None], tolerance)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    stamp = Verification(when=now, how=how, where={name: second.provenance.get(name) for name in STAMP})
    write(record.model_copy(update={"verified": stamp}).to_bytes(), file)
    return how
