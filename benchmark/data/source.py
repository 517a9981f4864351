"""Where the data of a task come from: the files they are read from, and how these come to a machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.splits import Splits


@dataclass(frozen=True)
class Download:
    """A file on the net that `DataSource.fetch` unpacks.

    Args:
        url: where it is published.
        place: where `fetch` looks for it, relative to the folder that it is given.
        digest: `md5:...` or `sha256:...`, as published.
    """

    url: str
    place: str
    digest: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.place.rpartition("/")[2]


@dataclass(frozen=True)
class DataSource:
    """A function that reads splits from a folder, and what is known of the files in it.

    Args:
        load: from the folder that holds `files` to the splits.
        files: what `load` reads, files or folders, relative to that folder; empty for embedded data.
        fetch: download the files into a folder, or unpack them there from `downloads`; None where they come by hand.
        downloads: what `fetch` unpacks, and would otherwise download itself.
        checksums: `md5:...` or `sha256:...` by file, where they are published.
        split_of_seed: `load` for a seed, where several splits are published and the seed chooses one; `load` itself
            gives the split of seed 0.
    """

    load: Callable[[Path], Splits]
    files: tuple[str, ...] = ()
    fetch: Callable[[Path], None] | None = None
    downloads: tuple[Download, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict)
    split_of_seed: Callable[[Path, int], Splits] | None = None

    def __call__(self, folder: Path) -> Splits:
        return self.load(folder)

    def splits(self, folder: Path, seed: int) -> Splits:
        """The splits that a run of this seed trains and is tested on."""
        return self.split_of_seed(folder, seed) if self.split_of_seed else self.load(folder)
