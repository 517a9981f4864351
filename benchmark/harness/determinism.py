"""Settings of the process that answers a cell: deterministic kernels, and a count of all updates of networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmark.training.update_hooks import register_update_hook


@contextmanager
def counted_updates() -> Iterator[list[int]]:
    """Count the updates of every torch optimizer, the engine's and any other, and sparse ones, in the only entry."""
    count = [0]

    def add_one(*_: object) -> None:
        count[0] += 1

    with register_optimizer_step_post_hook(add_one), register_update_hook(add_one):
        yield count


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels, and restore the state of the global generators at the end."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    settings: Any = torch.utils.deterministic
    mode, fill = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device.index or 0] if device.type == "cuda" else []):
        try:
            torch.set_deterministic_debug_mode("error")  # its sibling use_deterministic_algorithms imports inductor
            settings.fill_uninitialized_memory = False
            yield
        finally:
            torch.set_deterministic_debug_mode(mode)
            settings.fill_uninitialized_memory = fill
