"""Named random streams: the numbers drawn for one purpose do not depend on those drawn for another.

A stream is a pure function of (seed, name, position). Step 17 of seed 3 has the same batch, the same crop and the same
dropout noise in every algorithm, whatever was scored, pruned or rewound before.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def stream_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for the stream of `seed` that is named by `path`."""
    digest = hashlib.sha256(json.dumps([seed, *path]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, *path: str | int) -> torch.Generator:
    """A new generator at the start of a stream. It is on the CPU, so that every device gets the same numbers."""
    import torch

    return torch.Generator().manual_seed(stream_seed(seed, *path))
