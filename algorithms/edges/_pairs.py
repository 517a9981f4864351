"""The best pairs of nodes that are no edge, exactly, without looking at all n^2 / 2 of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.wiring import Wiring

TIE = 1e-7
"""Scores that differ by less than this share of their size are equal: the smallest (i, j) goes first."""

FLOOR = 1e-11
"""So are scores that differ by less than this share of the scale on which they are sums of larger terms."""

AT_ONCE = 4_000_000
"""Pairs that are scored at a time: 32 MB."""

Block = Callable[[Ints, Ints], Floats]
"""Scores of all pairs of some rows [r, 1] and some columns [c]: [r, c], symmetric in the two."""


def slack(score: float, scale: float) -> float:
    """By how much another score may differ from this one and be equal to it."""
    return TIE * abs(score) + FLOOR * scale


def ranked(scores: Floats, scale: float = 0.0) -> Iterator[int]:
    """Indices by falling score, ties in order; those at minus infinity are left out."""
    scores = scores.copy()
    for _ in range(int(np.isfinite(scores).sum())):
        best = float(scores.max())
        first = int(np.argmax(scores >= best - slack(best, scale)))
        yield first
        scores[first] = -np.inf


def extreme_pairs(wiring: Wiring, z: Floats, block: Block, count: int, scale: float) -> Ints:
    """The `count` best non-edges for a score that is convex in each of z_i and z_j: [k, 2], best first.

    For a given j such a score is highest at the lowest or the highest z_i that is free, and at most max-degree nodes
    are not; so the lowest and highest max-degree + count + 1 nodes hold the best pairs. Equal values of z are taken in
    order of their nodes, which keeps the smallest of pairs that tie.
    """
    blocked = np.bincount(np.r_[wiring.u, wiring.v], minlength=wiring.nodes).max()
    many = int(blocked) + count + 1
    nodes = np.union1d(_lowest(z, many), _lowest(-z, many))
    return _best(wiring, nodes, block, count, scale)


def bounded_pairs(wiring: Wiring, bound: Floats, block: Block, count: int, scale: float) -> Ints:
    """The `count` best non-edges for any score(i, j) <= bound_i + bound_j: [k, 2], best first.

    The nodes of the highest bounds give a pair to beat; whoever cannot beat it even with the highest bound is left out.
    """
    order = np.argsort(-bound, kind="stable")
    some = order[: max(64, 2 * int(np.sqrt(count)))]
    first = _best(wiring, np.sort(some), block, count, scale)
    if len(first) < count:
        return _best(wiring, np.arange(wiring.nodes), block, count, scale)
    beaten = min(float(block(i[None, None], j[None])[0, 0]) for i, j in first)
    worthy = bound + bound.max() >= beaten - slack(beaten, scale)
    return _best(wiring, np.flatnonzero(worthy), block, count, scale)


def _lowest(z: Floats, count: int) -> Ints:
    """The nodes of the lowest values, those that are equal but for round-off in order of their number."""
    order = np.argsort(z, kind="stable")
    spread = z[order[-1]] - z[order[0]]
    group = np.r_[0, np.cumsum(np.diff(z[order]) > TIE * spread)]
    return order[np.lexsort((order, group))[:count]]


def _best(wiring: Wiring, nodes: Ints, block: Block, count: int, scale: float) -> Ints:
    """The best pairs among some nodes, in ascending order, by looking at all of them."""
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
    """Indices, ascending, among which the `count` best are, and the first of those that tie with the last of them."""
    free = np.flatnonzero(np.isfinite(values))
    if len(free) <= count:
        return free
    least = float(np.partition(values[free], -count)[-count])
    near = slack(least, scale)
    above = free[values[free] > least + near]
    equal = free[np.abs(values[free] - least) <= near][:count]
    return np.union1d(above, equal)
