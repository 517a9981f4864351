from typing import Annotated

import numpy as np
from pydantic import Field

from benchmark import Amount, Run, algorithm
from benchmark.graphs.edges import Edit, Floats, Graph

from ._curvature import Curvatures
from ._rewriting import Edges, rewrite

Bound = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | None, Field(description="number | none, to delete nothing")
]


@algorithm(paper="arXiv:2111.14522", prunes="edges", edits_only=True, family="data edits", edges="edges")
def sdrf(run: Run, *, edges: Edges = None, temperature: Amount = 1.0, bound: Bound = 0.5) -> None:
    """SDRF: add edges around the most negative curvature, delete where it is highest (Topping et al., 2022).

    Options:
        edges: rounds per graph, as a share of its undirected edges or a number; none: set by the target sparsity. A
            round adds an edge, and may delete one (see option `bound`)
        temperature: preference for the best edge to add: tau in softmax(tau * improvement)
        bound: delete the edge of the highest curvature if that is above this bound
    """
    rewrite(run, edges, lambda graph, count, draws: rounds(graph, count, draws, temperature, bound), random=True)


def rounds(
    graph: Graph, count: int, draws: np.random.Generator, temperature: float = 1.0, bound: float | None = 0.5
) -> list[Edit]:
    """Return the edits of `count` rounds; of fewer if a round changes nothing."""
    curvatures, log = Curvatures(graph), list[Edit]()
    for _ in range(count if graph.size else 0):
        before = len(log)
        top = curvatures.highest()
        height = curvatures[top]
        if (pair := support(curvatures, draws, temperature)) is not None:
            curvatures.add(*pair)
            log.append((*pair, 1))
        if bound is not None and height > bound and len(curvatures) > 1:
            curvatures.delete(*top)
            log.append((*top, -1))
        if len(log) == before:
            break
    return log


def support(curvatures: Curvatures, draws: np.random.Generator, temperature: float) -> tuple[int, int] | None:
    """Draw an edge to add near the edge of the lowest curvature, by how much it raises that curvature.

    It joins an end or its neighbour to the other end or its neighbour. None if all these pairs have an edge.
    """
    edge = x, y = curvatures.lowest()
    around = [sorted(curvatures.neighbours[end] | {end}) for end in (x, y)]
    pairs = {(min(k, w), max(k, w)) for k in around[0] for w in around[1] if k != w}
    candidates = sorted((k, w) for k, w in pairs if w not in curvatures.neighbours[k])
    if not candidates:
        return None
    improvements = np.array([curvatures.with_edge(k, w, edge) - curvatures[edge] for k, w in candidates])
    return candidates[draws.choice(len(candidates), p=softmax(temperature * improvements))]


def softmax(x: Floats) -> Floats:
    """Return the softmax of x."""
    raised = np.exp(x - x.max())
    return np.asarray(raised / raised.sum())
