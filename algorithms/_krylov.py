"""The largest eigenvalues of a symmetric operator, from a good start: block Lanczos with restarts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from algorithms._edges import Floats

Operator = Callable[[Floats], Floats]

NEAR = 1e-7
"""Eigenvalues closer than this, relative to their size, are one eigenvalue of higher multiplicity."""


def largest(
    operator: Operator, start: Floats, *, tolerance: float = 1e-9, depth: int = 10, restarts: int = 6
) -> tuple[Floats, Floats]:
    """Eigenvalues in falling order, and unit eigenvectors, as many as `start` has columns.

    It ends when the largest, and whatever may be degenerate with it, have a residual below `tolerance` relative to the
    eigenvalue, or when restarting no longer helps (round-off of the operator).

    Args:
        operator: symmetric and positive: [n, b] -> [n, b].
        start: [n, b], near the eigenvectors where something is known of them.
        depth: applications of the operator between restarts; the basis has (depth + 1) b columns.
    """
    block, found, last = start.shape[1], np.linalg.qr(start)[0], np.inf
    for _ in range(restarts):
        values, found, worst = _sweep(operator, found, tolerance, depth)
        if worst <= tolerance or worst > 0.3 * last:
            break
        last = worst
    return values[:block], found[:, :block]


def _sweep(operator: Operator, start: Floats, tolerance: float, depth: int) -> tuple[Floats, Floats, float]:
    """Ritz values and vectors of the Krylov space of `start`, and the largest residual that matters."""
    n, block = start.shape
    depth = min(depth, n // block - 1)
    basis = np.empty((n, (depth + 1) * block), order="F")
    basis[:, :block] = start
    projected, used, new = np.zeros((basis.shape[1],) * 2), block, block
    for _ in range(max(depth, 1)):
        known = basis[:, :used]
        image = operator(known[:, used - new :])
        inside = known.T @ image
        projected[:used, used - new : used] = inside
        projected[used - new : used, :used] = inside.T
        fresh, outside = np.linalg.qr(image - known @ inside)
        fresh, again = np.linalg.qr(fresh - known @ (known.T @ fresh))  # tiny columns had lost their right angles
        outside = again @ outside
        values, ritz = np.linalg.eigh(projected[:used, :used])
        values, ritz = values[::-1], ritz[:, ::-1]
        residuals = np.linalg.norm(outside @ ritz[used - new :, :block], axis=0) / values[0]
        worst = _worst(values[:block], residuals)
        alive = np.abs(np.diag(outside)) > 1e-14 * values[0]
        if worst <= tolerance or not alive.any() or used + block > basis.shape[1]:
            break
        new = int(alive.sum())
        basis[:, used : used + new] = fresh[:, alive]
        used += new
    return values[:block], basis[:, : ritz.shape[0]] @ ritz[:, :block], worst


def _worst(values: Floats, residuals: Floats) -> float:
    """The largest residual among the first pair and those that may be degenerate with it."""
    close = values[0] - values <= (NEAR + residuals) * values[0]
    return float(residuals[close].max())
