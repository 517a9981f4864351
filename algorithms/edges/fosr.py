from functools import partial

import numpy as np

from benchmark import Count, Run, algorithm
from benchmark.graphs.edges import Edit, Floats, Graph, Ints
from benchmark.graphs.wiring import Wiring

from ._pairs import extreme_pairs
from ._rewriting import Edges, rewrite


@algorithm(paper="arXiv:2210.11790", prunes="edges", edits_only=True, family="data edits", edges="edges")
def fosr(run: Run, *, edges: Edges = None, steps: Count = 5) -> None:
    """FoSR: add the edges that raise the spectral gap by a first-order estimate (Karhadkar, Banerjee & Montufar, 2023).

    The second eigenvector is approximated by power steps, one more after every edge, as in the authors' code. The best
    of all pairs without an edge is found exactly.

    Options:
        edges: additions per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        steps: power steps before the first edge, from a random vector
    """
    rewrite(run, edges, lambda graph, count, draws: additions(graph, count, draws, steps), random=True)


def additions(graph: Graph, count: int, draws: np.random.Generator, steps: int = 5) -> list[Edit]:
    """Add the pair with the lowest x_i x_j / sqrt((1 + d_i)(1 + d_j)), `count` times, and return the edits."""
    wiring, log = Wiring(graph), list[Edit]()
    x = draws.uniform(-1, 1, graph.nodes)
    for _ in range(steps):
        x = power_step(wiring, x)
    for _ in range(min(count, graph.nodes * (graph.nodes - 1) // 2 - graph.size)):
        z = x / np.sqrt(1 + wiring.degrees)
        [[i, j]] = extreme_pairs(wiring, z, partial(_negative_product, z), 1, float((z**2).max()))
        log.append((int(i), int(j), 1))
        wiring.add(int(i), int(j))
        x = power_step(wiring, x)
    return log


def power_step(wiring: Wiring, x: Floats) -> Floats:
    """Return x + D^-1/2 A D^-1/2 x without the constant mode, normalised to length 1."""
    root = np.sqrt(wiring.degrees)
    x = x - (x @ root) * root / max(1.0, float(wiring.degrees.sum()))
    inverse = np.divide(1, root, out=np.zeros_like(root), where=root > 0)
    x = x + inverse * (wiring.adjacency() @ (inverse * x))
    return np.asarray(x / np.linalg.norm(x))


def _negative_product(z: Floats, rows: Ints, columns: Ints) -> Floats:
    return -z[rows] * z[columns]
