"""A referee of a sweep: a process that has imported no algorithm, reads the test split, and writes records.

The leading process of the sweep tells it where a worker's handover is; see `benchmark.harness.referee`.
"""

from __future__ import annotations

import hashlib
import signal
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmark.harness.edited_graphs import SPLITS, applied, shown
from benchmark.harness.handover import Graphs, grouped, joined, pack, unpack, unpacked
from benchmark.harness.question import Question, Settings, Unloaded, question
from benchmark.harness.referee import Known, OpenedSplits, Verdict, judge
from benchmark.results.cell import Cell
from benchmark.results.record import failure
from benchmark.results.store import Store
from benchmark.sweep.channel import Channel, Message
from benchmark.sweep.confinement import die_with_parent
from benchmark.sweep.folder import graphs_beside
from benchmark.sweep.logs import output_to


@dataclass(frozen=True)
class Handed:
    """What a worker has handed over, as files in its folder, with the SHA-256 of each.

    Args:
        edges: the edges of the graphs of the other splits, after each edit of the run.
    """

    folder: Path
    digest: str
    edges: Sequence[str] = ()

    def handover(self) -> bytes:
        """The bytes of the handover. Raises ValueError if the file is not the one that was handed over."""
        return _read(self.folder / "handover", self.digest)

    def edited(self, number: int) -> dict[str, Graphs]:
        """The edges after an edit, by split. Raises ValueError if the file is not the one that was handed over."""
        return grouped(unpack(_read(self.folder / f"edges-{number}", self.edges[number])), SPLITS)


def _read(file: Path, digest: str) -> bytes:
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"{file.name} was changed after it was handed over")
    return content


class Court:
    """Answers the messages of the leading process. The data of the last setting stay loaded."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings, self._store = settings, store
        self._opened: tuple[tuple[str, int], OpenedSplits] | None = None

    def answer(self, message: Message) -> Message:
        """The answer to a message: the graphs that a worker is to edit, or a record, which is stored then."""
        cell = Cell.model_validate(message["cell"])
        declared = Unloaded(cell.algorithm, frozenset(message["prunes"]), frozenset(message["needs"]))
        asked = replace(question(cell, self._settings, declared), where=message["where"])
        handed = Handed(Path(message["folder"]), message["digest"], message["edges"])
        if len(handed.edges) < message["edits"]:
            return {"graphs": self._graphs(asked, handed)}
        known = Known(
            refereed=True, confined=message["confined"], seconds=message["seconds"], peak_bytes=message["peak_bytes"]
        )
        verdict = self._verdict(asked, handed, known)
        return {"record": self._store.keep(verdict.record, verdict.masks).model_dump(mode="json", by_alias=True)}

    def log(self, message: Message) -> Path:
        """The log of the cell that a message is about."""
        return self._store.log(Cell.model_validate(message["cell"]))

    def _verdict(self, asked: Question, handed: Handed, known: Known) -> Verdict:
        try:
            handover = unpacked(handed.handover())
            return judge(asked, self._splits(asked), handover, lambda number, _: handed.edited(number), known)
        except Exception as problem:  # what was handed over cannot be read
            traceback.print_exc()
            return Verdict(failure(asked.cell, asked.ranking, "failed", f"{type(problem).__name__}: {problem}"))

    def _graphs(self, asked: Question, handed: Handed) -> str:
        """Write the graphs that the next edit is to be applied to, without labels. Returns the name of the file."""
        done = len(handed.edges)
        edited = applied(self._splits(asked).splits, done, lambda number, _: handed.edited(number))
        without_labels = {split: shown(data) for split, data in edited.items()}
        graphs_beside(handed.folder).write_bytes(pack(joined(without_labels)))
        return "graphs"

    def _splits(self, asked: Question) -> OpenedSplits:
        source = asked.task.source
        key = asked.cell.setting, asked.cell.seed if source.split_of_seed else 0
        if not self._opened or self._opened[0] != key:
            self._opened = None  # frees the memory before the next data are read
            self._opened = key, OpenedSplits(source.splits(asked.folder, asked.cell.seed))
        return self._opened[1]


def preside(settings: Settings, root: Path, connection: Connection) -> None:
    """Answer messages until the process that leads the sweep ends."""
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    store = Store(root)
    store.stay()
    channel, court = Channel(connection), Court(replace(settings, sharing=None), store)
    while True:
        try:
            message = channel.receive()
        except EOFError:
            return
        try:
            with output_to(court.log(message)):
                answer = court.answer(message)
            channel.send(**answer)
        except OSError as error:
            channel.send(broken=error.strerror or str(error))
