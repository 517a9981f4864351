"""How much memory a network takes while it computes its outputs: in its own process, or on a GPU."""

from __future__ import annotations

import multiprocessing
import pickle
import warnings
from importlib import import_module
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any

import torch

from benchmark.deployment.deployed import Call
from benchmark.deployment.gpu import DEVICE
from benchmark.deployment.runtimes import RUNTIMES, Answer, size_of
from benchmark.machine import reset_resident_peak, resident_peak


def memory_of(runtime: str, prepared: Any, call: Call, threads: int) -> int | None:
    """Bytes by which the resident memory of a process grows while it loads a network and computes its outputs.

    None if the system does not report it, or the network cannot be sent to a process. The process is forked from
    another one that has computed nothing; what it imports beforehand does not count.
    """
    file = BytesIO()
    try:
        torch.save((prepared, call), file)
    except (pickle.PicklingError, AttributeError, TypeError):
        return None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(runtime, file.getvalue(), threads, theirs))
    process.start()
    theirs.close()
    try:
        grown: int | None = ours.recv()
    except EOFError:  # it was killed, most likely for the memory that it took
        grown = None
    process.join()
    return grown


def memory_on_gpu(prepared: Any, answer: Answer, call: Call) -> int:
    """Bytes of a network on the GPU, and the most bytes that are allocated there while it computes its outputs."""
    answer(call)  # libraries allocate their workspace in the first call
    torch.cuda.reset_peak_memory_stats(DEVICE)
    before = torch.cuda.memory_allocated(DEVICE)
    answer(call)
    return size_of(prepared) + torch.cuda.max_memory_allocated(DEVICE) - before


def _answer(runtime: str, content: bytes, threads: int, channel: Connection) -> None:
    warnings.simplefilter("ignore")  # torch calls compressed rows a beta
    import_module(RUNTIMES[runtime].package)
    before = resident_peak("self") if reset_resident_peak() else None
    prepared, call = torch.load(BytesIO(content), weights_only=False)  # what the process that asks has just written
    answer = RUNTIMES[runtime].load(prepared, threads)
    for _ in range(2):
        answer(call)
    after = resident_peak("self")
    channel.send(None if before is None or after is None else max(0, after - before))
