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

    Every component is a graph of its own: the largest is edited until nothing is left to edit, then the next. Scores
    that differ by less than 1e-7 of the largest tie, and the smallest pair of nodes goes first.

    Options:
        edges: edits per graph: a share of its undirected edges, or a number; none: as the target asks
        mode: delete edges, add edges, or do both in turns, beginning with a deletion; no edge is edited twice
        criterion: the first-order change of the gap; the lowest change in the space of three modes; Eldan's criterion
            (which knows no self-loops); or the exact gap after every possible edit, for graphs of a few hundred nodes
        vector: what the proxy is taken of: its derivation's vector, the published tables' or the released code's
        loops: weight of the self-loop that every node has, 1 where the network adds one
        period: edits between two looks at the spectrum
        connectivity: keep every component whole, or let it fall apart; then the largest part is edited on
        verify: the best candidates by the criterion whose gap is computed exactly, to take the best of them; none: 10
            on graphs of at most 1,000 nodes, 0 on larger ones
    """
    rule = Rule(mode, criterion, vector, loops, period, connectivity, verify)
    rewrite(run, edges, lambda graph, count, draws: spectral_edits(graph, count, rule))
