"""Finds the files of starts: networks of records, files that come with a task, timm checkpoints, users' files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import Tensor

from benchmark.data.checksums import hashed, matches
from benchmark.data.folders import DataFolders
from benchmark.data.networks import SUFFIXES, read_network
from benchmark.errors import BenchError, DataMissing, Inapplicable, PluginError, UsageError, one_line
from benchmark.harness.handover import pack
from benchmark.harness.network import sketch
from benchmark.harness.question import start_of
from benchmark.harness.starts import StartFile, fit
from benchmark.results.cell import Cell
from benchmark.results.lookup import find_record
from benchmark.results.record import Record
from benchmark.results.starts import FILES, OF_TIMM, is_key
from benchmark.results.store import Store
from benchmark.sweep.kept_starts import folder, keep, keep_network, kept_network
from benchmark.training.task import Task

Files = Mapping[tuple[str, str, str], StartFile]
"""The files of starts, by `start_of`."""


@dataclass(frozen=True)
class Starts:
    """Finds starts on this machine.

    Args:
        store: the store of the records whose networks are starts.
        again: trains the network of a record again, and returns its tensors.
    """

    store: Store
    folders: DataFolders
    again: Callable[[Record], Mapping[str, Tensor]]

    def files(self, cells: Iterable[Cell], tasks: Mapping[str, Task]) -> Files:
        """The files of the starts of cells.

        Args:
            tasks: by `Cell.setting`.

        Raises:
            DataMissing: a file is not on this machine.
            UsageError: there is no such record, it has no network, or the task has no trained networks.
            VerificationFailed: the network of a record cannot be made again, or its kept file was changed.
        """
        wanted = {start_of(cell): cell for cell in cells if cell.start}
        return {place: self._file(cell, tasks[cell.setting]) for place, cell in wanted.items()}

    def _file(self, cell: Cell, task: Task) -> StartFile:
        if is_key(cell.start):
            return self.of_record(find_record(cell.start, self.store))
        if cell.start == FILES:
            return self._of_task(cell, task)
        return _start_file(_kept_file(cell.start, self.folders))

    def of_record(self, record: Record) -> StartFile:
        """The file with the network of a record. Raises what `files` does."""
        if record.status != "ok":
            raise UsageError(f"record {record.key[:8]} has no network to begin with: it is {record.status}")
        file = kept_network(record) or keep_network(record, self.again(record))
        remark = "" if record.network_digest else _UNTOLD.format(key=record.key[:8])
        return replace(_start_file(file), task=record.cell.task, cost=record.cost.model_dump(), remark=remark)

    def _of_task(self, cell: Cell, task: Task) -> StartFile:
        if task.pretrained is None:
            raise UsageError(f"task '{cell.task}' comes with no trained networks; give --start KEY or a file")
        try:
            content = pack(dict(_pretrained(task.pretrained, cell.model, self.folders)))
        except BenchError:
            raise
        except Exception as error:  # whatever the code of a plug-in raises
            what = f"task '{cell.task}' cannot read its trained network of '{cell.model}'"
            raise PluginError(f"{what}: {type(error).__name__}: {one_line(error)}") from error
        return _start_file(keep(content, f"{hashlib.sha256(content).hexdigest()}.safetensors"))


def named(text: str, store: Store, folders: DataFolders) -> str:
    """The start of a cell, from text of the command line. A user's file is kept for later runs.

    Args:
        text: the first digits of a key, `files`, `timm:NAME`, a file, or a start as a record spells it.

    Raises:
        UsageError: no record, or several, match; or there is no such file, or none of a network.
        DataMissing: there is no checkpoint of this name.
    """
    if text == FILES or "@sha256:" in text:
        return text
    if text.startswith(OF_TIMM):
        file = _checkpoint(text, folders)
        _sound(partial(read_network, file.read_bytes(), file.name), text)
        return f"{text}@{hashed(file, 'sha256')}"
    if Path(text).suffix in SUFFIXES:
        return _users(Path(text))
    return find_record(text, store).key


_UNTOLD = (
    "record {key} tells no digest of its network: that trained again has its metrics and masks, as far as is known"
)


def remarks(files: Files, tasks: Mapping[str, Task]) -> Iterator[str]:
    """Yield what users should know about starts, and a sentence for every network with some randomly drawn parameters.

    Args:
        tasks: by `Cell.setting`.

    Raises:
        UsageError: a start cannot be read, or has values that are not finite.
    """
    yield from dict.fromkeys(file.remark for file in files.values() if file.remark)
    for (start, setting, name), file in files.items():
        model = sketch(tasks[setting], name)
        given = _sound(file.tensors, start)
        try:
            drawn = fit(given, model, tasks[setting]).drawn_parameters(model) if model else []
        except Inapplicable:
            continue  # its cells are skipped with the reason
        if drawn:
            yield f"{setting}/{name}: not all of it is in the start {start}; drawn are {', '.join(drawn)}"


def _sound(read: Callable[[], Mapping[str, Tensor]], name: str) -> Mapping[str, Tensor]:
    """The tensors of a start. Raises UsageError if it cannot be read, or has values that are not finite."""
    try:
        found = read()
    except ValueError as error:
        raise UsageError(f"the start {name} cannot be read: {one_line(error)}") from None
    for tensor, values in found.items():
        if values.is_floating_point() and not values.isfinite().all():
            raise UsageError(f"'{tensor}' of the start {name} holds NaN or infinity")
    return found


def _pretrained(
    read: Callable[[str, Path], Mapping[str, Tensor]], model: str, folders: DataFolders
) -> Mapping[str, Tensor]:
    """The trained network of a task, from the first data folder that has it."""
    problems = list[DataMissing]()
    for root in folders.roots:
        try:
            return read(model, root)
        except DataMissing as problem:
            problems.append(problem)
    raise problems[-1]


def _users(file: Path) -> str:
    if not file.is_file():
        raise UsageError(f"there is no file {file}; --start takes the key of a record, files, timm:NAME, or a file")
    content, digest = file.read_bytes(), hashed(file, "sha256")
    _sound(partial(read_network, content, file.name), str(file))
    keep(content, f"{digest.removeprefix('sha256:')}{file.suffix}")
    name = re.sub(r"[^\w.+-]", "_", file.name)[-100:]
    return f"{name}@{digest}"


def _checkpoint(text: str, folders: DataFolders) -> Path:
    places = [root / "timm" for root in folders.roots]
    name = text.removeprefix(OF_TIMM)
    file = next((file for file in _ending(places, name) if file.is_file()), None)
    if file is None:
        raise DataMissing(
            f"no checkpoint of '{text}' in {', '.join(map(str, places))} "
            f"(looked for {name} with {', '.join(SUFFIXES)})\n"
            f"  With a copy: put it there, or give the file: --start {name}.safetensors"
        )
    return file


def _kept_file(start: str, folders: DataFolders) -> Path:
    """The file of a start that names its digest."""
    name, _, digest = start.partition("@sha256:")
    if name.startswith(OF_TIMM):
        places = list(_ending([root / "timm" for root in folders.roots], name.removeprefix(OF_TIMM)))
    else:
        places = [*folder().glob(f"{digest}.*"), *(root / "starts" / name for root in folders.roots)]
    file = next((file for file in places if matches(file, f"sha256:{digest}")), None)
    if file is None:
        first = folders.roots[0] / ("timm" if name.startswith(OF_TIMM) else "starts")
        raise DataMissing(
            f"the start '{name}' with SHA-256 {digest[:8]}... is not on this machine\n  With a copy: put it in {first}"
        )
    return file


def _ending(places: Iterable[Path], name: str) -> Iterator[Path]:
    yield from (place / f"{name}{suffix}" for place in places for suffix in SUFFIXES)


def _start_file(file: Path) -> StartFile:
    return StartFile(file, hashed(file, "sha256").removeprefix("sha256:"))
