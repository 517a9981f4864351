"""Keeps what takes long to compute from files in the user's cache."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from benchmark.data.unpickling import read_tensors
from benchmark.files import own, user_cache, write


def kept(name: str, make: Callable[[], Any]) -> Any:
    """What `make` returns: tensors, numbers, text and containers. Read from the cache if this name is already there.

    A cache file that is damaged, or that other users can write to, is not read; one that cannot be written is skipped.

    Args:
        name: `<folder>/<file>`; the file's name has to identify, by a digest, everything that the values depend on.
    """
    cached = user_cache() / f"{name}.pt"
    with suppress(OSError, ValueError), cached.open("rb") as file:
        own(file)
        return read_tensors(io.BytesIO(file.read()), str(cached))
    values, content = make(), io.BytesIO()
    torch.save(values, content)
    with suppress(OSError):
        write(content.getvalue(), cached)
    return values
