"""Describes the source of a task's data: the files that they are read from, and where to download the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.checks import checked
from benchmark.data.splits import Splits


@dataclass(frozen=True)
class Download:
    """A file to download, which `DataSource.fetch` unpacks.

    Args:
        url: the address of the file.
        place: its path for `fetch`, relative to the folder that `fetch` is called with.
        digest: its published checksum, `md5:...` or `sha256:...`.
    """

    url: str
    place: str
    digest: str

    @property
    def name(self) -> str:
        """The name of the file, without its folder."""
        return self.place.rpartition("/")[2]


@dataclass(frozen=True)
class DataSource:
    """A function that reads the splits of a task from a folder, with the files that it needs there.

    Args:
        load: reads the splits from the folder that holds `files`.
        files: the files or folders that `load` reads, relative to that folder; empty for data that need no files.
        fetch: downloads the files into a folder, or unpacks them there from `downloads`; None if users have to get the
            files themselves.
        downloads: the files that `fetch` unpacks. They are downloaded before `fetch` is called.
        checksums: published checksums by file, `md5:...` or `sha256:...`.
        split_of_seed: like `load`, for data with several published splits, of which the seed chooses one. `load`
            returns the split of seed 0.
    """

    load: Callable[[Path], Splits]
    files: tuple[str, ...] = ()
    fetch: Callable[[Path], None] | None = None
    downloads: tuple[Download, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    split_of_seed: Callable[[Path, int], Splits] | None = None

    def __call__(self, folder: Path) -> Splits:
        """The splits of seed 0. Raises ValueError if their examples cannot be used."""
        return checked(self.load(folder))

    def splits(self, folder: Path, seed: int) -> Splits:
        """The splits that a run with this seed is trained and tested on.

        Raises:
            ValueError: their examples cannot be used.
        """
        return checked(self.split_of_seed(folder, seed) if self.split_of_seed else self.load(folder))
