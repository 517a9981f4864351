"""Several methods in sequence in one cell: `spectral+imp` edits the graphs, then prunes the weights on the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from benchmark.errors import UsageError
from benchmark.plugins.algorithm import Algorithm, EditLimit
from benchmark.plugins.options import Option

if TYPE_CHECKING:
    from benchmark.training.run import Run


@dataclass(frozen=True)
class Chain(Algorithm):
    """Algorithms combined into one. Its options are theirs, prefixed by the method: `spectral.mode`, `imp.fraction`.

    Args:
        parts: all but the last only edit the graphs.
    """

    parts: tuple[Algorithm, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", "+".join(part.name for part in self.parts))

    def __call__(self, run: Run, **options: Any) -> None:
        for part in self.parts[:-1]:
            part.function(run, **_own(part, options))
        self.parts[-1](run, **_own(self.parts[-1], options))

    @cached_property
    def options(self) -> dict[str, Option]:
        return {
            f"{part.name}.{name}": replace(option, name=f"{part.name}.{name}")
            for part in self.parts
            for name, option in part.options.items()
        }

    @property
    def summary(self) -> str:
        return " Then: ".join(part.summary for part in self.parts)

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Like `Algorithm.resolve`. An option that only one method has may be given without the prefix.

        Raises:
            UsageError: the number of edges is left open: the sparsity is that of the weights.
        """
        values = super().resolve({self._full(name): value for name, value in given.items()})
        if self.edges and values[self.edges] is None and "weights" in self.prunes:
            raise UsageError(
                f"'{self.name}' does not say how many edges, and --sparsity is that of the weights; "
                f"give --edges 0.1 for a share of them, or --edges 50 for a number"
            )
        return values

    def _full(self, name: str) -> str:
        known = [full for full in self.options if full.partition(".")[2] == name]
        return known[0] if len(known) == 1 else name


def _own(part: Algorithm, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a part, taken from those of the chain."""
    return {name: options[f"{part.name}.{name}"] for name in part.options}


def _edit_limit(part: Algorithm) -> EditLimit | None:
    """The edit limit of a part, from the options of the chain."""
    limit = part.edit_limit
    return limit and (lambda options, graph: limit(_own(part, options), graph))


def chain(parts: Sequence[Algorithm]) -> Chain:
    """Algorithms in sequence, as one.

    Raises:
        UsageError: one that is not the last does more than edit the graphs.
    """
    for part in parts[:-1]:
        if not part.edits_only:
            raise UsageError(
                f"'{part.name}' trains by itself; only a method that edits graphs alone can stand before a +"
            )
    return Chain(
        parts[-1].function,
        paper=", ".join(part.paper for part in parts if part.paper),
        prunes=frozenset().union(*(part.prunes for part in parts)),
        trains_once=parts[-1].trains_once,
        edit_limit=_edit_limit(parts[0]),
        edges=next((f"{part.name}.{part.edges}" for part in parts if part.edges), ""),
        parts=tuple(parts),
    )
