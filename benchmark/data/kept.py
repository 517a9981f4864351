"""What takes long to make from files is made once, and kept in the user's cache."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch

from benchmark.data.unpickling import read_tensors
from benchmark.files import own, user_cache, write


def kept(name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives: tensors, numbers, text and containers. From the cache, if it was made under this name before.

    A file of the cache that is damaged, or that others can write, is not read; one that cannot be written is left out.

    Args:
        name: `<folder>/<file>`, of which the file names all that the values depend on, by a digest.
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
