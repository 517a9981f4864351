"""Modes of small graphs: all eigenpairs, computed anew after every edit, with any multiplicity."""

from __future__ import annotations

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.modes import Modes, is_bridge
from benchmark.graphs.wiring import Wiring

AT_ONCE = 2_000_000
"""The number of matrix entries that are decomposed in one call; 16 MB."""


class Dense:
    """A `Spectrum` that uses dense eigenvalue routines."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring = wiring
        self._laplacian = np.diag(wiring.degrees - wiring.loops) - wiring.adjacency().toarray()
        self._inverse = np.linalg.pinv(self._laplacian, hermitian=True)

    def modes(self) -> Modes:
        root = np.sqrt(self.wiring.degrees)
        values, vectors = np.linalg.eigh(self._laplacian / np.outer(root, root))
        return Modes(values[1:], vectors[:, 1:] / root[:, None])

    def bridge(self, slot: int) -> bool:
        return is_bridge(self._resistance(self.wiring.u[slot], self.wiring.v[slot]), self.wiring.nodes)

    def delete(self, slot: int) -> None:
        self._edit(int(self.wiring.u[slot]), int(self.wiring.v[slot]), -1)
        self.wiring.delete(slot)

    def add(self, i: int, j: int) -> None:
        self._edit(i, j, 1)
        self.wiring.add(i, j)

    def gaps(self, pairs: Ints, sign: int) -> Floats:
        at_once = max(1, AT_ONCE // self.wiring.nodes**2)
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
        gaps: Floats = np.linalg.eigvalsh(laplacians * scale[:, :, None] * scale[:, None, :])[:, 1]
        return gaps

    def _resistance(self, i: int, j: int) -> float:
        return float(self._inverse[i, i] + self._inverse[j, j] - 2 * self._inverse[i, j])

    def _edit(self, i: int, j: int, sign: int) -> None:
        """Change an edge in the Laplacian, and update the pseudo-inverse by the formula of Sherman & Morrison."""
        self._laplacian[[i, j], [i, j]] += sign
        self._laplacian[[i, j], [j, i]] -= sign
        step = self._inverse[:, i] - self._inverse[:, j]
        self._inverse -= np.outer(step, step) * (sign / (1 + sign * (step[i] - step[j])))
