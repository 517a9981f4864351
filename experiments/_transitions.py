"""Where a share crosses one half, and whether that is where it should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmark import Finding

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MISSED = "the grid misses the transition: no share lies between 0.05 and 0.95 where it goes through one half"


@dataclass(frozen=True)
class Crossing:
    """Where a curve of some points crosses one half for the first time, and where the ends of its intervals do."""

    at: float
    early: float
    late: float
    points: int

    def between(self, least: float, most: float, says: str) -> Finding:
        """The claim that it lies between two values: its distance from their middle is at most half their difference.

        Args:
            says: its name, such as `r`.
        """
        middle, reach = (least + most) / 2, (most - least) / 2
        ends = sorted(abs(value - middle) for value in (self.early, self.late))
        nearest = 0.0 if self.early <= middle <= self.late else ends[0]
        where = f"from {middle:g}, at {says} = {self.at:.2f} [{self.early:.2f}, {self.late:.2f}]"
        return Finding(abs(self.at - middle), nearest, ends[1], self.points, "below", reach, says=where)


def crossing(rows: DataFrame, x: str) -> Crossing | None:
    """Where `measured`, with the interval `low` to `high`, crosses one half over x; None if the grid misses it."""
    rows = rows.sort_values(x)
    at, early, late = (half(rows[x], rows[end]) for end in ("measured", "high", "low"))
    if not rows.measured.between(0.05, 0.95).any() or at is None or early is None or late is None:
        return None
    return Crossing(at, early, late, len(rows))


def half(x: Series[Any], shares: Series[Any]) -> float | None:
    """Where a curve crosses one half for the first time, by linear interpolation; None if the grid misses it."""
    above = shares.to_numpy() >= 0.5
    if above.all() or not above.any() or above[0]:
        return None
    last = int(above.argmax())
    (x0, x1), (p0, p1) = x.iloc[last - 1 : last + 1], shares.iloc[last - 1 : last + 1]
    return float(x0 + (0.5 - p0) / (p1 - p0) * (x1 - x0))
