"""Starts the process that workers are forked from. It imports once what they need, while the command goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import Any

from benchmark.errors import PluginError

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # two workers of one thread are faster than one of two, by far on small networks
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "2147483647",  # keep freed activations in the heap: no mmap and munmap in every step
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "67108864",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # required for deterministic matrix products on CUDA
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # imports that check for a GPU must not start CUDA before a fork
}
"""Environment variables of the workers, unless the user has set them."""


def start(modules: Iterable[str]) -> ForkServerContext:
    """Return the context to fork workers in. The first call starts the server; later ones use the same one.

    Args:
        modules: further modules that the server imports.

    Raises:
        PluginError: the server cannot be started.
    """
    context = multiprocessing.get_context("forkserver")
    # torch.optim imports torch._dynamo on first use, which takes a second: once here, not in every worker
    context.set_forkserver_preload(["benchmark.cli", "benchmark.sweep.workers", "torch._dynamo", *modules])
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update({name: value for name, value in ENVIRONMENT.items() if before[name] is None})
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the server: Ctrl-C must not end it
    try:
        forkserver.ensure_running()
        _hide()
    except OSError as error:
        raise PluginError(
            f"no worker can be started: {error} (in {tempfile.gettempdir()}; TMPDIR says where)"
        ) from None
    finally:
        signal.signal(signal.SIGINT, interrupt)
        for name in (name for name, value in before.items() if value is None):
            del os.environ[name]
    return context


def _hide() -> None:
    """Take the server's socket out of the file system: a worker that finds it could ask for an unconfined process.

    This process keeps a handle of it, through which a confined process cannot go (Linux).
    """
    server: Any = forkserver._forkserver
    address = str(server._forkserver_address)
    if hasattr(os, "O_PATH") and not address.startswith("/proc/"):
        server._forkserver_address = f"/proc/self/fd/{os.open(address, os.O_PATH)}"
        os.unlink(address)
