"""Makes trainings that cells of a sweep have in common only once: IMP to 90 % and to 98 % begin with the same rounds.

A training is a pure function of the state that it starts from, because its random streams are. A cell that starts from
the same bits as another loads the result of that one's training, with its cost and its seconds. An algorithm cannot
tell the difference.

Who makes a training, and what its result is, is known to the `Ledger` of the sweep. A file that is not what its maker
wrote, or cannot be read, is not used: the cell trains by itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from benchmark.training.engine import Engine
from benchmark.training.meter import Meter

LIMIT = 4 * 2**30
"""Bytes that a sweep keeps on disk. Beyond that, the least recently used trainings are deleted."""


@dataclass(frozen=True)
class Made:
    """A training that was made: the SHA-256 of its file, and the seconds that it took."""

    digest: str
    seconds: float


class Ledger(Protocol):
    """Knows which trainings of a sweep were made."""

    def claim(self, name: str) -> Made | None:
        """The training of this name, or None: then the caller makes it. Waits while another cell is making it."""

    def made(self, name: str, digest: str) -> None:
        """The training that was claimed is made. Its file has this SHA-256; empty if it could not be written."""


@dataclass
class LocalLedger:
    """The ledger of a process that answers one cell after the other."""

    _made: dict[str, Made] = field(default_factory=dict)
    _claimed: dict[str, float] = field(default_factory=dict)

    def claim(self, name: str) -> Made | None:
        if name not in self._made:
            self._claimed[name] = time.perf_counter()
        return self._made.get(name)

    def made(self, name: str, digest: str) -> None:
        if digest:
            self._made[name] = Made(digest, time.perf_counter() - self._claimed[name])


@dataclass(frozen=True)
class Sharing:
    """Where the trainings of a sweep lie, and who knows of them. The folder exists only during the sweep."""

    folder: Path
    ledger: Ledger


def origin_folder(folder: Path, origin: str) -> Path:
    """The folder, which is made here, of the trainings that plug-ins of one distribution have in common."""
    inner = folder / f"trainings-{hashlib.sha256(origin.encode()).hexdigest()[:16]}"
    inner.mkdir(exist_ok=True)
    return inner


@dataclass(frozen=True)
class SharedTrainings:
    """The results of trainings, for one cell.

    Args:
        about: identifies what the tensors of a network do not show: the task, the recipe, the seed.
        device: the device that results are loaded to.
        limit: bytes that the folder may hold.
    """

    sharing: Sharing
    about: str
    device: torch.device
    limit: int = LIMIT

    def train_or_load(self, engine: Engine, meter: Meter, steps: int, train: Callable[[int], None]) -> None:
        """Train `steps` steps, or load their result from the cell that has made them already or is making them now."""
        name = hashlib.sha256(f"{self.about} {engine.start_digest(steps)}".encode()).hexdigest()
        before = meter.seconds
        made = self.sharing.ledger.claim(name)
        meter.leave_out(meter.seconds - before)
        if made and (state := self._load(name, made.digest)):
            engine.load(state, steps)
            meter.add_reused(steps, made.seconds)
            return
        train(steps)
        if not made:
            self.sharing.ledger.made(name, self._save(name, engine.state()))

    def _path(self, name: str) -> Path:
        return self.sharing.folder / f"{name}.pt"

    def _load(self, name: str, digest: str) -> dict[str, Any] | None:
        """The state in a file; None if the file is gone or is not the one that was made."""
        try:
            os.utime(self._path(name))  # marks it as recently used
            content = self._path(name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        state: dict[str, Any] = torch.load(io.BytesIO(content), map_location=self.device, weights_only=True)
        return state

    def _save(self, name: str, state: dict[str, Any]) -> str:
        """Write a state, and return the SHA-256 of the file; empty if the disk is full: others train by themselves."""
        packed = io.BytesIO()
        torch.save(state, packed)
        with suppress(OSError):
            self._make_room(packed.tell())
            partial = self._path(name).with_suffix(f".{os.getpid()}")
            partial.write_bytes(packed.getbuffer())
            partial.rename(self._path(name))
            return hashlib.sha256(packed.getbuffer()).hexdigest()
        return ""

    def _make_room(self, size: int) -> None:
        kept = [(path.stat(), path) for path in self.sharing.folder.glob("*.pt")]
        excess = sum(stat.st_size for stat, _ in kept) + size - self.limit
        for stat, path in sorted(kept, key=lambda pair: pair[0].st_mtime):
            if excess <= 0:
                break
            excess -= stat.st_size
            path.unlink()
