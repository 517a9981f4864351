"""`bench export`: train the network of a record again and write it to files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.output import code_note, results_option, usable
from benchmark.errors import UsageError, VerificationFailed
from benchmark.leaderboard.tables.formats import plain
from benchmark.records.lookup import find_record
from benchmark.records.record import Record
from benchmark.records.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.again import Here, Network


@click.command()
@click.argument("record")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to make.")
@click.option("--device", default="cpu", show_default=True, help="Where to train it again.")
@click.option("--data-root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="As for run.")
@results_option
def export(record: str, folder: Path, device: str, data_root: Path | None, results: Path) -> None:
    """Train a record's network again and write it to a folder.

    Records hold no weights, since training the same cell again gives the same bits. The folder gets weights.safetensors
    (parameters and buffers, with pruned weights zero), masks.safetensors (True = kept), record.json, and for the
    pattern `channels` smaller.safetensors, the dense network without the removed channels.
    """
    from benchmark.sweep.again import Here

    wanted = find_record(record, Store(results))
    if wanted.status != "ok":
        raise UsageError(f"record {wanted.key[:8]} has no network: it is {wanted.status}: {wanted.error}")
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    with _whole(folder) as workshop:
        _write(workshop, wanted, _trained(wanted, Here(Store(results), usable(device), data_root)))
    click.echo(
        f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}{plain(code_note(wanted))}", err=True
    )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, which replaces `folder` on success and is deleted on failure.

    Raises:
        UsageError: the folder cannot be created.
    """
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.absolute().parent))
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror or error}") from None
    try:
        yield workshop
        workshop.chmod(0o755)
        workshop.replace(folder)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise


def _trained(record: Record, here: Here) -> Network:
    """Train the network of a record again. Raises VerificationFailed if the result differs from the record."""
    from benchmark.sweep.again import network_of

    try:
        return network_of(record, here)
    except VerificationFailed as problem:
        raise VerificationFailed(f"{problem}{code_note(record)}") from None


def _write(folder: Path, record: Record, network: Network) -> None:
    import torch
    from safetensors.torch import save_file

    from benchmark.pruning.structured import Channels
    from benchmark.training.channel_tracing import cut
    from benchmark.training.state import tensors

    save_file({n: value.contiguous() for n, value in tensors(network.model).items()}, folder / "weights.safetensors")
    save_file({n: mask.contiguous() for n, mask in network.masks.items()}, folder / "masks.safetensors")
    (folder / "record.json").write_text(json.dumps(json.loads(record.to_bytes()), indent=1) + "\n")
    beginning = network.beginning
    if isinstance(beginning.target.pattern, Channels):
        batch = network.train.batch(torch.zeros(2, dtype=torch.int64))
        smaller = cut(network.model, beginning.question.task, batch, network.masks)
        save_file({n: v.contiguous() for n, v in tensors(smaller).items()}, folder / "smaller.safetensors")
