"""Solves with the Laplacian L of a connected graph while its edges change: a sparse factor with low-rank updates."""

from __future__ import annotations

import numpy as np
from scipy.sparse import diags_array
from scipy.sparse.linalg import splu

from benchmark.graphs.edges import Floats
from benchmark.graphs.wiring import Wiring

UPDATES = 32
"""Edits between two factorisations. At this number, updating a solution costs about as much as computing it."""


class Factor:
    """Solves L x = r for right-hand sides r that sum to zero, with x zero at the last node.

    With B the incidence columns of the edits since the factorisation, S their signs and Z = L0^-1 B, Woodbury's formula
    gives L^-1 = L0^-1 - Z (S + B'Z)^-1 Z'.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._z: Floats = np.empty((wiring.nodes, UPDATES), order="F")
        self._middle: Floats = np.empty((0, 0))
        self._refactor()

    def solve(self, right: Floats) -> Floats:
        """The solutions x for several right-hand sides, [n, b] -> [n, b]."""
        return self._updated(self._base(right))

    def resistance(self, i: int, j: int) -> float:
        """The effective resistance between two nodes, with every edge a resistor of 1 ohm."""
        through = self._updated(self._between(i, j)[:, None])
        return float(through[i, 0] - through[j, 0])

    def edit(self, i: int, j: int, sign: int) -> None:
        """Follow an edit that has been made to the wiring."""
        if self._count == UPDATES:
            self._refactor()
            return
        self._z[:, self._count] = self._between(i, j)
        self._i[self._count], self._j[self._count], self._signs[self._count] = i, j, sign
        self._count += 1
        middle = np.diag(self._signs[: self._count]) + self._across(self._z[:, : self._count])
        self._middle = np.asarray(np.linalg.inv(middle), np.float64)

    def _refactor(self) -> None:
        laplacian = diags_array(self._wiring.degrees - self._wiring.loops) - self._wiring.adjacency()
        grounded = laplacian.tocsc()[:-1, :-1]
        # the matrix is positive definite: it needs no pivoting, and its own pattern is ordered, not that of A'A
        settings = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
        self._lu = splu(grounded.tocsc(), **settings)
        self._count, self._solved = 0, (-1, -1)
        self._i, self._j, self._signs = (np.zeros(UPDATES, dtype) for dtype in (np.int64, np.int64, np.float64))

    def _base(self, right: Floats) -> Floats:
        """The solutions with the last factor, without the edits since."""
        solution = np.zeros(right.shape, order="F")
        solution[:-1] = self._lu.solve(np.asfortranarray(right[:-1]))
        return solution

    def _updated(self, solution: Floats) -> Floats:
        """Correct solutions with the last factor for the edits since, in place."""
        if self._count:
            solution -= self._z[:, : self._count] @ (self._middle @ self._across(solution))
        return solution

    def _across(self, x: Floats) -> Floats:
        """B'x: the differences of x across the edited edges."""
        return np.asarray(x[self._i[: self._count]] - x[self._j[: self._count]])

    def _between(self, i: int, j: int) -> Floats:
        """L0^-1 (e_i - e_j). The last one is cached, because most edits come after a test for a bridge."""
        if self._solved != (i, j):
            right = np.zeros((self._wiring.nodes, 1))
            right[i], right[j] = 1, -1
            self._potential, self._solved = self._base(right)[:, 0], (i, j)
        return self._potential.copy()
