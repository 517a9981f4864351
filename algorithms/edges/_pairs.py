"""Finds the best pairs of nodes without an edge, exactly, without scoring all n^2 / 2 pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.wiring import Wiring

TIE = 1e-7
"""Scores that differ by less than this share of their size are tied; the smallest (i, j) goes first."""

FLOOR = 1e-11
"""Scores are also tied if they differ by less than this share of the magnitude of the terms they sum."""

AT_ONCE = 4_000_000
"""Number of pairs scored at a time: 32 MB."""

Block = Callable[[Ints, Ints], Floats]
"""Returns the scores [r, c] of all pairs of rows [r, 1] and columns [c]; symmetric in the two."""


def slack(score: float, scale: float) -> float:
    """Return the largest difference from a score at which another one is tied with it."""
    return TIE * abs(score) + FLOOR * scale


def ranked(scores: Floats, scale: float = 0.0) -> Iterator[int]:
    """Yield indices by descending score, ties in order of index, without scores of minus infinity."""
    scores = scores.copy()
    for _ in range(int(np.isfinite(scores).sum())):
        best = float(scores.max())
        first = int(np.argmax(scores >= best - slack(best, scale)))
        yield first
        scores[first] = -np.inf


def extreme_pairs(wiring: Wiring, z: Floats, block: Block, count: int, scale: float) -> Ints:
    """Return the `count` best non-edges, [k, 2], best first, for a score that is convex in each of z_i and z_j.

    For a given j, such a score is highest at the lowest or highest z_i among the nodes that are not neighbours of j.
    At most max-degree nodes are neighbours, so the lowest and highest max-degree + count + 1 nodes contain the best
    pairs. Equal values of z are taken in order of node, which keeps the smallest of tied pairs.
    """
    max_degree = np.bincount(np.r_[wiring.u, wiring.v], minlength=wiring.nodes).max()
    extremes = int(max_degree) + count + 1
    nodes = np.union1d(_lowest(z, extremes), _lowest(-z, extremes))
    return _best(wiring, nodes, block, count, scale)


def bounded_pairs(wiring: Wiring, bound: Floats, block: Block, count: int, scale: float) -> Ints:
    """Return the `count` best non-edges, [k, 2], best first, for any score(i, j) <= bound_i + bound_j.

    The nodes with the highest bounds give pairs to beat. Nodes that cannot beat them, even paired with the highest
    bound, are skipped.
    """
    order = np.argsort(-bound, kind="stable")
    some = order[: max(64, 2 * int(np.sqrt(count)))]
    first = _best(wiring, np.sort(some), block, count, scale)
    if len(first) < count:
        return _best(wiring, np.arange(wiring.nodes), block, count, scale)
    to_beat = min(float(block(i[None, None], j[None])[0, 0]) for i, j in first)
    worthy = bound + bound.max() >= to_beat - slack(to_beat, scale)
    return _best(wiring, np.flatnonzero(worthy), block, count, scale)


def _lowest(z: Floats, count: int) -> Ints:
    """Return the nodes with the lowest values. Values equal up to rounding are taken in order of node."""
    order = np.argsort(z, kind="stable")
    spread = z[order[-1]] - z[order[0]]
    group = np.r_[0, np.cumsum(np.diff(z[order]) > TIE * spread)]
    return order[np.lexsort((order, group))[:count]]


def _best(wiring: Wiring, nodes: Ints, block: Block, count: int, scale: float) -> Ints:
    """Return the best pairs among ascending nodes by scoring all of them, [k, 2], best first."""
    best, scores = np.empty((0, 2), np.int64), np.empty(0)
    rows = max(1, AT_ONCE // max(1, len(nodes)))
    for start in range(0, len(nodes), rows):
        here, there = nodes[start : start + rows], nodes[start:]
        values = block(here[:, None], there)
        values[wiring.taken(here, there) | (here[:, None] > there)] = -np.inf
        free = _top(values.ravel(), count, scale)
        pairs = np.stack([here[free // len(there)], there[free % len(there)]], axis=1)
        best, scores = np.concatenate([best, pairs]), np.r_[scores, values.ravel()[free]]
    return best[list(islice(ranked(scores, scale), count))]


def _top(values: Floats, count: int, scale: float) -> Ints:
    """Return indices, ascending, that include the `count` best and, of those tied with the last, the first ones."""
    free = np.flatnonzero(np.isfinite(values))
    if len(free) <= count:
        return free
    least = float(np.partition(values[free], -count)[-count])
    near = slack(least, scale)
    above = free[values[free] > least + near]
    equal = free[np.abs(values[free] - least) <= near][:count]
    return np.union1d(above, equal)
