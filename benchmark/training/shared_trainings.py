"""Trainings that cells of a sweep have in common are made once: IMP to 90 % and to 98 % begin with the same rounds.

A training is a pure function of where it starts, because random streams are: a cell that starts from the same bits as
another did takes the end from it, bits, cost and seconds. No algorithm can tell.
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

from benchmark.files import alone
from benchmark.training.engine import Engine
from benchmark.training.meter import Meter

LIMIT = 4 * 2**30
"""Bytes that a sweep keeps; what was of no use for longest goes first."""


@dataclass(frozen=True)
class SharedTrainings:
    """The ends of trainings, in a folder that lives as long as a sweep: code and data do not change meanwhile.

    Args:
        about: what the tensors of a network do not tell: the task, the recipe, the seed.
    """

    folder: Path
    about: str
    device: torch.device
    limit: int = LIMIT

    def train_or_load(self, engine: Engine, meter: Meter, steps: int, train: Callable[[int], None]) -> None:
        """Train `steps` steps; or take their end from the cell that made them already, or is about to."""
        path, before = self._path(engine.start(steps)), meter.seconds
        with ExitStack() as turn:
            with suppress(OSError):  # a folder that is gone, or full, costs this cell nothing but its training
                turn.enter_context(alone(path))
            meter.waited(meter.seconds - before)
            if ending := self._ending(path):
                engine.take(ending["state"], steps)
                meter.take(steps, ending["seconds"])
                return
            before = meter.seconds
            train(steps)
            self._keep(path, {"state": engine.state(), "seconds": meter.seconds - before})

    def _path(self, start: str) -> Path:
        return self.folder / f"{hashlib.sha256(f'{self.about} {start}'.encode()).hexdigest()}.pt"

    def _ending(self, path: Path) -> dict[str, Any] | None:
        try:
            os.utime(path)  # of use just now
            ending: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return None
        return ending

    def _keep(self, path: Path, ending: dict[str, Any]) -> None:
        packed = io.BytesIO()
        torch.save(ending, packed)
        with suppress(OSError):  # a full disk costs the next cell its training, and this one nothing
            self._make_room(packed.tell())
            half = path.with_suffix(f".{os.getpid()}")
            half.write_bytes(packed.getbuffer())
            half.rename(path)

    def _make_room(self, size: int) -> None:
        kept = [(path.stat(), path) for path in self.folder.glob("*.pt")]
        excess = sum(found.st_size for found, _ in kept) + size - self.limit
        for found, path in sorted(kept, key=lambda pair: pair[0].st_mtime):
            if excess <= 0:
                break
            excess -= found.st_size
            path.unlink()
