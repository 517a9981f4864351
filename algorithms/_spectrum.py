"""The spectral gap of a connected graph while its edges are edited: three ways to the same numbers.

All solve L y = lambda D y, where L is the Laplacian and D holds the degrees, self-loops of weight `loops` included; the
gap is the lowest lambda but the 0 of constant y. An edit changes L by one rank-one term and D in two places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

from algorithms._edges import Floats, Ints
from algorithms._factor import Factor
from algorithms._krylov import NEAR, largest
from algorithms._wiring import Wiring

DENSE = 200
"""Nodes up to which dense eigenvalue routines are the fastest, and find any multiplicity."""

CROWDED = 32
"""Edges per node from which a factor of L fills in, and Lanczos on the adjacency converges fast instead."""

BLOCK = 4
"""Eigenpairs that are followed on larger graphs: one to score by, three that may become it."""


@dataclass(frozen=True)
class Modes:
    """The lowest eigenpairs of L y = lambda D y but the constant one.

    Args:
        values: [k], rising.
        vectors: [n, k], with y'Dy = 1 and y'D1 = 0.
    """

    values: Floats
    vectors: Floats

    @property
    def gap(self) -> float:
        return float(self.values[0])

    @property
    def multiplicity(self) -> int:
        """How many of the values are the gap."""
        return int((self.values <= (1 + NEAR) * self.gap + 1e-14).sum())


class Spectrum(Protocol):
    """The lowest modes of a wiring, and its edits."""

    wiring: Wiring

    def modes(self) -> Modes:
        """The lowest eigenpairs as the graph stands."""

    def bridge(self, slot: int) -> bool:
        """Whether the graph falls apart without this edge."""

    def delete(self, slot: int) -> None:
        """Delete an edge that is no bridge."""

    def add(self, i: int, j: int) -> None:
        """Add an edge."""

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        """[k, 2] -> [k]: the exact gap after each of these edits alone."""


def spectrum_of(wiring: Wiring) -> Spectrum:
    """The fastest for a graph of this size and density."""
    if wiring.nodes <= DENSE:
        return Dense(wiring)
    return Iterated(wiring) if wiring.size > CROWDED * wiring.nodes else Factored(wiring)


class Dense:
    """Every eigenpair of the matrix anew: for small graphs."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._laplacian = np.diag(wiring.degrees - wiring.loops) - wiring.adjacency().toarray()
        self._inverse = np.linalg.pinv(self._laplacian, hermitian=True)

    def modes(self) -> Modes:
        root = np.sqrt(self.wiring.degrees)
        values, vectors = np.linalg.eigh(self._laplacian / np.outer(root, root))
        return Modes(values[1:], vectors[:, 1:] / root[:, None])

    def bridge(self, slot: int) -> bool:
        return _is_bridge(self._resistance(self.wiring.u[slot], self.wiring.v[slot]), self.wiring.nodes)

    def delete(self, slot: int) -> None:
        self._edit(int(self.wiring.u[slot]), int(self.wiring.v[slot]), -1)
        self.wiring.delete(slot)

    def add(self, i: int, j: int) -> None:
        self._edit(i, j, 1)
        self.wiring.add(i, j)

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        at_once = max(1, 2_000_000 // self.wiring.nodes**2)
        chunks = [self._gaps(pairs[k : k + at_once], sign) for k in range(0, len(pairs), at_once)]
        return np.concatenate([*chunks, np.empty(0)])

    def _gaps(self, pairs: Ints, sign: int) -> Floats:
        each, (i, j) = np.arange(len(pairs)), pairs.T
        laplacians = np.repeat(self._laplacian[None], len(pairs), axis=0)
        degrees = np.repeat(self.wiring.degrees[None], len(pairs), axis=0)
        for a, b in ((i, j), (j, i)):
            laplacians[each, a, b] -= sign
            laplacians[each, a, a] += sign
            degrees[each, a] += sign
        scale = np.divide(1, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)
        found: Floats = np.linalg.eigvalsh(laplacians * scale[:, :, None] * scale[:, None, :])[:, 1]
        return found

    def _resistance(self, i: int, j: int) -> float:
        return float(self._inverse[i, i] + self._inverse[j, j] - 2 * self._inverse[i, j])

    def _edit(self, i: int, j: int, sign: int) -> None:
        """Sherman & Morrison: the inverse, on vectors that sum to zero, after one edge."""
        self._laplacian[[i, j], [i, j]] += sign
        self._laplacian[[i, j], [j, i]] -= sign
        step = self._inverse[:, i] - self._inverse[:, j]
        self._inverse -= np.outer(step, step) * (sign / (1 + sign * (step[i] - step[j])))


class Factored:
    """Inverse iteration with a sparse factor of L, which follows the edits by low-rank updates."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._factor = Factor(wiring)
        self._guess = np.random.default_rng(0).standard_normal((wiring.nodes, min(BLOCK, wiring.nodes - 1)))

    def modes(self) -> Modes:
        root = np.sqrt(self.wiring.degrees)[:, None]
        steady = root / np.linalg.norm(root)

        def operator(x: Floats) -> Floats:
            inside = x - steady * (steady[:, 0] @ x)
            x = self._factor.solve(inside * root) * root
            x -= steady * (steady[:, 0] @ x)
            return x

        start = self._guess * root
        values, vectors = largest(operator, start - steady * (steady[:, 0] @ start))
        self._guess = vectors / root
        return Modes(1 / values, self._guess)

    def bridge(self, slot: int) -> bool:
        return _is_bridge(self._factor.resistance(self.wiring.u[slot], self.wiring.v[slot]), self.wiring.nodes)

    def delete(self, slot: int) -> None:
        i, j = int(self.wiring.u[slot]), int(self.wiring.v[slot])
        self.wiring.delete(slot)
        self._factor.edit(i, j, -1)

    def add(self, i: int, j: int) -> None:
        self.wiring.add(i, j)
        self._factor.edit(i, j, 1)

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        from algorithms._verify import gaps_by_iteration

        return gaps_by_iteration(self._factor, self.wiring, self._guess, pairs, sign)


class Iterated:
    """Lanczos on the normalised adjacency: for graphs so dense that a factor of L would fill in."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._guess = np.random.default_rng(0).standard_normal(wiring.nodes)

    def modes(self) -> Modes:
        wiring = self.wiring
        root, adjacency = np.sqrt(wiring.degrees), wiring.adjacency()
        steady = root / np.linalg.norm(root)

        def operator(x: Floats) -> Floats:
            x = x.ravel() - steady * (steady @ x.ravel())
            y = x + (adjacency @ (x / root) + wiring.loops * (x / root)) / root
            return np.asarray(y - steady * (steady @ y))

        shifted = LinearOperator((wiring.nodes, wiring.nodes), matvec=operator, dtype=np.float64)
        try:
            found = eigsh(shifted, BLOCK, which="LA", v0=self._guess * root, tol=1e-9, maxiter=500)
        except ArpackNoConvergence as problem:
            found = problem.eigenvalues, problem.eigenvectors
        order = np.argsort(-found[0])
        vectors = found[1][:, order] / root[:, None]
        self._guess = vectors.sum(axis=1)
        return Modes(2 - found[0][order], vectors)

    def bridge(self, slot: int) -> bool:
        wiring = self.wiring
        wiring.there[slot] = False
        count = connected_components(wiring.adjacency(), directed=False, return_labels=False)
        wiring.there[slot] = True
        return bool(count > 1)

    def delete(self, slot: int) -> None:
        self.wiring.delete(slot)

    def add(self, i: int, j: int) -> None:
        self.wiring.add(i, j)

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        raise NotImplementedError


def _is_bridge(resistance: float, nodes: int) -> bool:
    """The resistance between the ends of a bridge is 1; of another edge at most r / (1 + r), r < n, another way."""
    return 1 - resistance < 0.5 / nodes
