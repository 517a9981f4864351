"""What edits of graphs tell of themselves while they are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any


@dataclass
class Rewiring:
    """What edits tell of themselves: in `edits`, int [k, 3], the edits of a graph in order; in `edits_asked`, how many.

    Args:
        logs: by number of the graph.
        asked: None where no edit says it.
    """

    logs: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    asked: int | None = None
    seconds: float = 0.0

    def noting(self, edit: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The edit; what it tells of its graphs, one after the other, is noted here."""
        turn = count()

        def noted(graph: Any) -> Any:
            started = time.perf_counter()
            after = edit(graph)
            self._note(next(turn), after, time.perf_counter() - started)
            return after

        return noted

    def _note(self, number: int, graph: Any, seconds: float) -> None:
        self.seconds += seconds
        if (log := getattr(graph, "edits", None)) is not None:
            self.logs.setdefault(number, []).extend((int(i), int(j), int(sign)) for i, j, sign in log)
        if (asked := getattr(graph, "edits_asked", None)) is not None:
            self.asked = (self.asked or 0) + int(asked)
