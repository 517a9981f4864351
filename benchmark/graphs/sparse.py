"""Modes of large graphs, computed iteratively from the modes before the last edit."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.factor import Factor
from benchmark.graphs.krylov import largest
from benchmark.graphs.modes import BLOCK, Modes, is_bridge
from benchmark.graphs.verify import gaps_by_iteration
from benchmark.graphs.wiring import Wiring


class Factored:
    """A `Spectrum` by inverse iteration, with a sparse factor of L that edits change by low-rank updates."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._factor = Factor(wiring)
        self._draws = np.random.default_rng(0)
        self._guess = self._draws.standard_normal((wiring.nodes, min(BLOCK, wiring.nodes - 1)))

    def modes(self) -> Modes:
        root = np.sqrt(self.wiring.degrees)[:, None]
        steady = root / np.linalg.norm(root)

        def operator(x: Floats) -> Floats:
            inside = x - steady * (steady[:, 0] @ x)
            x = self._factor.solve(inside * root) * root
            x -= steady * (steady[:, 0] @ x)
            return x

        # another mode may be the lowest now: the last column has the rough modes, and noise, which has a part of each
        start = self._guess * root
        start[:, -1] += self._draws.standard_normal(len(root)) / np.sqrt(len(root))
        values, vectors = largest(operator, start - steady * (steady[:, 0] @ start))
        known = min(BLOCK, len(values))
        self._guess = np.column_stack([vectors[:, : known - 1], vectors[:, known - 1 :].sum(axis=1)]) / root
        return Modes(1 / values[:known], vectors[:, :known] / root)

    def bridge(self, slot: int) -> bool:
        return is_bridge(self._factor.resistance(self.wiring.u[slot], self.wiring.v[slot]), self.wiring.nodes)

    def delete(self, slot: int) -> None:
        i, j = int(self.wiring.u[slot]), int(self.wiring.v[slot])
        self.wiring.delete(slot)
        self._factor.edit(i, j, -1)

    def add(self, i: int, j: int) -> None:
        self.wiring.add(i, j)
        self._factor.edit(i, j, 1)

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        return gaps_by_iteration(self._factor, self.wiring, self._guess, pairs, sign)


class Iterated:
    """A `Spectrum` by Lanczos on the normalised adjacency, for graphs so dense that a factor of L would fill in."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._adjacency = wiring.adjacency()
        self._guess = np.random.default_rng(0).standard_normal(wiring.nodes)

    def modes(self) -> Modes:
        modes = self._modes(self._adjacency, self.wiring.degrees)
        self._guess = modes.vectors.sum(axis=1)
        return modes

    def bridge(self, slot: int) -> bool:
        i, j = int(self.wiring.u[slot]), int(self.wiring.v[slot])
        of_i, of_j = self._neighbours(i), self._neighbours(j)
        if min(len(of_i), len(of_j)) == 1 or len(np.intersect1d(of_i, of_j, assume_unique=True)):
            return min(len(of_i), len(of_j)) == 1
        return not _connected(self._edited(i, j, -1))

    def delete(self, slot: int) -> None:
        self.wiring.delete(slot)
        i, j = int(self.wiring.u[slot]), int(self.wiring.v[slot])
        for a, b in ((i, j), (j, i)):  # store a zero: building a new matrix takes longer than solving
            start, end = self._adjacency.indptr[a : a + 2]
            self._adjacency.data[start + np.searchsorted(self._adjacency.indices[start:end], b)] = 0

    def add(self, i: int, j: int) -> None:
        self.wiring.add(i, j)
        self._adjacency = self.wiring.adjacency()

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        gaps = np.zeros(len(pairs))
        for k, (i, j) in enumerate(pairs.tolist()):
            degrees, edited = self.wiring.degrees.copy(), self._edited(i, j, sign)
            degrees[[i, j]] += sign
            if _connected(edited):
                gaps[k] = self._modes(edited, degrees).gap
        return gaps

    def _neighbours(self, node: int) -> Ints:
        row = slice(*self._adjacency.indptr[node : node + 2])
        return np.asarray(self._adjacency.indices[row][self._adjacency.data[row] > 0], np.int64)

    def _edited(self, i: int, j: int, sign: int) -> csr_array:
        change = coo_array(([sign, sign], ([i, j], [j, i])), (self.wiring.nodes,) * 2)
        return (self._adjacency + change).tocsr()

    def _modes(self, adjacency: csr_array, degrees: Floats) -> Modes:
        root = np.sqrt(degrees)
        steady = root / np.linalg.norm(root)

        def operator(x: Floats) -> Floats:
            """Multiply by 2 minus the normalised Laplacian, a positive matrix, with the constant mode projected out."""
            x = x.ravel() - steady * (steady @ x.ravel())
            y = x + (adjacency @ (x / root) + self.wiring.loops * (x / root)) / root
            return np.asarray(y - steady * (steady @ y))

        shifted = LinearOperator((len(root),) * 2, matvec=operator, dtype=np.float64)
        try:
            values, vectors = eigsh(shifted, BLOCK, which="LA", v0=self._guess * root, tol=1e-8)
        except ArpackNoConvergence as problem:
            raise RuntimeError("the lowest modes of the graph do not converge") from problem
        order = np.argsort(-values)
        return Modes(2 - values[order], vectors[:, order] / root[:, None])


def _connected(adjacency: csr_array) -> bool:
    adjacency.eliminate_zeros()
    return bool(connected_components(adjacency, directed=False, return_labels=False) == 1)
