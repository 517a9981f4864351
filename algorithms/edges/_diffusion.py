"""Graph diffusion: how much of what starts at one node arrives at another, and the pairs where that is most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from scipy.sparse import csc_array, diags_array, eye_array
from scipy.sparse.linalg import expm_multiply, splu

from benchmark.graphs.edges import Floats, Graph, Ints

from ._resistance import parts

Kernel = Literal["ppr", "heat"]

AT_ONCE = 256
"""Number of nodes that diffusion starts from at a time."""

DECIMALS = 10
"""Values that are equal to so many decimals are tied."""


def diffusion(graph: Graph, kernel: Kernel, alpha: float, time: float) -> Callable[[Floats], Floats]:
    """Return the function x -> S x of a diffusion matrix S, [n, b] -> [n, b].

    With H = D^-1/2 (A + I) D^-1/2, D the degrees of A + I, S is alpha (I - (1 - alpha) H)^-1 for personalised PageRank,
    and exp(-time (I - H)) for the heat kernel. Both are symmetric.
    """
    scale, loops = diags_array(1 / np.sqrt(graph.degrees + 1.0)), eye_array(graph.nodes)
    transition = scale @ (graph.adjacency + loops) @ scale
    if kernel == "heat":
        rate = csc_array(time * (transition - loops))
        return lambda x: np.asarray(expm_multiply(rate, x, traceA=float(rate.diagonal().sum())))
    # the matrix is positive definite: it needs no pivoting, and its own pattern is ordered, not that of A'A
    settings = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    factor = splu(csc_array(loops - (1 - alpha) * transition), **settings)
    return lambda x: np.asarray(alpha * factor.solve(x))


def strongest(graph: Graph, count: int, kernel: Kernel, alpha: float, time: float) -> Ints:
    """Return the pairs with the highest S_ij, [k, 2], highest first; of tied pairs the first.

    Pairs are of one component; there are fewer than `count` if no more are.
    """
    scores, pairs = np.empty(0), np.empty((0, 2), np.int64)
    for more, where in _candidates(graph, kernel, alpha, time):
        least = scores[-1] if 0 < len(scores) == count else -np.inf
        scores, pairs = np.r_[scores, more[more >= least]], np.concatenate([pairs, where[more >= least]])
        order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))[:count]
        scores, pairs = scores[order], pairs[order]
    return pairs


def transition(graph: Graph, pairs: Ints, kernel: Kernel, alpha: float, time: float) -> Floats:
    """Return D^-1/2 S D^-1/2 at pairs of nodes, [k, 2] -> [k], of which alone, with the diagonal, S is not 0.

    D has the sums of the rows of that S. What is below 10^-DECIMALS is that.
    """
    values, own = np.empty(len(pairs)), np.ones(graph.nodes)
    for nodes, some, arrived in _arrivals(graph, kernel, alpha, time):
        own[nodes[some]] = arrived[some, some - some[0]]
        here = np.isin(pairs[:, 0], nodes[some])
        i, j = np.searchsorted(nodes, pairs[here].T)
        values[here] = np.maximum(arrived[j, i - some[0]], 10.0**-DECIMALS)
    sums = own + np.bincount(pairs.ravel(), np.repeat(values, 2), graph.nodes)
    return np.asarray(values / np.sqrt(sums[pairs].prod(axis=1)))


def _candidates(graph: Graph, kernel: Kernel, alpha: float, time: float) -> Iterator[tuple[Floats, Ints]]:
    """Yield the values S_ij, [k], and the pairs i < j, [k, 2], of some nodes i at a time."""
    for nodes, some, arrived in _arrivals(graph, kernel, alpha, time):
        j, i = np.nonzero(np.arange(len(nodes))[:, None] > some)
        yield np.round(arrived[j, i], DECIMALS), np.stack([nodes[some[i]], nodes[j]], axis=1)


def _arrivals(graph: Graph, kernel: Kernel, alpha: float, time: float) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Yield the nodes of a component, [n], which of them diffusion starts from, [b], and what arrives, [n, b]."""
    for nodes, part in parts(graph):
        spread = diffusion(part, kernel, alpha, time)
        for start in range(0, part.nodes, AT_ONCE):
            some = np.arange(start, min(start + AT_ONCE, part.nodes))
            yield nodes, some, spread((np.arange(part.nodes)[:, None] == some).astype(np.float64))
