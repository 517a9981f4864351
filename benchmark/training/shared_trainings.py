"""Makes trainings that cells of a sweep have in common only once: IMP to 90 % and to 98 % begin with the same rounds.

A training is a pure function of the state that it starts from, because its random streams are. A cell that starts from
the same bits as another loads the result of that one's training, with its cost and its seconds. An algorithm cannot
tell the difference. A training saves its state from time to time; if it is killed, it resumes from there.

The `Ledger` of the sweep knows which cell makes a training, and what its result is. A file that is not what its maker
wrote, or cannot be read, is not used: the cell trains by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
from torch import Tensor

from benchmark.files import make_folder
from benchmark.training.curve import Curve
from benchmark.training.engine import Engine
from benchmark.training.meter import Meter
from benchmark.training.ranks import ALONE, Ranks

LIMIT = 4 * 2**30
"""Bytes that a sweep keeps on disk. Beyond that, the least recently used trainings are deleted."""


FEW = 64
"""Steps after which a training looks at the clock."""

EVERY = 120.0
"""The most seconds between two states that a training saves while it goes on."""

LEAST, SHARE = 0.5, 0.01
"""The fewest seconds between them; and the share of its time that a training spends on saving them, up to `EVERY`."""


@dataclass(frozen=True)
class Made:
    """A training that was made, or begun.

    Args:
        digest: the SHA-256 of its file.
        seconds: the time that it took.
        steps: how many of its steps were made; None for all. A caller that gets an unfinished one continues it.
    """

    digest: str
    seconds: float
    steps: int | None = None


class Ledger(Protocol):
    """Knows which trainings of a sweep were made."""

    def claim(self, name: str) -> Made | None:
        """The training of this name, or None: then the caller makes it. Waits while another cell is making it."""

    def made(self, name: str, digest: str, steps: int | None = None) -> None:
        """Report that the claimed training is made, or its first `steps` steps.

        Its file has this SHA-256; empty if it could not be written.
        """


@dataclass
class LocalLedger:
    """The ledger of a process that runs one cell after the other."""

    _made: dict[str, Made] = field(default_factory=dict)
    _claimed: dict[str, float] = field(default_factory=dict)

    def claim(self, name: str) -> Made | None:
        made = self._made.get(name)
        if made is None or made.steps is not None:
            self._claimed[name] = time.perf_counter() - (made.seconds if made else 0.0)
        return made

    def made(self, name: str, digest: str, steps: int | None = None) -> None:
        if digest:
            self._made[name] = Made(digest, time.perf_counter() - self._claimed[name], steps)


@dataclass(frozen=True)
class Sharing:
    """Where the trainings of a sweep are kept, and their ledger. The folder lasts until the sweep is done.

    Args:
        ranks: the processes that train together. The first one asks the ledger, and saves what they make.
    """

    folder: Path
    ledger: Ledger
    ranks: Ranks = ALONE


def origin_folder(folder: Path, origin: str) -> Path:
    """The folder of the trainings that plug-ins of one distribution have in common.

    It is created, and so is `folder`, but not the parent of `folder`: a results folder that has vanished is not
    created again.
    """
    inner = folder / f"trainings-{hashlib.sha256(origin.encode()).hexdigest()[:16]}"
    make_folder(inner, within=folder.parent)
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

    def train_or_load(
        self,
        engine: Engine,
        network: str,
        meter: Meter,
        steps: int,
        train: Callable[[int], None],
        curve: Curve | None = None,
    ) -> None:
        """Train `steps` steps, or load their result from the cell that has made them already or is making them now.

        Args:
            network: the digest of the network that they start from.
            train: makes the given number of steps; this method checks whether the loss is finite.
            curve: follows the training; a loaded result comes with its own.
        """
        followed = f" curve={curve.points}" if curve else ""
        name = hashlib.sha256(f"{self.about}{followed} {engine.start_digest(steps, network)}".encode()).hexdigest()
        before = meter.seconds
        made = self._claim(name)
        meter.leave_out(meter.seconds - before)
        begun = 0
        if made and (found := self._load(name, made, curve)):
            begun = steps if made.steps is None else min(made.steps, steps)
            engine.load(found, begun)
            meter.add_reused(begun, made.seconds)
        if begun == steps:
            return
        claimed = self.sharing.ranks.first and (made is None or made.steps is not None)

        def state() -> dict[str, Any]:
            return {**engine.state(), "curve": curve.state() if curve else None}

        self._go_on(name if claimed else "", state, begun, steps, train)
        engine.check()
        if claimed:
            self.sharing.ledger.made(name, self._save(name, state()))
            self._path(name, part=True).unlink(missing_ok=True)

    def _claim(self, name: str) -> Made | None:
        ranks = self.sharing.ranks
        made = self.sharing.ledger.claim(name) if ranks.first else None
        told = ranks.told(made and vars(made))
        return Made(**told) if told else None

    def _go_on(
        self, name: str, state: Callable[[], dict[str, Any]], begun: int, steps: int, train: Callable[[int], None]
    ) -> None:
        """Train from `begun` to `steps`; a training with a name saves its state from time to time."""
        last, pause = time.monotonic(), min(LEAST, EVERY)
        while begun < steps:
            few = min(FEW, steps - begun)
            train(few)
            begun += few
            now = time.monotonic()
            if name and begun < steps and now - last > pause:
                self.sharing.ledger.made(name, self._save(name, state(), part=True), begun)
                last = time.monotonic()
                pause = min(EVERY, max(LEAST, (last - now) / SHARE))

    def _path(self, name: str, part: bool = False) -> Path:
        return self.sharing.folder / f"{name}.{'part' if part else 'whole'}"

    def _load(self, name: str, made: Made, curve: Curve | None) -> dict[str, Any] | None:
        """The state in a file, with the curve set to its state there; None if the file is not the one that was made.

        None for all processes if it is None for one of them.
        """
        content = self._read(name, made)
        if not self.sharing.ranks.all(content is not None) or content is None:
            return None
        with suppress(ValueError, LookupError, TypeError, AttributeError, safetensors.SafetensorError):
            state = unpacked(content, self.device)
            if curve:
                curve.load(state["curve"])
            return state
        return None

    def _read(self, name: str, made: Made) -> bytes | None:
        """The bytes of a file; None if it is gone, or is not the one that was made."""
        path = self._path(name, part=made.steps is not None)
        try:
            os.utime(path)  # marks it as recently used
            content = path.read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == made.digest else None

    def _save(self, name: str, state: dict[str, Any], part: bool = False) -> str:
        """Write a state, and return the SHA-256 of the file; empty if the disk is full: others train by themselves."""
        content = packed(state)
        with suppress(OSError):
            self._make_room(len(content))
            path = self._path(name, part)
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_bytes(content)
            partial.rename(path)
            return hashlib.sha256(content).hexdigest()
        return ""

    def _make_room(self, size: int) -> None:
        kept = [(path.stat(), path) for path in self.sharing.folder.iterdir() if path.is_file()]
        excess = sum(stat.st_size for stat, _ in kept) + size - self.limit
        for stat, path in sorted(kept, key=lambda pair: pair[0].st_mtime):
            if excess <= 0:
                break
            excess -= stat.st_size
            path.unlink()


def packed(state: dict[str, Any]) -> bytes:
    """The state of an engine and its curve: length of the JSON, plain values as JSON, and tensors."""
    tensors = {f"{kind}:{i}": value for kind in ("parameters", "buffers") for i, value in enumerate(state[kind])}
    plain: list[dict[str, Any]] = []
    for i, slots in enumerate(state["memory"]):
        tensors |= {f"memory:{i}:{slot}": value for slot, value in slots.items() if isinstance(value, Tensor)}
        plain.append({slot: value for slot, value in slots.items() if not isinstance(value, Tensor)})
    sizes = {kind: len(state[kind]) for kind in ("parameters", "buffers")}
    told = json.dumps({"mode": state["mode"], "curve": state["curve"], "memory": plain, **sizes}).encode()
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    return len(told).to_bytes(8, "little") + told + safetensors.torch.save(whole)


def unpacked(content: bytes, device: torch.device) -> dict[str, Any]:
    """The state in the bytes of `packed`, whose digest was checked. Nothing in them is executed."""
    end = 8 + int.from_bytes(content[:8], "little")
    told = json.loads(content[8:end])
    tensors = {name: value.to(device) for name, value in safetensors.torch.load(content[end:]).items()}
    memory: list[dict[str, Any]] = told["memory"]
    for name, value in tensors.items():
        kind, _, slot = name.partition(":")
        if kind == "memory":
            number, _, slot = slot.partition(":")
            memory[int(number)][slot] = value
    lists = {kind: [tensors[f"{kind}:{i}"] for i in range(told[kind])] for kind in ("parameters", "buffers")}
    return {"mode": told["mode"], "curve": told["curve"], "memory": memory, **lists}
