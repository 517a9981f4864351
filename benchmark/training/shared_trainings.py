"""Makes trainings that cells of a sweep have in common only once: IMP to 90 % and to 98 % begin with the same rounds.

A training is a pure function of the state that it starts from, because its random streams are. A cell that starts from
the same bits as another loads the result of that one's training, with its cost and its seconds. An algorithm cannot
tell the difference.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.files import file_lock
from benchmark.training.engine import Engine
from benchmark.training.meter import Meter

LIMIT = 4 * 2**30
"""Bytes that a sweep keeps on disk. Beyond that, the least recently used trainings are deleted."""


@dataclass(frozen=True)
class SharedTrainings:
    """The results of trainings, in a folder that exists only during a sweep, so that code and data do not change.

    Args:
        about: identifies what the tensors of a network do not show: the task, the recipe, the seed.
        device: the device that results are loaded to.
        limit: bytes that the folder may hold.
    """

    folder: Path
    about: str
    device: torch.device
    limit: int = LIMIT

    def train_or_load(self, engine: Engine, meter: Meter, steps: int, train: Callable[[int], None]) -> None:
        """Train `steps` steps, or load their result from the cell that has made them already or is making them now."""
        path, before = self._path(engine.start_digest(steps)), meter.seconds
        with ExitStack() as turn:
            with suppress(OSError):  # without the folder, or with a full disk, this cell trains by itself
                turn.enter_context(file_lock(path))
            meter.leave_out(meter.seconds - before)
            if result := self._load(path):
                engine.load(result["state"], steps)
                meter.add_reused(steps, result["seconds"])
                return
            before = meter.seconds
            train(steps)
            self._save(path, {"state": engine.state(), "seconds": meter.seconds - before})

    def _path(self, start: str) -> Path:
        return self.folder / f"{hashlib.sha256(f'{self.about} {start}'.encode()).hexdigest()}.pt"

    def _load(self, path: Path) -> dict[str, Any] | None:
        try:
            os.utime(path)  # marks it as recently used
            result: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return None
        return result

    def _save(self, path: Path, result: dict[str, Any]) -> None:
        packed = io.BytesIO()
        torch.save(result, packed)
        with suppress(OSError):  # if the disk is full, the next cell has to train by itself
            self._make_room(packed.tell())
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(packed.getbuffer())
            partial.rename(path)

    def _make_room(self, size: int) -> None:
        kept = [(path.stat(), path) for path in self.folder.glob("*.pt")]
        excess = sum(stat.st_size for stat, _ in kept) + size - self.limit
        for stat, path in sorted(kept, key=lambda pair: pair[0].st_mtime):
            if excess <= 0:
                break
            excess -= stat.st_size
            path.unlink()
