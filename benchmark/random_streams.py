"""Named random streams: what is drawn for one purpose never moves what is drawn for another.

A stream is a pure function of (seed, name, position), so step 17 of seed 3 sees the same batch, the same crop and the
same dropout noise in every algorithm, whatever was scored, pruned or rewound before.
"""

from __future__ import annotations

import hashlib
import json

import torch


def stream_seed(seed: int, *path: str | int) -> int:
    """A 63-bit seed for the stream `path` of `seed`."""
    digest = hashlib.sha256(json.dumps([seed, *path]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, *path: str | int) -> torch.Generator:
    """A fresh CPU generator at the start of a stream. Draws are made on the CPU so that every device sees the same."""
    return torch.Generator().manual_seed(stream_seed(seed, *path))
