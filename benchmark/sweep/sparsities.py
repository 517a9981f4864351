"""The sparsities at which a method is run: those that are asked for, unless something else determines them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmark.errors import UsageError
from benchmark.pruning.pattern_names import pattern_named
from benchmark.pruning.patterns import NofM
from benchmark.results.record import Record
from benchmark.sweep.apart import Declared
from benchmark.training.task import Task

EDGES = 0.1
"""The default share of edges that an edge method removes."""


def of_edges(asked: Sequence[float], algorithm: Declared, options: Mapping[str, Any]) -> Sequence[float]:
    """The sparsities of a method that does not prune weights: shares of edges, unless an option gives their number.

    A method that prunes nothing has one cell, whatever is asked for.
    """
    if not algorithm.prunes or options.get(algorithm.edges) is not None:
        return [0.0]
    return asked or [EDGES]


def of_weights(
    asked: Sequence[float], task: Task, pattern: str, prunable: str, sources: Sequence[Record]
) -> Sequence[float]:
    """The sparsities of a method that prunes weights. N:M has only one, and so have the masks of other records.

    Raises:
        UsageError: another one is asked for, there is no such pattern, or the masks are of another one.
    """
    if sources:
        return _of_sources(asked, pattern, prunable, sources)
    try:
        chosen = pattern_named(pattern)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not isinstance(chosen, NofM):
        return asked or [task.sparsity]
    fixed = round(1 - chosen.n / chosen.m, 10)
    if any(abs(sparsity - fixed) > 1e-9 for sparsity in asked):
        raise UsageError(f"pattern {pattern} is sparsity {fixed:g}; leave --sparsity out")
    return [fixed]


def _of_sources(asked: Sequence[float], pattern: str, prunable: str, sources: Sequence[Record]) -> list[float]:
    for record in sources:
        cell = record.cell
        told = {"--sparsity": cell.sparsity, "--pattern": cell.pattern, "--prunable": cell.prunable}
        for option, given in (("--sparsity", asked), ("--pattern", [pattern]), ("--prunable", [prunable])):
            if any(value != told[option] for value in given):
                raise UsageError(f"record {record.key[:8]} has masks of {option} {told[option]}; give the same")
    return [sources[0].cell.sparsity]
