"""The largest complete part of a leaderboard: methods that all have a result in all of its columns.

Averages over tasks are taken over such a block alone, since averages over different columns would not be comparable.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

Column = tuple[str | float, ...]
"""A value of `Row.column`; its first item is the task with its options, its last the sparsity."""

MOST_SETS = 20_000
"""The most sets of methods that are tried. Committed tables have a few hundred."""


@dataclass(frozen=True)
class Block:
    """Methods, by label, and the columns in which all of them have a result."""

    methods: frozenset[str]
    columns: tuple[Column, ...]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks of its columns, without options, in order."""
        return tuple(dict.fromkeys(task_of(column) for column in self.columns))

    def __str__(self) -> str:
        """Its size, and the tasks by name: `4 methods, 6 columns (table, pattern, sparsity) of 1 task: mnist`."""
        tasks = f"{counted(len(self.tasks), 'task')}: {', '.join(self.tasks)}"
        columns = counted(len(self.columns), "column")
        return f"{counted(len(self.methods), 'method')}, {columns} (table, pattern, sparsity) of {tasks}"

    @property
    def worth(self) -> tuple[bool, int, int, tuple[str, ...]]:
        """The sort key of blocks: whether it can be tested, its cells by task, its columns, its names."""
        tested = len(self.methods) > 2 and len(self.tasks) > 1
        return tested, len(self.methods) * len(self.tasks), len(self.columns), tuple(sorted(self.methods))


def counted(number: int, what: str) -> str:
    """Format a number with its noun: `1 task`, `2 tasks`, `1,000 tasks`."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def task_of(column: Column) -> str:
    """Return the name of a column's task, without options."""
    return str(column[0]).partition(":")[0]


def largest_block(present: Mapping[Column, Collection[str]]) -> Block:
    """Return the block with the most methods times tasks, if possible with at least three methods on two tasks.

    Methods that prune weights never share a block with those that only edit the data or take them in parts, at
    sparsity 0.

    Args:
        present: the labels of the methods with a result in each column.
    """
    kinds = [{c: frozenset(of) for c, of in present.items() if (c[-1] == 0) is zero} for zero in (False, True)]
    blocks = [Block(methods, _columns(methods, kind)) for kind in kinds for methods in _closed(kind)]
    return max(blocks, key=lambda block: block.worth, default=Block(frozenset(), ()))


def _columns(methods: frozenset[str], present: Mapping[Column, frozenset[str]]) -> tuple[Column, ...]:
    return tuple(column for column, there in present.items() if methods <= there)


def _closed(present: Mapping[Column, frozenset[str]]) -> set[frozenset[str]]:
    """Return the sets of methods that some columns have in common: those of the largest block are one of them."""
    found: set[frozenset[str]] = set()
    for there in dict.fromkeys(sorted(present.values(), key=len, reverse=True)):
        found |= {there, *(there & other for other in found)} - {frozenset()}
        if len(found) > MOST_SETS:
            break
    return found
