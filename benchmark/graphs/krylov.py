"""Computes the largest eigenvalues of a symmetric operator by block Lanczos with restarts, from a good start."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmark.graphs.edges import Floats

Operator = Callable[[Floats], Floats]

NEAR = 1e-7
"""Eigenvalues closer than this, relative to their size, count as one eigenvalue of higher multiplicity."""

SMALL = 1e-5
"""New directions shorter than this, relative to the largest eigenvalue, are orthogonalised once more."""


def largest(
    operator: Operator, start: Floats, *, tolerance: float = 1e-8, depth: int = 10, restarts: int = 6
) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues, in falling order, and their unit eigenvectors.

    The number of pairs is that of the columns of `start`, followed by up to as many rough approximations of the next
    ones. The iteration ends when the residuals of the largest eigenvalue, and of those that may be degenerate with it,
    are below `tolerance` relative to the eigenvalue, or when a restart no longer helps (round-off of the operator).

    Args:
        operator: symmetric and positive: [n, b] -> [n, b].
        start: [n, b], approximate eigenvectors if any are known.
        depth: applications of the operator between restarts; the basis has `depth` b columns.
    """
    vectors, last = np.linalg.qr(start)[0], np.inf
    for _ in range(restarts):
        values, vectors, worst = _sweep(operator, vectors[:, : start.shape[1]], tolerance, depth)
        if worst <= tolerance or worst > 0.3 * last:
            break
        last = worst
    return values, vectors


def _sweep(operator: Operator, start: Floats, tolerance: float, depth: int) -> tuple[Floats, Floats, float]:
    """Ritz values and vectors of the Krylov space of `start`, and the largest residual that matters."""
    n, block = start.shape
    basis = np.empty((n, min(depth * block, n)), order="F")
    basis[:, :block] = start
    projected, used, new = np.zeros((basis.shape[1],) * 2), block, block
    while True:
        known = basis[:, :used]
        image = operator(known[:, used - new :])
        inside = known.T @ image
        projected[:used, used - new : used] = inside
        projected[used - new : used, :used] = inside.T
        values, ritz = np.linalg.eigh(projected[:used, :used])
        values, ritz = values[::-1][: 2 * block], ritz[:, ::-1][:, : 2 * block]
        image -= known @ inside
        fresh, outside = np.linalg.qr(image - known @ (known.T @ image))
        if np.abs(np.diag(outside)).min() < SMALL * values[0]:  # round-off has made them less orthogonal
            fresh, change = np.linalg.qr(fresh - known @ (known.T @ fresh))
            outside = change @ outside
        worst = _worst(values[:block], np.linalg.norm(outside @ ritz[used - new :, :block], axis=0) / values[0])
        alive = np.flatnonzero(np.abs(np.diag(outside)) > 1e-14 * values[0])[: basis.shape[1] - used]
        if worst <= tolerance or not len(alive):
            return values, known @ ritz, worst
        basis[:, used : used + len(alive)] = fresh[:, alive]
        used, new = used + len(alive), len(alive)


def _worst(values: Floats, residuals: Floats) -> float:
    """The largest residual among the first pair and those that may be degenerate with it."""
    close = values[0] - values <= (NEAR + residuals) * values[0]
    return float(residuals[close].max())
