from benchmark import Count, Run, Share, algorithm

from ._deletions import Connectivity, deleted, drawn
from ._resistance import resistances
from ._rewriting import Edges, guarded, rewrite


@algorithm(
    paper="arXiv:0803.0929", prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded
)
def effective_resistance(
    run: Run, *, edges: Edges = None, connectivity: Connectivity = "keep", exact: Count = 4000, error: Share = 0.3
) -> None:
    """Effective resistance: keep edges drawn by how little else joins their ends (Spielman & Srivastava, 2011).

    The authors draw edges with replacement and give them weights. Here so many as are asked are kept, drawn without
    replacement, and without weights: an edit hands edges to the networks, not their weights.

    Options:
        edges: deletions per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        connectivity: skip edges whose deletion would disconnect a component, or delete any edge
        exact: number of nodes up to which a component's resistances are exact; random projections beyond
        error: relative error of the projections, which need 24 ln(n) / error^2 solutions of linear systems
    """
    rewrite(
        run,
        edges,
        lambda graph, count, draws: deleted(
            graph, drawn(resistances(graph, exact, error, draws), draws), count, connectivity
        ),
        random=True,
    )
