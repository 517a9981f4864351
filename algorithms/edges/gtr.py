import numpy as np

from benchmark import Inapplicable, Run, algorithm
from benchmark.graphs.edges import Edit, Floats, Graph, Ints

from ._pairs import ranked, slack
from ._resistance import parts, pseudo_inverse
from ._rewriting import Edges, rewrite

LARGEST = 12_000
"""Number of nodes of a component up to which its two dense matrices are made: 2.3 GB."""


@algorithm(paper="arXiv:2302.06835", prunes="edges", edits_only=True, family="data edits", edges="edges")
def gtr(run: Run, *, edges: Edges = None) -> None:
    """GTR: add the edges that lower the total effective resistance most, one by one (Black et al., 2023).

    Edges are added inside components, where B^2 / (1 + R) is highest: B is the biharmonic distance of two nodes, R
    their resistance. An edge takes time and memory in proportion to the squared number of nodes.

    Options:
        edges: additions per graph, as a share of its undirected edges or a number; none: set by the target sparsity
    """
    rewrite(run, edges, lambda graph, count, draws: additions(graph, count))


def additions(graph: Graph, count: int) -> list[Edit]:
    """Return up to `count` additions in order; of tied pairs the first.

    Raises:
        Inapplicable: a component is too large for dense matrices.
    """
    networks, log = [Network(nodes, part) for nodes, part in parts(graph)], list[Edit]()
    best = [network.best() for network in networks]
    for _ in range(count):
        which = next(ranked(np.array([score for score, *_ in best])), None)
        if which is None:
            break
        _, i, j = best[which]
        log.append((int(networks[which].nodes[i]), int(networks[which].nodes[j]), 1))
        networks[which].add(i, j)
        best[which] = networks[which].best()
    return log


class Network:
    """A component as a network of resistors: the pseudo-inverse L+ of its Laplacian, and (L+)^2, while edges are added.

    Args:
        nodes: the numbers of its nodes in the graph, ascending.
    """

    def __init__(self, nodes: Ints, part: Graph) -> None:
        if part.nodes > LARGEST:
            raise Inapplicable(
                f"'gtr' makes dense matrices; a component has {part.nodes:,} nodes, more than {LARGEST:,}"
            )
        self.nodes = nodes
        self.inverse = pseudo_inverse(part)
        self.squared = self.inverse @ self.inverse
        self._free = np.triu(part.adjacency.toarray() == 0, 1)

    def scores(self) -> Floats:
        """Return by how much total resistance falls, over n, if a pair gets an edge, [n, n]: B^2 / (1 + R)."""
        return _between(self.squared) / (1 + _between(self.inverse))

    def best(self) -> tuple[float, int, int]:
        """Return the score and the nodes of the best pair without an edge; minus infinity if there is none."""
        scores = np.where(self._free, self.scores(), -np.inf)
        top = float(scores.max())
        i, j = divmod(int(np.argmax(scores >= top - (slack(top, 0) if np.isfinite(top) else 0))), len(scores))
        return top, i, j

    def add(self, i: int, j: int) -> None:
        """Add an edge, by the formula of Sherman & Morrison: L+ loses v v' / (1 + R) with v = L+ (e_i - e_j)."""
        v = self.inverse[:, i] - self.inverse[:, j]
        u, step = self.inverse @ v, v / (1 + v[i] - v[j])
        self.inverse -= np.outer(v, step)
        self.squared += (v @ v) * np.outer(step, step) - np.outer(u, step) - np.outer(step, u)
        self._free[i, j] = False


def _between(matrix: Floats) -> Floats:
    """Return m_ii + m_jj - 2 m_ij for all pairs, [n, n]."""
    diagonal = np.diagonal(matrix)
    return np.asarray(diagonal[:, None] + diagonal - 2 * matrix)
