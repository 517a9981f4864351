"""Settings of the process that runs a cell: deterministic kernels, and a count of all updates of networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmark.training.update_hooks import register_update_hook


@contextmanager
def counted_updates() -> Iterator[list[int]]:
    """Yield a list whose only entry counts all updates: those of every torch optimizer, and sparse ones."""
    count = [0]

    def add_one(*_: object) -> None:
        count[0] += 1

    with register_optimizer_step_post_hook(add_one), register_update_hook(add_one):
        yield count


@contextmanager
def rounded() -> Iterator[None]:
    """On CUDA, round factors to TF32 in convolutions and not in matrix products, whatever the process was set to.

    These are torch's defaults, set here because an imported package may change them; records contain them.
    """
    kinds: list[Any] = [torch.backends.cuda.matmul, torch.backends.cudnn]
    before = [kind.allow_tf32 for kind in kinds]
    try:
        for kind, rounds in zip(kinds, (False, True), strict=True):
            kind.allow_tf32 = rounds
        yield
    finally:
        for kind, rounds in zip(kinds, before, strict=True):
            kind.allow_tf32 = rounds


@contextmanager
def reproducible(device: torch.device) -> Iterator[None]:
    """Use deterministic kernels and one rounding, and restore the state of the global generators at the end."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    settings: Any = torch.utils.deterministic
    mode, fill = torch.get_deterministic_debug_mode(), settings.fill_uninitialized_memory
    on_gpu = device.type == "cuda"
    rng = torch.random.fork_rng(devices=[device.index or 0] if on_gpu else [])
    with rng, rounded() if on_gpu else nullcontext():
        try:
            torch.set_deterministic_debug_mode("error")  # its sibling use_deterministic_algorithms imports inductor
            settings.fill_uninitialized_memory = False
            yield
        finally:
            torch.set_deterministic_debug_mode(mode)
            settings.fill_uninitialized_memory = fill
