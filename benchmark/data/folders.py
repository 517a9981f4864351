"""Finds the folders of data sets on this machine, and downloads data sets that are missing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.checksums import file_states, matches_as_before, present
from benchmark.data.download import obtain
from benchmark.data.source import DataSource
from benchmark.data.splits import NotData
from benchmark.errors import DataMissing, PluginError, UsageError, one_line
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
        return next((root for root in self.roots if all(present(root / name) for name in source.files)), None)

    def readable(self, name: str, source: DataSource) -> Path:
        """`locate` a data set, and check that it can be read.

        Raises:
            DataMissing: the data set is in no folder and cannot be downloaded, or it cannot be read.
            PluginError: the task returns no usable data.
            UsageError: an option of the task does not fit its data.
        """
        folder = self.locate(name, source)
        try:
            source(folder)
        except NotData as error:
            raise PluginError(f"task '{name}': {error}") from error
        except (PluginError, UsageError) as error:
            raise type(error)(f"task '{name}': {error}") from error
        except Exception as error:  # readers of corrupt files raise many types
            raise DataMissing(f"data set '{name}' in {folder} cannot be read: {reason(error)}") from error
        return folder

    def locate(self, name: str, source: DataSource) -> Path:
        """The folder that holds a data set. One that is in no folder is downloaded into the cache.

        Raises:
            DataMissing: the data set is in no folder and cannot be downloaded, or a file differs from its checksum.
        """
        if folder := self.holding(source):
            self._check(name, source, folder)
            return folder
        why = "it has no download"
        if source.fetch:
            try:
                obtain(name, source, self.cache)
                return self.cache
            except DataMissing as error:
                why = f"the download failed: {error}"
        raise DataMissing(f"{self.missing(name, source)}; {why}\n{how_to_get(name, source)}")

    def _check(self, name: str, source: DataSource, folder: Path) -> None:
        if corrupt := corrupt_files(source, folder):
            problem = f"data set '{name}' in {folder} is not what was published: corrupt are {_some(corrupt)}"
            first = "" if folder == self.cache else "  Delete these files, or replace them.\n"
            raise DataMissing(f"{problem}\n{first}{how_to_get(name, source)}")

    def missing(self, name: str, source: DataSource) -> str:
        """The message for a data set that is in none of the folders. It names the files that are missing."""
        for root in self.roots:
            lacking = [file for file in source.files if not present(root / file)]
            if len(lacking) < len(source.files):
                return f"data set '{name}' in {root} lacks {_some(lacking)}"
        searched = ", ".join(str(root) for root in self.roots)
        return f"data set '{name}' is not in {searched} (looked for {_some(source.files)})"


def corrupt_files(source: DataSource, folder: Path) -> list[str]:
    """The files that differ from their known checksums; those that matched before are not read again."""
    return [file for file, state in file_states(source, folder, matches_as_before).items() if state == "corrupt"]


def reason(error: Exception) -> str:
    """Why data cannot be read, on one line. The message of a plain ValueError is given without its type."""
    return one_line(error) if type(error) is ValueError else f"{type(error).__name__}: {one_line(error)}"


def _some(files: Sequence[str]) -> str:
    """The names of at most eight files, and how many more there are."""
    return ", ".join(files[:8]) + (f" and {len(files) - 8} more" if len(files) > 8 else "")


def how_to_get(name: str, source: DataSource) -> str:
    """The commands with which a user can get a data set that is missing."""
    copy = "With a copy: bench run ... --data-root DIR, or PRUNEBENCH_DATA=DIR"
    return f"  With a network: bench data fetch {name}\n  {copy}" if source.fetch else f"  {copy}"
