"""Collects what the edits of graphs report about themselves: their logs, how many were asked for, and the seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Rewiring:
    """What edits of graphs report about themselves.

    An edited graph has the attributes `edits`, int [k, 3], its edits in order, and `edits_asked`, how many were asked
    for (`benchmark.graphs.edges.rebuilt`). Both are optional.

    Args:
        logs: the edits of each graph that reports them, by the number of the graph.
        asked: the number of edits that were asked for; None if no graph reports it.
        seconds: the time that the edits took.
        weighted: whether an edited graph has weights of edges.
    """

    logs: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    asked: int | None = None
    seconds: float = 0.0
    weighted: bool = False

    def noting(self, edit: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Wrap an edit, so that what it reports is noted here. It must be applied to the graphs in order."""
        numbers = count()

        def noted(graph: Any) -> Any:
            started = time.perf_counter()
            after = edit(graph)
            self._note(next(numbers), after, time.perf_counter() - started)
            return after

        return noted

    def _note(self, number: int, graph: Any, seconds: float) -> None:
        self.seconds += seconds
        self.weighted |= getattr(graph, "edge_weight", None) is not None
        if (log := getattr(graph, "edits", None)) is not None:
            self.logs.setdefault(number, []).extend((int(i), int(j), int(sign)) for i, j, sign in log)
        if (asked := getattr(graph, "edits_asked", None)) is not None:
            self.asked = (self.asked or 0) + int(asked)
