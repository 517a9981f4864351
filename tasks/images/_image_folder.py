"""Reads folders of images, `<split>/<class>/<image>`: decoded once into a memory-mapped file, or batch by batch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark import cores, file_lock, user_cache

from ._decoding import DECODER, decoded, is_image
from ._pictures import Pixels

LIMIT = "PRUNEBENCH_IMAGE_CACHE"
"""Environment variable: gigabytes a task's decoded images may take. Larger data sets are decoded batch by batch."""

DEFAULT_LIMIT = 50.0
VERIFIED = 2_000_000_000
"""Caches up to this many bytes are verified by hash when opened, larger ones by size only."""

CHUNK = 256
"""Number of images decoded between two writes."""

HEARTBEAT = 30.0
"""Seconds between progress messages while decoding."""


@dataclass(frozen=True)
class Listing:
    """Image files and their classes, sorted by class and name.

    Args:
        labels: int64 [n].
        size: edge of the stored square, in pixels.
    """

    root: Path
    files: tuple[Path, ...]
    labels: Tensor
    size: int

    def part(self, index: Tensor) -> Listing:
        """Return the images at `index`."""
        return replace(self, files=tuple(self.files[i] for i in index.tolist()), labels=self.labels[index])

    @property
    def bytes(self) -> int:
        """Size of the decoded images."""
        return len(self.files) * 3 * self.size**2

    def digest(self, *, times: bool) -> str:
        """Return the SHA-256 of the stored size, the files' names and lengths.

        With `times`, also of their modification times and inodes and of how images are decoded.
        """
        stats = [(file.relative_to(self.root).as_posix(), file.stat()) for file in self.files]
        if times:
            now = [(name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats]
            return hashlib.sha256(json.dumps([DECODER, self.size, *now]).encode()).hexdigest()
        rows = [(name, stat.st_size, 0) for name, stat in stats]
        return hashlib.sha256(json.dumps([self.size, *rows]).encode()).hexdigest()


def listed(root: Path, classes: Sequence[str], size: int) -> Listing:
    """List the images of some classes in a folder, and say what else is there and passed over.

    The label of a class is its index in `classes`.
    """
    entries = {name: sorted((root / name).iterdir()) if (root / name).is_dir() else [] for name in classes}
    labelled = [(file, label) for label, name in enumerate(classes) for file in entries[name] if is_image(file)]
    if others := [path for paths in entries.values() for path in paths if not is_image(path)]:
        say(f"{root}: {len(others):,} files and folders in classes are no images and passed over, like {others[0]}")
    return Listing(root, tuple(file for file, _ in labelled), torch.tensor([label for _, label in labelled]), size)


def class_folders(root: Path) -> list[str]:
    """The names of the folders in `root` that hold images, sorted. Hidden and empty ones are no classes."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    classes = [path.name for path in folders if path.name[0] != "." and any(map(is_image, path.iterdir()))]
    if others := [path.name for path in folders if path.name not in classes]:
        say(f"{root}: {len(others):,} folders are hidden or hold no images and are no classes: {', '.join(others)}")
    return classes


@cache
def say(message: str) -> None:
    """Print a message on stderr, once in a process."""
    print(message, file=sys.stderr)


@dataclass(frozen=True)
class Resident:
    """Images as one tensor, memory-mapped from a file or on a GPU."""

    images: Tensor
    checksum: str

    @property
    def count(self) -> int:
        return len(self.images)

    @property
    def device(self) -> torch.device:
        return self.images.device

    def read(self, index: Tensor) -> Tensor:
        return self.images.index_select(0, index)

    def to(self, device: torch.device) -> Resident:
        if device.type != "cuda" or self.images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
            return self
        return replace(self, images=self.images.to(device))


@dataclass(frozen=True)
class Streamed:
    """Images that are decoded each time they are read, on all cores."""

    listing: Listing

    @property
    def checksum(self) -> str:
        return self.listing.digest(times=False)

    @property
    def count(self) -> int:
        return len(self.listing.files)

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def read(self, index: Tensor) -> Tensor:
        return _decoded([self.listing.files[i] for i in index.tolist()], self.listing.size)

    def to(self, device: torch.device) -> Streamed:
        return self


def pixels_of(listings: Sequence[Listing]) -> list[Pixels]:
    """Return the images of a task's splits: all decoded into the user's cache, or all streamed if they do not fit."""
    folder = user_cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    room = min(float(os.environ.get(LIMIT) or DEFAULT_LIMIT) * 1e9, 0.9 * shutil.disk_usage(folder).free)
    names = [listing.digest(times=True) for listing in listings]
    new = sum(x.bytes for x, name in zip(listings, names, strict=True) if not (folder / f"{name}.json").exists())
    if new > room:
        return [Streamed(listing) for listing in listings]
    return [_cached(listing, folder / name) for listing, name in zip(listings, names, strict=True)]


def _cached(listing: Listing, path: Path) -> Resident:
    """Memory-map the images from a cache file, after decoding them into it if it is missing or damaged."""
    with file_lock(path):
        checksum = _intact(listing, path) or _write(listing, path)
    shape = (len(listing.files), 3, listing.size, listing.size)
    # Copy-on-write, since torch needs a writable array.
    images = np.memmap(path.with_suffix(".bin"), np.uint8, mode="c", shape=shape)
    return Resident(torch.from_numpy(images), checksum)


def _intact(listing: Listing, path: Path) -> str | None:
    """Return the checksum of an intact cache; None if it is missing or damaged."""
    try:
        checksum: str = json.loads(path.with_suffix(".json").read_text())["sha256"]
        length = path.with_suffix(".bin").stat().st_size
    except (OSError, ValueError, KeyError):
        return None
    if length != listing.bytes or (length <= VERIFIED and _hash(path.with_suffix(".bin")) != checksum):
        return None
    return checksum


def _write(listing: Listing, path: Path) -> str:
    """Decode into `<path>.part`, resuming an interrupted run, and move it into place. Return the checksum."""
    part, step = path.with_suffix(".part"), 3 * listing.size**2
    done = part.stat().st_size // step if part.exists() else 0
    beat = time.monotonic()
    with part.open("ab") as file:
        file.truncate(done * step)
        while files := listing.files[done : done + CHUNK]:
            file.write(_decoded(files, listing.size).numpy().tobytes())
            file.flush()
            done += len(files)
            if time.monotonic() - beat > HEARTBEAT:
                beat = time.monotonic()
                print(f"{done:,} of {len(listing.files):,} images of {listing.root} are decoded", file=sys.stderr)
        os.fsync(file.fileno())
    checksum, description = _hash(part), path.with_suffix(".part.json")
    description.write_text(json.dumps({"sha256": checksum, "images": len(listing.files), "size": listing.size}) + "\n")
    os.replace(part, path.with_suffix(".bin"))
    os.replace(description, path.with_suffix(".json"))  # last, since it marks the other file as complete
    return checksum


def _decoded(files: Sequence[Path], size: int) -> Tensor:
    return torch.stack(list(_pool().map(partial(decoded, size=size), files)))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="decode")


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
