"""The processes that train one network together, and how they communicate (torch.distributed)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

ENDED = "another process of this run has ended"


class Parted(RuntimeError):
    """The processes of a run have diverged: one has ended, or has a different network from the rest."""


@dataclass(frozen=True)
class Ranks:
    """The processes that train one network together, as one of them sees them. All call the same methods in turn.

    Args:
        rank: the number of this process, from 0.
        count: the number of all processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks for all."""
        return self.rank == 0

    def add(self, values: Tensor) -> Tensor:
        """Add up a tensor over all processes, in place. Every process gets the same bits."""
        if self.count > 1:
            with _together():
                dist.all_reduce(values)
        return values

    def all(self, holds: bool) -> bool:
        """Whether something holds in every process."""
        return int(self.add(torch.tensor(int(holds)))) == self.count if self.count > 1 else holds

    def told(self, value: Any) -> Any:
        """The value that the first process passes to this method, in every process, converted to JSON and back."""
        if self.count == 1:
            return value
        content = torch.frombuffer(bytearray(json.dumps(value).encode()), dtype=torch.uint8)
        size = torch.tensor(len(content))
        with _together():
            dist.broadcast(size, 0)
            content = content if self.first else torch.empty(int(size), dtype=torch.uint8)
            dist.broadcast(content, 0)
        return json.loads(bytes(content.tolist()))

    def require_same(self, digest: str, when: str) -> None:
        """Raise Parted, in every process, if a digest is not the same in all."""
        other = torch.zeros(self.count, dtype=torch.int64)
        other[self.rank] = digest != self.told(digest)
        different = [str(rank) for rank, differs in enumerate(self.add(other).tolist()) if differs]
        if different:
            raise Parted(f"process {', '.join(different)} of {self.count} has other masks or weights than 0, {when}")


ALONE = Ranks()
"""One process."""


@contextmanager
def _together() -> Iterator[None]:
    """Raise Parted in place of what torch raises when another process has ended."""
    try:
        yield
    except RuntimeError as problem:
        raise Parted(f"{ENDED}: {' '.join(str(problem).split())[:200]}") from problem
