from typing import Annotated

import numpy as np

from benchmark import Absent, Run, algorithm
from benchmark.graphs.edges import Floats, Graph

from ._deletions import Connectivity
from ._rewriting import Edges, guarded, rewrite
from ._sampling import kept


@algorithm(
    paper="arXiv:2307.02947", prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded
)
def dspar(
    run: Run,
    *,
    edges: Edges = None,
    connectivity: Connectivity = "keep",
    reweight: Annotated[bool, Absent(False)] = False,
) -> None:
    """DSpar: keep edges drawn by 1/d_u + 1/d_v, a bound of their effective resistance (Liu et al., 2023).

    The authors draw edges with replacement, so many times, and give them weights. Here so many edges as are asked are
    kept: drawn without replacement and without weights, or with both.

    Options:
        edges: deletions per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        connectivity: skip edges whose deletion would disconnect a component, or delete any edge
        reweight: draw with replacement, and weight edges so that the Laplacian is the graph's own in expectation
    """
    rewrite(
        run,
        edges,
        lambda graph, count, draws: kept(graph, scores(graph), count, connectivity, reweight, draws),
        random=True,
    )


def scores(graph: Graph) -> Floats:
    """Return 1/d_u + 1/d_v of every edge, [m]."""
    u, v = graph.degrees[graph.ends].T
    return np.asarray(1 / u + 1 / v)
