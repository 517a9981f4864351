from typing import Annotated

from pydantic import Field

from benchmark import Run, algorithm
from benchmark.graphs.edges import Edit, Graph

from ._rewriting import Edges, rewrite
from ._transport import Transports

Batch = Annotated[int, Field(ge=0, description="whole number >= 0")]


@algorithm(paper="arXiv:2211.15779", prunes="edges", edits_only=True, family="data edits", edges="edges")
def borf(run: Run, *, edges: Edges = None, added: Batch = 4, deleted: Batch = 2) -> None:
    """BORF: add edges where Ollivier-Ricci curvature is lowest, delete those where it is highest (Nguyen et al., 2023).

    A round computes all curvatures, then edits. For each of the `added` most negative edges it adds the pair that the
    optimal transport between the neighbourhoods of its ends spends most on, unless that has an edge already; then it
    deletes the `deleted` most positive edges. Rounds follow each other until there are so many edits as are asked, or
    until one changes nothing: n rounds of the paper are at most n (added + deleted) edits. The last round
    is cut short. The cost grows with the third power of degrees.

    Options:
        edges: edits per graph, as a share of its undirected edges or a number; none: set by the target sparsity
        added: additions of a round at most: h of the paper
        deleted: deletions of a round: k of the paper
    """
    if not added + deleted:
        raise ValueError("'borf' edits nothing with added=0 and deleted=0; raise one of them")
    rewrite(run, edges, lambda graph, count, draws: rounds(graph, count, added, deleted))


def rounds(graph: Graph, count: int, added: int = 4, deleted: int = 2) -> list[Edit]:
    """Return up to `count` edits in order."""
    transports, log = Transports(graph), list[Edit]()
    while len(log) < count and (batch := _round(transports, added, deleted)[: count - len(log)]):
        transports.edit(batch)
        log += batch
    return log


def _round(transports: Transports, added: int, deleted: int) -> list[Edit]:
    """Return the edits of a round, chosen from the curvatures before it."""
    order = transports.ordered()
    pairs = dict.fromkeys(transports[edge].dearest for edge in order[:added])
    additions = [(i, j, 1) for i, j in pairs if i != j and j not in transports.neighbours[i]]
    return additions + [(*edge, -1) for edge in order[: -deleted - 1 : -1]]
