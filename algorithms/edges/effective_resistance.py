from typing import Annotated

from benchmark import Absent, Count, Run, Share, algorithm

from ._deletions import Connectivity
from ._resistance import resistances
from ._rewriting import Edges, guarded, rewrite
from ._sampling import kept


@algorithm(
    paper="arXiv:0803.0929", prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded
)
def effective_resistance(
    run: Run,
    *,
    edges: Edges = None,
    connectivity: Connectivity = "keep",
    reweight: Annotated[bool, Absent(False)] = False,
    exact: Count = 4000,
    error: Share = 0.3,
) -> None:
    """Effective resistance: keep edges drawn by how little else joins their ends (Spielman & Srivastava, 2011).

    The authors draw edges with replacement, so many times, and give them weights. Here so many edges as are asked are
    kept: drawn without replacement and without weights, or with both.

    Options:
        edges: deletions per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        connectivity: skip edges whose deletion would disconnect a component, or delete any edge
        reweight: draw with replacement, and weight edges so that the Laplacian is the graph's own in expectation
        exact: number of nodes up to which a component's resistances are exact; random projections beyond
        error: relative error of the projections, which need 24 ln(n) / error^2 solutions of linear systems
    """
    rewrite(
        run,
        edges,
        lambda graph, count, draws: kept(
            graph, resistances(graph, exact, error, draws), count, connectivity, reweight, draws
        ),
        random=True,
    )
