"""Warns, before a sweep starts, about edge methods that are asked for more edits than a data set allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmark.data.splits import Data
from benchmark.graphs.edges import asked, graph_of
from benchmark.results.cell import Cell
from benchmark.sweep.apart import Declared
from benchmark.training.task import Task

GRAPHS_LOOKED_AT = 200
"""The number of graphs whose edits are counted: the first ones of a data set."""


def edge_limits(
    cells: Iterable[Cell], algorithms: Mapping[str, Declared], tasks: Mapping[str, Task], folders: Mapping[str, Path]
) -> Iterator[str]:
    """Yield a sentence for every edge method that is asked for more edits than it can make on a data set.

    Args:
        tasks: by `Cell.setting`.
        folders: the data folder of each task, by `Cell.setting`.
    """
    data: dict[str, Data] = {}
    for cell in {(cell.group, cell.setting): cell for cell in cells}.values():
        method = algorithms[cell.algorithm]
        if method.edit_limit is None:
            continue
        if cell.setting not in data:
            data[cell.setting] = tasks[cell.setting].source.splits(folders[cell.setting], cell.seed).train
        try:
            wanted, allowed = _sums(method, cell, data[cell.setting])
        except ValueError:  # graphs that cannot be edited, directed ones for example: the run fails with the reason
            continue
        if allowed < wanted:
            looked = min(GRAPHS_LOOKED_AT, len(data[cell.setting]))
            sample = (
                f" (the first {looked} of {len(data[cell.setting]):,} graphs)" if len(data[cell.setting]) > 1 else ""
            )
            yield (
                f"'{cell.algorithm}' on {cell.setting}: {wanted:,} edits are asked, {allowed:,} can be made without "
                f"breaking a component apart{sample}; it makes those, and the record says so"
            )


def _sums(method: Declared, cell: Cell, data: Data) -> tuple[int, int]:
    """How many edits are asked of the graphs, and how many of these the method can make."""
    options = method.filled(cell.options)
    wanted = allowed = 0
    edges = options.get(method.edges)
    assert edges is None or isinstance(edges, int | float)
    for number in range(min(GRAPHS_LOOKED_AT, len(data))):
        graph = graph_of(data.graph(number))
        count = asked(edges, cell.sparsity, graph.size)
        limit = method.edit_limit(options, graph) if method.edit_limit else None
        wanted += count
        allowed += count if limit is None else min(count, limit)
    return wanted, allowed
