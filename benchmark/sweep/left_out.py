"""Warns, before a sweep starts, about networks of which little can be pruned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from benchmark.harness.network import sketch
from benchmark.results.cell import Cell
from benchmark.training.prunable import chosen, prunable_of
from benchmark.training.task import Task

ENOUGH = 0.8
"""The share of the matrices' weights from which on there is no warning."""


def left_out(cells: Iterable[Cell], tasks: Mapping[str, Task]) -> Iterator[str]:
    """Yield a sentence for every network of which less than `ENOUGH` of the matrices' weights is prunable.

    Args:
        tasks: by `Cell.setting`.
    """
    networks = dict.fromkeys((cell.setting, cell.model, cell.prunable) for cell in cells if cell.sparsity > 0)
    for setting, name, choice in networks:
        if (model := sketch(tasks[setting], name)) is None:
            continue
        policy = prunable_of(chosen(choice, tasks[setting].prunable), model)
        if policy.matrices < ENOUGH:
            first = [f"{matrix} ({reason})" for matrix, reason in policy.left_out.items()]
            more = f" and {len(first) - 3} more" if len(first) > 3 else ""
            named = ", ".join(first[:3]) + more
            yield f"{setting}/{name}: {policy.matrices:.0%} of the matrices' weights are prunable; left out: {named}"
