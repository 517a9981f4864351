"""Functions that several processes run together, over gloo, as the processes of one cell do."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmark.sweep import fork_server
from benchmark.sweep.side_by_side import PATIENCE
from benchmark.training.ranks import Ranks


def together(count: int, folder: Path, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """What `work(ranks, *arguments)` returns in each of so many processes; an exception is returned as its text.

    Args:
        folder: where the processes find one another; each call needs a new one.
        work: a function of a module.
    """
    context, ends = fork_server.start([]), []
    for rank in range(count):
        ours, theirs = context.Pipe()
        context.Process(target=_one, args=(Ranks(rank, count), folder, theirs, work, arguments), daemon=True).start()
        theirs.close()
        ends.append(ours)
    found = []
    for end in ends:
        with closing(end):
            found.append(pickle.loads(end.recv_bytes()))
    return found


def _one(ranks: Ranks, folder: Path, end: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    store = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", store, PATIENCE, rank=ranks.rank, world_size=ranks.count)
    dist.barrier()  # one that leaves before the others are connected would be another mistake
    try:
        end.send_bytes(pickle.dumps(work(ranks, *arguments)))
    except Exception as problem:
        end.send_bytes(pickle.dumps(f"{type(problem).__name__}: {problem}"))
    dist.destroy_process_group()
