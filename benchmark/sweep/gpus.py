"""Hands out the GPUs of this machine to the workers of a sweep."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

import torch

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""The environment variable that says which GPUs a process sees; `cuda` is the first of them."""


def visible() -> list[str]:
    """The GPUs that this process sees, as `CUDA_VISIBLE_DEVICES` names them."""
    named = os.environ.get(VISIBLE, "")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]


def least_used(there: Sequence[str], used: Iterable[str], count: int) -> list[str]:
    """The `count` of these GPUs that are used least; among equally used ones, the first."""
    times = Counter(used)
    return sorted(there, key=lambda gpu: times[gpu])[:count]
