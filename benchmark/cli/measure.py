"""`bench measure`: latency, memory and size of a pruned network next to its dense parent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.completion import keys
from benchmark.cli.output import (
    Split,
    code_note,
    data_root_option,
    edits_note,
    emit,
    flat,
    format_option,
    results_option,
)
from benchmark.errors import UsageError, unknown_name
from benchmark.leaderboard.tables.formats import plain
from benchmark.leaderboard.tables.measured import measured_rows
from benchmark.results.lookup import find_network
from benchmark.results.measured import Measurement, add
from benchmark.results.record import Record
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.deployment.deployed import Deployed


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD...", shell_complete=keys)
@click.option("--batch", "batches", type=Split(int), multiple=True, help="Examples per call.  [default: 1,128]")
@click.option(
    "--runtime",
    "runtimes",
    type=Split(),
    multiple=True,
    help="torch, onnxruntime, csr, cuda, 2:4.  [default: all that run here]",
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of each runtime.")
@click.option("--rounds", type=click.IntRange(6), default=21, show_default=True, help="Rounds; all are timed in turn.")
@data_root_option
@results_option
@format_option
def measure(
    records: tuple[str, ...],
    batches: Sequence[Sequence[int]],
    runtimes: Sequence[Sequence[str]],
    threads: int,
    rounds: int,
    data_root: Path | None,
    results: Path,
    form: str,
) -> None:
    """What are the zeros of a record's network worth? Time it here, next to a dense network of the same shape.

    A network of the pattern `channels` is cut to its smaller size first. Its outputs must be the same in all runtimes.
    Results are kept in measured/ in the results folder; leaderboards show them next to the metric, --view speed alone.

    \b
    torch        layer by layer; zeros that were not cut save nothing here
    onnxruntime  from an ONNX file (prunebench[onnx]); it does not exploit zeros, either
    csr          torch, with linear layers and convolutions that compute with kept weights alone
    cuda         torch on a GPU, in float16
    2:4          the same on sparse tensor cores, for linear layers that keep 2 of 4, next to a dense network in cuda
    """
    sizes = flat(batches) or [1, 128]
    if any(size < 1 for size in sizes):
        raise UsageError("--batch must be numbers of examples, 1 or more")
    store = Store(results)
    chosen = {record.key: record for record in (find_network(text, store) for text in records)}
    for record in chosen.values():
        _require_own(record, store)
    tables, facts = {}, list[dict[str, object]]()
    for record in chosen.values():
        found = _measured(record, flat(runtimes), sizes, threads, rounds, store, data_root)
        add(results, record.cell, found)
        tables[f"{record.key[:8]}  {record.cell}; {_how(found[0])}"] = measured_rows(found)
        facts += [{"key": record.key} | one.model_dump() for one in found]
    emit(form, tables, facts)


def _require_own(record: Record, store: Store) -> None:
    """Raise UsageError if measurements of a record would be kept beside another record of its cell."""
    known = store.get(record.cell)
    networks = {known.network_digest, record.network_digest} - {None} if known else set()  # older records tell none
    if known and (known.mask_digest != record.mask_digest or len(networks) > 1):
        raise UsageError(
            f"{store.root} has another network of record {record.key[:8]}; name the folder of this one with --results"
        )


def _measured(
    record: Record,
    wanted: Sequence[str],
    batches: Sequence[int],
    threads: int,
    rounds: int,
    store: Store,
    data_root: Path | None,
) -> list[Measurement]:
    from benchmark.deployment.deployed import deployed
    from benchmark.deployment.measure import measure
    from benchmark.deployment.runtimes import RUNTIMES
    from benchmark.sweep.again import Here, network_of

    for name in wanted:
        if name not in RUNTIMES:
            raise unknown_name("runtime", name, RUNTIMES, f"there are {', '.join(RUNTIMES)}")
    if note := code_note(record):
        click.echo(f"{record.key[:8]}{plain(note)}", err=True)
    if note := edits_note(record):
        click.echo(f"{note}; both networks are timed without them", err=True)
    network = deployed(network_of(record, Here(store, data_root=data_root)))
    leave_out = None if wanted else lambda name, reason: click.echo(f"without {name}: {reason}", err=True)
    return measure(network, _runtimes(network, wanted), batches, threads, rounds, leave_out)


def _runtimes(network: Deployed, wanted: Sequence[str]) -> list[str]:
    """The runtimes to measure: the requested ones, or all that can run the network; the others are named."""
    from benchmark.deployment.measure import applicable

    reasons = applicable(network)
    for name in wanted:
        if reasons[name]:
            raise UsageError(f"{name} cannot be measured: {reasons[name]}")
    for reason in dict.fromkeys(reasons.values()) if not wanted else ():
        if reason:
            click.echo(f"without {', '.join(name for name in reasons if reasons[name] == reason)}: {reason}", err=True)
    return [*wanted] or [name for name, reason in reasons.items() if not reason]


def _how(one: Measurement) -> str:
    threads = "1 thread" if one.threads == 1 else f"{one.threads} threads"
    return f"{one.where.get('processor')}, {threads}, medians of {one.rounds} rounds"
