"""How often a teacher is recovered: from how many examples on, and whether that grows with the weights kept."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmark import Finding, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pandas import DataFrame

Numbers = NDArray[np.float64]

CLOSE = 1e-2
"""A distance from the teacher's weights, relative to their norm, below which it is recovered."""

RESAMPLES = 1000
"""The number of resamples of the bootstrap."""


Hits = dict[int, dict[int, NDArray[np.bool_]]]
"""Whether each draw was a hit, by the weights kept per neuron, and by the number of examples, both in order."""


def hits(frame: DataFrame) -> Hits:
    """Whether each draw recovered the teacher: its columns `error N` are distances after training on N examples."""
    counts = sorted(int(name.removeprefix("error ")) for name in frame if name.startswith("error "))
    return {
        int(value): {n: (rows[f"error {n}"] < CLOSE).to_numpy() for n in counts if rows[f"error {n}"].notna().all()}
        for value, rows in frame.groupby("kept")
    }


def joined(one: Hits, other: Hits) -> Hits:
    """Two sets of hits combined, each number of examples once."""
    return {r: dict(sorted({**one[r], **other.get(r, {})}.items())) for r in one}


def half(counts: Sequence[int], shares: Numbers) -> float:
    """Where the share of hits crosses one half for the first time, linearly from none at no examples; NaN if never."""
    places, values = np.array([0, *counts]), np.array([0.0, *shares])
    above = values >= 0.5
    if not above.any():
        return float("nan")
    last = int(above.argmax())
    return float(np.interp(0.5, values[last - 1 : last + 1], places[last - 1 : last + 1]))


def halves(found: Hits) -> list[float]:
    """The number of examples from which half of the draws are hits, by the weights kept."""
    return [half([*row], np.array([hit.mean() for hit in row.values()])) for row in found.values()]


def bracket(found: Mapping[int, NDArray[np.bool_]], inner: int) -> list[int]:
    """Further numbers of examples, evenly between the two that the share of hits crosses one half between."""
    counts = [0, *found]
    above = [0, *(n for n, hit in found.items() if hit.mean() >= 0.5)]
    high = min(above[1:], default=counts[-1])
    low = counts[counts.index(high) - 1]
    return sorted({round(low + (high - low) * i / (inner + 1)) for i in range(1, inner + 1)} - {low, high, 0})


def misses_transition(found: Mapping[int, NDArray[np.bool_]]) -> bool:
    """Whether every share of hits is near 0 or 1, so that it is unknown where it changes."""
    return not any(0.05 < hit.mean() < 0.95 for hit in found.values())


def linear(found: Hits, least: float) -> Finding:
    """How well N = c r fits the N at which the share of hits crosses one half: R^2; the claim is that `least` is below.

    The intervals of R^2 and of c come from a bootstrap over draws.
    """
    if missed := [r for r, row in found.items() if misses_transition(row)]:
        kept = ", ".join(map(str, missed))
        return Finding.uninformative(f"the grid misses the transition: no share in (0.05, 0.95) at r = {kept}")
    (c, fit), draws = fitted(found), min(len(hit) for row in found.values() for hit in row.values())
    rng = np.random.default_rng(0)
    again = np.array([fitted(resampled(found, rng)) for _ in range(RESAMPLES)])
    if not isfinite(fit) or not np.isfinite(again).all():
        return Finding.uninformative("the grid misses the transition: it lies beyond the largest number of examples")
    (c_low, low), (c_high, high) = np.quantile(again, [0.025, 0.975], axis=0)
    says = f"= R^2 of N = c r, c = {c:.2f} [{c_low:.2f}, {c_high:.2f}]"
    return Finding(fit, float(low), float(high), draws, "above", least, says=says)


def fitted(found: Hits) -> tuple[float, float]:
    """The slope c of a line through 0, by least squares, and its R^2."""
    r = np.array([*found], dtype=float)
    needed = np.array(halves(found))
    c = float(r @ needed / (r @ r))
    return c, float(1 - ((needed - c * r) ** 2).sum() / ((needed - needed.mean()) ** 2).sum())


def resampled(found: Hits, rng: np.random.Generator) -> Hits:
    """The draws at every point, resampled with replacement."""
    return {r: {n: hit[rng.integers(len(hit), size=len(hit))] for n, hit in row.items()} for r, row in found.items()}


def more_often(a: NDArray[np.bool_], b: NDArray[np.bool_], says: str) -> Finding:
    """How much larger the share of hits of a is than that of b, with Newcombe's interval (1998, method 10)."""
    p, q = float(a.mean()), float(b.mean())
    (p_low, p_high), (q_low, q_high) = (wilson(int(one.sum()), len(one)) for one in (a, b))
    low = p - q - float(np.hypot(p - p_low, q_high - q))
    high = p - q + float(np.hypot(p_high - p, q - q_low))
    return Finding(p - q, low, high, min(len(a), len(b)), says=says)


def rising(x: Numbers, y: Numbers, says: str) -> Finding:
    """The slope of y over x, by least squares, with its interval; the claim is that it is above 0."""
    from scipy.stats import linregress, t

    line = linregress(x, y)
    reach = float(t.ppf(0.975, len(x) - 2) * line.stderr)
    slope = float(line.slope)
    return Finding(slope, slope - reach, slope + reach, len(x), p=float(line.pvalue), says=says)
