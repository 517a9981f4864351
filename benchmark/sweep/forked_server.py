"""Starts the workers' server as a copy of this process, so that what both need is imported once, and not twice.

This is done only if the copy is as good as a new interpreter: nothing that reads `fork_server.ENVIRONMENT` has been
loaded yet, and hence no algorithm; there is one thread; and no GPU may be used. The server keeps only those files of
this process open that a new one would be given, and handles signals as a new one does.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import forkserver, resource_tracker, util
from pathlib import Path
from typing import Any

ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": (-3, 2**31 - 1),
    "MALLOC_TRIM_THRESHOLD_": (-1, -1),
    "MALLOC_TOP_PAD_": (-2, 2**26),
}
"""Parameters of glibc's `mallopt` in place of variables, which are read as a process starts; -1 to trim: never."""


def copyable() -> bool:
    """Whether a copy of this process can be the server."""
    threads = Path("/proc/self/task")
    return "numpy" not in sys.modules and threads.is_dir() and len(os.listdir(threads)) == 1


@contextmanager
def as_copy(allocator: Collection[str]) -> Iterator[None]:
    """Within this context, multiprocessing's fork server is started as a copy of this process.

    Args:
        allocator: the variables of ENVIRONMENT that the user has not set.
    """
    resource_tracker.ensure_running()  # which is a process of its own
    if len(os.listdir("/proc/self/task")) > 1:  # a module has started one
        yield
        return

    def fork(path: object, arguments: list[Any], handed: list[int]) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        if process := os.fork():
            return process
        try:
            _be_new(handed, allocator)
            exec(arguments[-1], {})  # what a new interpreter is told to run
        except SystemExit:
            pass
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(0)

    spawn: Any = util.spawnv_passfds
    util.spawnv_passfds = fork  # type: ignore[assignment]
    try:
        yield
    finally:
        util.spawnv_passfds = spawn


def load(modules: Iterable[str]) -> None:
    """Import modules, without looking for garbage in what stays anyway: a tenth of the time."""
    gc.disable()
    try:
        for module in modules:
            with suppress(ImportError):  # as multiprocessing's own server; whoever needs it is told why
                import_module(module)
        gc.freeze()
    finally:
        gc.enable()


def _be_new(handed: Collection[int], allocator: Collection[str]) -> None:
    """Leave what a new interpreter would not have: open files, handlers of signals, and a lock that is held."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        if descriptor > 2 and descriptor not in handed:
            with suppress(OSError):  # that of the listing
                os.close(descriptor)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    server: Any = forkserver._forkserver
    server._lock = threading.Lock()
    with suppress(AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        for variable in allocator & ALLOCATOR.keys():
            mallopt(*ALLOCATOR[variable])
