"""The process that imports the algorithms of an outside distribution, to say what they declare; see `apart`."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.errors import BenchError, UsageError
from benchmark.graphs.edges import Graph
from benchmark.harness.network import Sketched
from benchmark.plugins import registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.sweep.channel import Channel, Message
from benchmark.sweep.confinement import confine, die_with_parent


def serve(folder: Path, connection: Connection) -> None:
    """Answer questions about algorithms, until the leading process closes its end.

    Args:
        folder: the only folder that this process can write in.
    """
    os.setsid()  # whatever it starts ends with it
    die_with_parent(signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that leads handles interrupts
    torch.set_num_threads(1)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    _silence()
    confine([folder, Path("/dev"), Path("/proc/self")])
    channel = Channel(connection)
    while True:
        try:
            channel.send(**_answer(channel.receive()))
        except EOFError:
            return


def _silence() -> None:
    """What a plug-in prints when it is imported is printed by its workers as well, into their logs."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _answer(message: Message) -> Message:
    try:
        answer = _about(registry.algorithm(message["algorithm"]), message)
        return {"answer": json.loads(json.dumps(answer))}
    except BenchError as error:
        return {"error": str(error), "usage": isinstance(error, UsageError)}
    except Exception as error:  # of a function that the plug-in declares, or an option that is no JSON
        return {"error": f"algorithm '{message['algorithm']}' cannot be used: {type(error).__name__}: {error}"}


def _about(algorithm: Algorithm, message: Message) -> Any:
    match message:
        case {"resolve": given}:
            return algorithm.resolve(given)
        case {"written": values, "network": network}:
            return algorithm.written(values, Sketched.of(network))
        case {"limit": options, "nodes": nodes, "ends": file}:
            return algorithm.edit_limit and algorithm.edit_limit(options, Graph(nodes, np.load(file)))
    return {
        "prunes": sorted(algorithm.prunes),
        "needs": sorted(algorithm.needs),
        "edges": algorithm.edges,
        "keys": sorted(algorithm.keys),
        "absent": algorithm.filled({}),
        "defaults": {name: option.default for name, option in algorithm.options.items() if _fits(option.default)},
        "limited": algorithm.edit_limit is not None,
    }


def _fits(value: object) -> bool:
    """Whether a default can be that of an option in a cell."""
    return value is None or isinstance(value, bool | int | float | str)
