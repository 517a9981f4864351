"""Finds the folders of data sets on this machine, and downloads data sets that are missing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.download import obtain
from benchmark.data.source import DataSource
from benchmark.errors import DataMissing, one_line
from benchmark.files import user_cache


@dataclass(frozen=True)
class DataFolders:
    """The folders that data sets are looked for in: `root`, then `PRUNEBENCH_DATA`, then the user's cache.

    Args:
        root: the folder that the user names with `--data-root`.
    """

    root: Path | None = None
    cache: Path = field(default_factory=lambda: user_cache() / "data")

    @property
    def roots(self) -> list[Path]:
        """The folders in the order in which they are searched."""
        variable = os.environ.get("PRUNEBENCH_DATA")
        return [p for p in (self.root, Path(variable) if variable else None, self.cache) if p]

    def holding(self, source: DataSource) -> Path | None:
        """The first folder that has every file of a source, or None."""
        return next((root for root in self.roots if all((root / name).exists() for name in source.files)), None)

    def readable(self, name: str, source: DataSource) -> Path:
        """`locate` a data set, and check that it can be read.

        Raises:
            DataMissing: the data set is in no folder and cannot be downloaded, or it cannot be read.
        """
        folder = self.locate(name, source)
        try:
            source.load(folder)
        except Exception as error:  # readers of corrupt files raise many types
            problem = f"data set '{name}' in {folder} cannot be read"
            raise DataMissing(f"{problem}: {type(error).__name__}: {one_line(error)}") from error
        return folder

    def locate(self, name: str, source: DataSource) -> Path:
        """The folder that holds a data set. One that is in no folder is downloaded into the cache.

        Raises:
            DataMissing: the data set is in no folder and cannot be downloaded.
        """
        if folder := self.holding(source):
            return folder
        reason = "it has no download"
        if source.fetch:
            try:
                obtain(name, source, self.cache)
                return self.cache
            except DataMissing as error:
                reason = f"the download failed: {error}"
        raise DataMissing(f"{self.missing(name, source)}; {reason}\n{how_to_get(name, source)}")

    def missing(self, name: str, source: DataSource) -> str:
        """The message for a data set that is in none of the folders."""
        searched = ", ".join(str(root) for root in self.roots)
        return f"data set '{name}' is not in {searched} (looked for {source.files[0]})"


def how_to_get(name: str, source: DataSource) -> str:
    """The commands with which a user can get a data set that is missing."""
    copy = "With a copy: bench run ... --data-root DIR, or PRUNEBENCH_DATA=DIR"
    return f"  With a network: bench data fetch {name}\n  {copy}" if source.fetch else f"  {copy}"
