"""Sparsifiers: edges drawn with replacement, and weights with which the Laplacian is the graph's own in expectation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.graphs.edges import Edit, Floats, Graph

from ._deletions import Connectivity, bridges_at_turn, deleted, drawn
from ._rewriting import Weighted


def kept(
    graph: Graph, scores: Floats, count: int, connectivity: Connectivity, reweight: bool, draws: np.random.Generator
) -> Sequence[Edit] | Weighted:
    """Return `count` deletions, or as many as connectivity allows, of edges that are drawn to be kept by their scores.

    Args:
        reweight: draw with replacement, and give edges weights.
    """
    if reweight:
        return sampled(graph, scores, count, connectivity, draws)
    return deleted(graph, drawn(scores, draws), count, connectivity)


def sampled(
    graph: Graph, scores: Floats, count: int, connectivity: Connectivity, draws: np.random.Generator
) -> Weighted:
    """Return `count` deletions, or as many as connectivity allows, and the weights of the edges that are kept.

    Edges are drawn with replacement, in proportion to their scores. With connectivity kept, a spanning forest is drawn
    first and kept with weights of 1, and then edges are drawn among the others. Either way the weights are 1 in
    expectation, and the Laplacian is that of the graph; but not if no other edge than the forest's may be kept.
    """
    weights = np.zeros(graph.size)
    if connectivity == "keep":
        weights[bridges_at_turn(graph, drawn(scores, draws))] = 1
    free = np.flatnonzero(weights == 0)
    weights[free] = multiplicities(scores[free], max(len(free) - count, 0), draws)
    return Weighted([(int(i), int(j), -1) for i, j in graph.ends[weights == 0]], weights[weights > 0])


def multiplicities(scores: Floats, count: int, draws: np.random.Generator) -> Floats:
    """Return weights of the edges, [m], all but `count` of them 0, that are 1 in expectation.

    Edges are drawn with replacement, with probabilities p in proportion to the scores, until the next draw would be of
    one edge too many. Each of these q draws adds 1 / (q p) to the weight of its edge (Spielman & Srivastava, 2011).
    Theirs is a fixed q. This one is unbiased as well: the q draws before the one too many are exchangeable, given which
    they are, so that what one of them adds on average has the expectation of the very first draw.

    The draws are made all at once, as arrivals of Poisson processes of rates p: an edge arrives first after an
    exponential time, and from there on to the end a Poisson number of times.
    """
    if count >= len(scores):
        return np.ones(len(scores))
    if not count:
        return np.zeros(len(scores))
    p = scores / scores.sum()
    first = draws.exponential(size=len(p)) / p
    order = np.argsort(first, kind="stable")
    kept, end = order[:count], first[order[count]]
    times = 1 + draws.poisson(p[kept] * (end - first[kept]))
    weights = np.zeros(len(p))
    weights[kept] = times / (times.sum() * p[kept])
    return weights
