"""Where data sets lie on this machine."""

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
    """Where data sets are looked for: the folder asked for, PRUNEBENCH_DATA, then the user's cache."""

    root: Path | None = None
    cache: Path = field(default_factory=lambda: user_cache() / "data")

    @property
    def roots(self) -> list[Path]:
        """In the order they are searched."""
        variable = os.environ.get("PRUNEBENCH_DATA")
        return [p for p in (self.root, Path(variable) if variable else None, self.cache) if p]

    def holding(self, source: DataSource) -> Path | None:
        """The first folder that has every file of the source; None where there is none."""
        return next((root for root in self.roots if all((root / name).exists() for name in source.files)), None)

    def readable(self, name: str, source: DataSource) -> Path:
        """`locate`, and a look whether what lies there can be read.

        Raises:
            DataMissing: it is not there, or corrupt.
        """
        folder = self.locate(name, source)
        try:
            source.load(folder)
        except Exception as error:  # whatever a reader of foreign files can raise
            what = f"data set '{name}' in {folder} cannot be read"
            raise DataMissing(f"{what}: {type(error).__name__}: {one_line(error)}") from error
        return folder

    def locate(self, name: str, source: DataSource) -> Path:
        """`holding`, after a download into the cache where nothing was found.

        Raises:
            DataMissing: the files are nowhere, and could not be downloaded.
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
        """What is missing, and where it was looked for."""
        looked = ", ".join(str(root) for root in self.roots)
        return f"data set '{name}' is not in {looked} (looked for {source.files[0]})"


def how_to_get(name: str, source: DataSource) -> str:
    """What to do where data are missing."""
    copy = "With a copy: bench run ... --data-root DIR, or PRUNEBENCH_DATA=DIR"
    return f"  With a network: bench data fetch {name}\n  {copy}" if source.fetch else f"  {copy}"
