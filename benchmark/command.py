"""The command that asks one cell again."""

from __future__ import annotations

import shlex

from benchmark.options import spelled
from benchmark.record import Cell


def command(cell: Cell) -> str:
    """`bench run ...` for this cell alone, with every option spelled out: a default that moves does not change it."""
    words = {
        "--algo": spelled(cell.algorithm, cell.options),
        "--task": cell.setting,
        "--model": cell.model,
        "--pattern": cell.pattern,
        "--sparsity": repr(cell.sparsity),
        "--budget": cell.budget,
        "--seed": str(cell.seed),
    }
    return shlex.join(["bench", "run", *(word for pair in words.items() for word in pair)])
