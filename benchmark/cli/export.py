"""`bench export`: write the network of a record to files."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from benchmark.cli.completion import keys
from benchmark.cli.output import Split, code_note, edits_note, flat, results_option, usable
from benchmark.errors import UsageError, VerificationFailed, unknown_name
from benchmark.leaderboard.tables.formats import plain
from benchmark.results.lookup import find_network
from benchmark.results.record import Record
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.again import Here, Network


@click.command()
@click.argument("record", shell_complete=keys)
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to make.")
@click.option(
    "--format", "formats", type=Split(), multiple=True, help="safetensors, onnx, torch.  [default: safetensors]"
)
@click.option("--device", default="cpu", show_default=True, help="The device to train it again on.")
@click.option("--data-root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="As for run.")
@results_option
def export(
    record: str,
    folder: Path,
    formats: Sequence[Sequence[str]],
    device: str,
    data_root: Path | None,
    results: Path,
) -> None:
    """Write the network of a record to a folder, with record.json.

    Records have no weights, since training the same cell again gives the same bits. That is done here, unless the
    network is already kept on this machine.

    \b
    safetensors  weights.safetensors, parameters and buffers with pruned weights zero; masks.safetensors, True = kept;
                 with the pattern channels, smaller.safetensors: the dense network without the removed channels
    onnx         network.onnx (prunebench[onnx]), compared with onnxruntime before it is written
    torch        network.pt2, a program for torch.export.load, which does not need prunebench; if linear layers keep 2:4
                 and this machine has sparse tensor cores, also network-2-4.pt2, which runs on these in float16
    In the last two, removed channels are cut out, and other pruned weights are zeros.
    """
    from benchmark.deployment.files import FORMATS, require_packages, write_network
    from benchmark.sweep.again import Here

    chosen = flat(formats) or ["safetensors"]
    for name in chosen:
        if name not in FORMATS:
            raise unknown_name("format", name, FORMATS, f"there are {', '.join(FORMATS)}")
    require_packages(chosen)
    wanted = find_network(record, Store(results))
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty; name a new folder")
    with _whole(folder) as workshop:
        network = _trained(wanted, Here(Store(results), usable(device), data_root))
        left_out = write_network(workshop, network, chosen)
        (workshop / "record.json").write_text(json.dumps(json.loads(wanted.to_bytes()), indent=1) + "\n")
    if left_out:
        click.echo(left_out, err=True)
    if note := edits_note(wanted):
        click.echo(f"{note}; the files do not have them", err=True)
    click.echo(
        f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}{plain(code_note(wanted))}", err=True
    )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, which becomes `folder` on success and is deleted on failure.

    An empty folder that is there already stays, and gets the files: others may be in it, or a disk may be mounted.

    Raises:
        UsageError: the folder cannot be created, or written to.
    """
    there = folder.exists()
    try:
        place = folder if there else folder.absolute().parent
        place.mkdir(parents=True, exist_ok=True)
        workshop = Path(tempfile.mkdtemp(prefix=f".{folder.absolute().name}-", dir=place))
    except OSError as error:
        raise _unmade(folder, error) from None
    try:
        yield workshop
        _publish(workshop, folder, there)
    except BaseException:
        shutil.rmtree(workshop, ignore_errors=True)
        raise


def _publish(workshop: Path, folder: Path, there: bool) -> None:
    """Make a folder of the files in the temporary one, which all users may read."""
    try:
        for file in workshop.iterdir():
            file.chmod(0o644)  # safetensors writes files for their owner alone
        if there:
            for file in sorted(workshop.iterdir()):
                file.replace(folder / file.name)
            workshop.rmdir()
        else:
            workshop.chmod(0o755)
            workshop.replace(folder)
    except OSError as error:
        raise _unmade(folder, error) from None


def _unmade(folder: Path, error: OSError) -> UsageError:
    return UsageError(f"{folder} cannot be made: {error.strerror or error}")


def _trained(record: Record, here: Here) -> Network:
    """The network of a record. Raises VerificationFailed if it is trained again and differs from the record."""
    from benchmark.sweep.again import network_of

    try:
        return network_of(record, here)
    except VerificationFailed as problem:
        raise VerificationFailed(f"{problem}{code_note(record)}") from None
