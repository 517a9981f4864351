from typing import Annotated, Literal

from benchmark import Absent, Positive, Run, Share, algorithm
from benchmark.graphs.edges import Edit, Graph

from ._diffusion import Kernel, strongest, transition
from ._rewriting import Edges, Weighted, rewrite


@algorithm(paper="arXiv:1911.05485", prunes="edges", edits_only=True, family="data edits", edges="edges")
def gdc(
    run: Run,
    *,
    edges: Edges = None,
    mode: Literal["delete", "add"] = "delete",
    kernel: Kernel = "ppr",
    alpha: Share = 0.1,
    time: Positive = 5.0,
    reweight: Annotated[bool, Absent(False)] = False,
) -> None:
    """GDC: put edges where diffusion along the graph is strongest (Gasteiger, Weissenberger & Gunnemann, 2019).

    The graph gets as many edges as are asked: those pairs of nodes within components between which most diffuses,
    whether they had an edge or not. There are more edits than `edges`; records have both numbers. The authors keep the
    k strongest pairs of every node, or those above a threshold. Here the threshold follows from the number. Weights are
    those of the authors' symmetric normalisation; networks still add self-loops of their own, in place of diffusion's.

    Options:
        edges: how many edges fewer or more are left, as a share of the graph's undirected edges or a number; none: set
            by the target sparsity
        mode: leave fewer edges, or more
        kernel: personalised PageRank, or the heat kernel
        alpha: chance of PageRank to return to its start at a step
        time: time that heat diffuses
        reweight: weight edges by diffusion, normalised by the square roots of what arrives at their ends
    """
    sign, finish = 1 if mode == "add" else -1, weighted if reweight else replaced
    rewrite(run, edges, lambda graph, count, _: finish(graph, graph.size + sign * count, kernel, alpha, time))


def replaced(graph: Graph, size: int, kernel: Kernel = "ppr", alpha: float = 0.1, time: float = 5.0) -> list[Edit]:
    """Return the edits that leave the `size` strongest pairs: first deletions, then additions from the strongest on."""
    kept = strongest(graph, max(size, 0), kernel, alpha, time)
    before, after = (dict.fromkeys((i, j) for i, j in pairs.tolist()) for pairs in (graph.ends, kept))
    return [(*pair, -1) for pair in before if pair not in after] + [(*pair, 1) for pair in after if pair not in before]


def weighted(graph: Graph, size: int, kernel: Kernel = "ppr", alpha: float = 0.1, time: float = 5.0) -> Weighted:
    """Return the edits of `replaced`, and the weights of what is left."""
    log = replaced(graph, size, kernel, alpha, time)
    return Weighted(log, transition(graph, graph.edited(log).ends, kernel, alpha, time))
