"""Masks of other records, which an option tells an algorithm to use (`Run.found`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmark.pruning.masks import Masks
from benchmark.results.mask_files import digest, unpack


@dataclass(frozen=True)
class MaskFile:
    """The file with the masks of a record.

    Args:
        digest: the digest of the masks in the record.
    """

    path: Path
    digest: str

    def masks(self) -> Masks:
        """The masks. Raises ValueError if they are not those of the record."""
        bits = unpack(self.path.read_bytes())
        if digest(bits) != self.digest:
            raise ValueError(f"the masks {self.path} are not those of their record: they have another digest")
        return Masks({name: torch.from_numpy(mask) for name, mask in bits.items()})


def masks_of(files: Mapping[str, MaskFile], key: str) -> Masks:
    """The masks of a record.

    Raises:
        ValueError: no option of the cell names this record, or its masks were changed.
    """
    if key not in files:
        raise ValueError(f"no option of type Key names the record '{key}'; only such records are found")
    return files[key].masks()
