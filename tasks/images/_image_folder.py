"""Folders of images as data: `<split>/<class>/<image>`, decoded once into a memory-mapped file, or batch by batch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from benchmark import Batch, Graphless, alone, cores, user_cache

SUFFIXES = {".jpeg", ".jpg", ".png"}
LIMIT = "PRUNEBENCH_IMAGE_CACHE"
"""Environment variable: gigabytes that one task's decoded images may take; larger sets are decoded batch by batch."""

DEFAULT_LIMIT = 50.0
VERIFIED = 2_000_000_000
"""Bytes up to which a cache is hashed whenever it is opened; a larger one is only measured."""

CHUNK = 256
"""Images that are decoded between two writes."""

HEARTBEAT = 30.0
"""Seconds between two lines that say how far decoding is."""


@dataclass(frozen=True)
class Listing:
    """Images and their classes, in the order of their names.

    Args:
        labels: int64 [n].
        size: edge of the stored square, pixels.
    """

    root: Path
    files: tuple[Path, ...]
    labels: Tensor
    size: int

    def part(self, index: Tensor) -> Listing:
        """The images at `index`."""
        return replace(self, files=tuple(self.files[i] for i in index.tolist()), labels=self.labels[index])

    @property
    def bytes(self) -> int:
        """Of the decoded images."""
        return len(self.files) * 3 * self.size**2

    def digest(self, *, times: bool) -> str:
        """SHA-256 of the files' names and lengths, and of the size that they are stored at; of their times too."""
        stats = [(file.relative_to(self.root).as_posix(), file.stat()) for file in self.files]
        rows = [(name, stat.st_size, stat.st_mtime_ns if times else 0) for name, stat in stats]
        return hashlib.sha256(json.dumps([self.size, *rows]).encode()).hexdigest()


def listed(root: Path, classes: Sequence[str], size: int) -> Listing:
    """The images of some classes below a folder; a class's number is its place among the names given."""
    labelled = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((root / name).iterdir() if (root / name).is_dir() else [])
        if file.suffix.lower() in SUFFIXES
    ]
    return Listing(root, tuple(file for file, _ in labelled), torch.tensor([label for _, label in labelled]), size)


def decoded(file: Path, size: int) -> Tensor:
    """uint8 [3, size, size]: the shorter edge resized to `size` (bilinear, antialiased), the middle cut out."""
    with Image.open(file) as image:
        resized = transforms.resize(image.convert("RGB"), [size], antialias=True)
    pixels: Tensor = transforms.pil_to_tensor(transforms.center_crop(resized, [size, size]))
    return pixels


class Pixels(Protocol):
    """Images that can be read by index."""

    @property
    def checksum(self) -> str:
        """Of what they are."""

    def read(self, index: Tensor) -> Tensor:
        """uint8 [b, 3, size, size], from int64 [b] on the CPU."""

    def to(self, device: torch.device) -> Pixels:
        """The same images, resident on `device` where they fit."""


@dataclass(frozen=True)
class Resident:
    """Images as one tensor: mapped from a file, or on a GPU."""

    images: Tensor
    checksum: str

    def read(self, index: Tensor) -> Tensor:
        return self.images.index_select(0, index.to(self.images.device))

    def to(self, device: torch.device) -> Resident:
        if device.type != "cuda" or self.images.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
            return self
        return replace(self, images=self.images.to(device))


@dataclass(frozen=True)
class Streamed:
    """Images that are decoded when they are asked for, on every core."""

    listing: Listing

    @property
    def checksum(self) -> str:
        return self.listing.digest(times=False)

    def read(self, index: Tensor) -> Tensor:
        return _decoded([self.listing.files[i] for i in index.tolist()], self.listing.size)

    def to(self, device: torch.device) -> Streamed:
        return self


@dataclass(frozen=True)
class Pictures(Graphless):
    """A split of labelled images.

    Args:
        labels: int64 [n], on the CPU.
        transform: from uint8 [b, 3, size, size] to what the loss takes.
    """

    pixels: Pixels
    labels: Tensor
    transform: Callable[[Tensor], Tensor]
    device: torch.device

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: Tensor) -> Batch:
        return self.transform(self.pixels.read(index).to(self.device)), self.labels[index].to(self.device)

    def to(self, device: torch.device) -> Pictures:
        return replace(self, pixels=self.pixels.to(device), device=device)

    def relabelled(self, draw: torch.Generator) -> Pictures:
        return replace(self, labels=self.labels[torch.randperm(len(self), generator=draw)])

    @property
    def classes(self) -> Tensor | None:
        return self.labels

    @property
    def digest(self) -> str:
        """SHA-256 of the labels and the decoded images; of their files' names and lengths where they are streamed."""
        return hashlib.sha256(self.pixels.checksum.encode() + self.labels.numpy().tobytes()).hexdigest()


def pixels_of(listings: Sequence[Listing]) -> list[Pixels]:
    """The images of a task's splits: all decoded into the user's cache, or all streamed where they do not fit."""
    folder = user_cache() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    room = min(float(os.environ.get(LIMIT) or DEFAULT_LIMIT) * 1e9, 0.9 * shutil.disk_usage(folder).free)
    names = [listing.digest(times=True) for listing in listings]
    new = sum(x.bytes for x, name in zip(listings, names, strict=True) if not (folder / f"{name}.json").exists())
    if new > room:
        return [Streamed(listing) for listing in listings]
    return [_cached(listing, folder / name) for listing, name in zip(listings, names, strict=True)]


def _cached(listing: Listing, path: Path) -> Resident:
    """The images, mapped from a file; where it is not there, or not whole, they are decoded into it first."""
    with alone(path):
        checksum = _intact(listing, path) or _write(listing, path)
    shape = (len(listing.files), 3, listing.size, listing.size)
    images = np.memmap(path.with_suffix(".bin"), np.uint8, mode="c", shape=shape)  # private: torch wants it writable
    return Resident(torch.from_numpy(images), checksum)


def _intact(listing: Listing, path: Path) -> str | None:
    """The checksum of a cache that is whole; None if there is no such cache."""
    try:
        checksum: str = json.loads(path.with_suffix(".json").read_text())["sha256"]
        length = path.with_suffix(".bin").stat().st_size
    except (OSError, ValueError, KeyError):
        return None
    if length != listing.bytes or (length <= VERIFIED and _hash(path.with_suffix(".bin")) != checksum):
        return None
    return checksum


def _write(listing: Listing, path: Path) -> str:
    """Decode into `<path>.part`, from where an interrupted process left it, then move it into place. The checksum."""
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
    os.replace(description, path.with_suffix(".json"))  # last: it vouches for the other
    return checksum


def _decoded(files: Sequence[Path], size: int) -> Tensor:
    return torch.stack(list(_pool().map(partial(decoded, size=size), files)))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="decode")


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
