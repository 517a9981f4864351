from typing import Annotated, Literal

from pydantic import Field

from benchmark import Count, Run, algorithm

from ._greedy import Rule, spectral_edits
from ._rewriting import Edges, guarded, rewrite

Checks = Annotated[Annotated[int, Field(ge=0)] | None, Field(description="whole number >= 0 | none")]


@algorithm(
    paper="arXiv:2404.04612", prunes="edges", edits_only=True, family="data edits", edges="edges", edit_limit=guarded
)
def spectral(
    run: Run,
    *,
    edges: Edges = None,
    mode: Literal["delete", "add", "both"] = "delete",
    criterion: Literal["proxy", "block-proxy", "eldan", "exact"] = "proxy",
    vector: Literal["generalised", "raw", "rownorm"] = "generalised",
    loops: Literal[0, 1] = 1,
    period: Count = 1,
    connectivity: Literal["keep", "free"] = "keep",
    verify: Checks = None,
) -> None:
    """Spectral pruning: edit the edges that raise the graph's spectral gap (Jamadandi et al., 2024).

    Components are edited one by one: the largest until no candidate is left, then the next. Scores that differ by less
    than 1e-7 of the largest are tied, and the smallest pair of nodes goes first.

    Options:
        edges: edits per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        mode: delete edges, add edges, or alternate, starting with a deletion; no edge is edited twice
        criterion: the first-order change of the gap; the change in the space of three modes; Eldan's criterion (without
            self-loops); or the exact gap after every possible edit, for graphs of up to a few hundred nodes
        vector: vector in the proxy: that of its derivation, of the published tables or of the released code
        loops: weight of the self-loop of every node; 1 if the network adds self-loops
        period: edits between two updates of the spectrum
        connectivity: keep components connected, or let them fall apart, after which the largest part is edited
        verify: number of best candidates whose gap is computed exactly, to choose among them; none: 10 on graphs of at
            most 1,000 nodes, 0 on larger ones
    """
    rule = Rule(mode, criterion, vector, loops, period, connectivity, verify)
    rewrite(run, edges, lambda graph, count, draws: spectral_edits(graph, count, rule))
