"""Starts the process that workers are forked from. It imports what they need once, while the command goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterable
from contextlib import nullcontext, suppress
from importlib.util import find_spec
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

from benchmark.errors import PluginError
from benchmark.machine import may_be_cuda
from benchmark.plugins.plugin import BUILT_IN, Plugin
from benchmark.sweep.channel import Channel
from benchmark.sweep.forked_server import as_copy, copyable, load

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",  # two workers of one thread are faster than one of two, by far on small networks
    "MKL_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": "2147483647",  # keep freed activations in the heap: no mmap and munmap in every step
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "67108864",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # required for deterministic matrix products on CUDA
    "PYTHONSAFEPATH": "1",  # the server is a `python -c`, which would import a `benchmark/` of the working directory
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # imports that check for a GPU must not start CUDA before a fork
}
"""Environment variables of the workers, unless the user has set them."""

UNTOLD = 255
"""The exit code that multiprocessing reports for a process whose server has ended: the true one is unknown."""


def importable(plugins: Iterable[Plugin], device: str) -> list[str]:
    """The modules that the server may import: built-in tasks, since the referee is forked from it, and sparse steps.

    None if a GPU may be used: importing torch-geometric initialises CUDA, and CUDA that was initialised before a fork
    cannot be used after it.
    """
    tasks = [plugin for plugin in plugins if plugin.kind == "task" and plugin.distribution == BUILT_IN]
    if may_be_cuda(device):
        return []
    kernels = ["benchmark.training.sparse_kernels"] if find_spec("numba") else []  # compiled once, before the fork
    return [*(plugin.module for plugin in tasks), *kernels]


def start(modules: Iterable[str], copy: bool = False) -> ForkServerContext:
    """Return the context to fork workers in. The first call starts the server; later ones use the same one.

    Args:
        modules: further modules that the server imports.
        copy: the server may be a copy of this process, which imports the modules, too (`forked_server`).

    Raises:
        PluginError: the server cannot be started.
    """
    context = multiprocessing.get_context("forkserver")
    preloaded = ["benchmark.cli", "benchmark.sweep.warm", *modules]
    context.set_forkserver_preload(preloaded)
    copied = copy and copyable()
    unset = {name for name in ENVIRONMENT if name not in os.environ}
    os.environ.update({name: ENVIRONMENT[name] for name in unset})
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        if copied:
            load(preloaded)  # while Ctrl-C still ends this process
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the server: Ctrl-C must not end it
        with as_copy(unset) if copied else nullcontext():
            forkserver.ensure_running()
        _hide()
    except OSError as error:
        raise PluginError(
            f"no worker can be started: {error} (in {tempfile.gettempdir()}; TMPDIR says where)"
        ) from None
    finally:
        signal.signal(signal.SIGINT, interrupt)
        for name in unset:
            del os.environ[name]
    return context


def forked(target: Callable[..., None], *arguments: Any) -> tuple[ForkServerProcess, Channel]:
    """Start a process, which is given the other end of the channel as its last argument.

    Raises:
        PluginError: it cannot be started.
    """
    try:
        try:
            return _forked(target, *arguments)
        except (ConnectionError, EOFError):  # the server was killed meanwhile: another one is started
            return _forked(target, *arguments)
    except (OSError, EOFError) as error:
        raise PluginError(f"no worker can be started: {error}") from None


def _forked(target: Callable[..., None], *arguments: Any) -> tuple[ForkServerProcess, Channel]:
    context = start([])
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, Channel(ours).lead()


def end(process: ForkServerProcess, channel: Channel) -> None:
    """End a process that was forked, with all that it has started."""
    with suppress(ProcessLookupError):  # it leads a group of its own as soon as it runs
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()
    channel.close()  # not before, for it would complain


def _hide() -> None:
    """Take the server's socket out of the file system: a worker that finds it could ask for an unconfined process.

    This process keeps a handle of it, through which a confined process cannot go (Linux).
    """
    server: Any = forkserver._forkserver
    address = str(server._forkserver_address)
    if hasattr(os, "O_PATH") and not address.startswith("/proc/"):
        server._forkserver_address = f"/proc/self/fd/{os.open(address, os.O_PATH)}"
        os.unlink(address)
