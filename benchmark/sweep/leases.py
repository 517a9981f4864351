"""Leases: which of several drivers that share a results folder runs which cell, on one machine or on many.

A lease is a file `leases/<key>.<term>`. Its holder touches it every few seconds; one that has not been touched for long
belongs to a driver that has died, and whoever creates the file of the next term holds the cell. Creating a file that
must not exist is atomic on local and network file systems, so only one of several that try succeeds. Ages are measured
by the clock of the file system, which is the same for all.
"""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from threading import Event, Thread
from typing import Self

BEAT = 10.0
"""Seconds between two touches of a lease."""

EXPIRY = 60.0
"""Seconds without a touch after which a lease is free. On its own machine, that of a dead process is free at once."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lease.

    Args:
        space: the space in which its process number is unique: the boot of a machine, and a container there.
        begun: when it was begun, in the ticks of that machine.
    """

    host: str = "another host"
    pid: int = 0
    space: str = ""
    begun: str = ""

    @classmethod
    def here(cls) -> Self:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), _space(), _begun(os.getpid()))

    @property
    def is_dead(self) -> bool:
        """Whether it is known to have ended; only where it ran can tell."""
        return self.space == _space() != "" and _begun(self.pid) != self.begun

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


@dataclass(frozen=True)
class Lease:
    """What the file of a lease says.

    Args:
        cell: the name of the cell for readers.
        since: when it was taken, in seconds since 1970, by the clock of the holder.
    """

    holder: Holder = Holder()
    cell: str = ""
    since: float = 0.0


class Leases:
    """The leases that this driver holds, touched by a thread for as long as this context lasts, and released then.

    Args:
        folder: the folder of all leases. It is created here, but not again: if it is gone, so is the results folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, Path] = {}
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="leases", daemon=True)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()
        for key in list(self._held):
            self.release(key)

    def take(self, key: str, cell: str = "") -> Lease | None:
        """Hold the cell of this key. Returns the lease of the driver that holds it instead; None if it is ours.

        Raises:
            OSError: the folder cannot be written to.
        """
        terms = terms_of(self.folder, key)
        last = max(terms, default=0)
        if last and (lease := alive(self.folder / f"{key}.{last}")):
            return lease
        try:
            self._create(key, last + 1, Lease(Holder.here(), cell, time.time()))
        except FileExistsError:
            return Lease()  # another driver was quicker
        for term in terms:
            (self.folder / f"{key}.{term}").unlink(missing_ok=True)
        return None

    def release(self, key: str) -> None:
        """Leave a cell to others."""
        path = self._held.pop(key, None)
        if path and _read(path).holder == Holder.here():  # else it was taken from us, as from one that had died
            path.unlink(missing_ok=True)

    def _create(self, key: str, term: int, lease: Lease) -> None:
        path = self.folder / f"{key}.{term}"
        with path.open("x") as file:
            try:
                file.write(json.dumps(asdict(lease)))
                file.flush()
            except OSError:  # the disk is full: what says nothing would be held by nobody
                path.unlink()
                raise
        self._held[key] = path

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            for path in list(self._held.values()):
                with suppress(OSError):  # the folder may be away for a while
                    os.utime(path)


def terms_of(folder: Path, key: str) -> list[int]:
    """The terms of a cell that have a file; with more than one, the last counts."""
    return [int(path.suffix[1:]) for path in folder.glob(f"{key}.*") if path.suffix[1:].isdigit()]


def alive(path: Path) -> Lease | None:
    """A lease whose holder lives; None if it has died, or the lease is gone."""
    with suppress(OSError):
        age = _now(path.parent) - path.stat().st_mtime
        lease = _read(path)
        return None if age > EXPIRY or lease.holder.is_dead else lease
    return None


def held(folder: Path) -> Iterator[tuple[str, Lease]]:
    """The keys of all cells that a living driver is running, with their leases."""
    for path in sorted(folder.glob("*.*")):
        if path.suffix[1:].isdigit() and (lease := alive(path)):
            yield path.stem, lease


def _read(path: Path) -> Lease:
    """What a lease says; of one that cannot be read, or is not written yet, nothing."""
    try:
        told = json.loads(path.read_bytes())
        return Lease(Holder(**told.pop("holder")), **told)
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return Lease()


def _now(folder: Path) -> float:
    """The time by the clock of a file system."""
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_mtime


@cache
def _space() -> str:
    """Identifies the space in which process numbers are unique; empty if unknown: then no process counts as dead."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _begun(pid: int) -> str:
    """When a process was begun, which distinguishes it from a later one with its number; empty if there is none."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
