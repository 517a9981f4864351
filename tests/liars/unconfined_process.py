"""Asks the server that workers are forked from for a process, which would not be confined."""

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from honest_plugin import honest, results_at_import

from benchmark import Run, algorithm

OUTCOME = "without effect"


def servers() -> Iterator[str]:
    """Where the socket of the server of this sweep may be reached: by its name, or by what other processes hold."""
    for line in Path("/proc/net/unix").read_text().splitlines():
        if str(results_at_import().parent) in line.split()[-1]:
            yield line.split()[-1]
    for held in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(results_at_import().parent) in os.readlink(held):
                yield str(held)


@algorithm()
def unconfined_process(run: Run) -> None:
    """Lie: asks the server that workers are forked from for a process of its own (Nobody, 2026)."""
    for place in servers():
        with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(place)
            raise RuntimeError("the server can be asked")
    honest(run)
