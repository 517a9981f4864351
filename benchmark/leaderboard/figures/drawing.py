"""The figure that all pictures are drawn on."""

from __future__ import annotations

from matplotlib.figure import Figure

from benchmark.leaderboard.figures.style import encoded


class Drawing(Figure):
    """A figure that a notebook shows, though pyplot, which it asks for others, does not know it."""

    def _repr_png_(self) -> bytes:
        return encoded(self, "png")
