"""Estimates how the spectral gap changes when one edge is added or deleted, from the lowest modes.

`i` and `j` are arrays of nodes that broadcast against each other; results have the broadcast shape.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.modes import BLOCK, Modes

Vector = Literal["generalised", "raw", "rownorm"]


def scored_by(modes: Modes, degrees: Floats, vector: Vector) -> Floats:
    """Return the vectors that the proxy is computed from, [n, multiplicity]: an orthonormal basis of the gap's modes.

    Args:
        vector: `generalised` is y, for which the proxy is the derivative (Bojchevski & Guennemann, 2019). `raw` is
            f = D^1/2 y, as in the published tables. `rownorm` is y over the norm of its row (1 / sqrt(vol), y), as in
            the released code; it saturates.
    """
    y = modes.vectors[:, : modes.multiplicity]
    if vector == "raw":
        return np.asarray(y * np.sqrt(degrees)[:, None])
    if vector == "rownorm":
        return np.asarray(y / np.sqrt(y**2 + 1 / degrees.sum()))
    return np.asarray(y)


def rise(gap: float, x: Floats, i: Ints, j: Ints) -> Floats:
    """Return the proxy for adding {i, j}: (x_i - x_j)^2 - gap (x_i^2 + x_j^2) (eq. 1 of arXiv:2404.04612).

    It is minus that for a deletion. The result is the mean over the columns of `x`, so that it does not depend on the
    choice of basis.
    """
    total = sum((c[i] - c[j]) ** 2 - gap * (c[i] ** 2 + c[j] ** 2) for c in x.T)
    return np.asarray(total / x.shape[1])


def term_size(gap: float, x: Floats) -> float:
    """Return the magnitude of the largest term in the proxy's sums, which sets the scale of rounding errors."""
    return gap * float((x**2).mean(axis=1).max())


def block_rise(modes: Modes, volume: float, i: Ints, j: Ints, sign: int) -> Floats:
    """Return the change of the lowest Ritz value, [k] -> [k], in the space of the three lowest modes and constants.

    Args:
        volume: sum of the degrees before the edit.
        sign: 1 for additions, -1 for deletions.
    """
    count = max(BLOCK, modes.multiplicity)
    y = modes.vectors[:, :count]
    across, along = y[i] - y[j], sign * (y[i] + y[j])
    stiffness = np.diag(modes.values[:count]) + sign * _outer(across)
    mass = np.eye(y.shape[1]) + sign * (_outer(y[i]) + _outer(y[j])) - _outer(along) / (volume + 2 * sign)
    half = np.linalg.inv(np.linalg.cholesky(mass + 1e-12 * np.eye(y.shape[1])))
    return np.asarray(np.linalg.eigvalsh(half @ stiffness @ half.transpose(0, 2, 1))[:, 0] - modes.gap)


def _outer(rows: Floats) -> Floats:
    return np.asarray(rows[:, :, None] * rows[:, None, :])


def eldan(gap: Floats | float, ends: tuple[Floats, Floats], degrees: tuple[Floats, Floats], edges: int) -> Floats:
    """Return g of Eldan's criterion: if it is positive, the edge makes the gap smaller (Lemma 3.1).

    Args:
        gap: spectral gap of the graph without the edge and without self-loops.
        ends: f at the two ends; f is the unit eigenvector of the normalised Laplacian without the edge.
        degrees: degrees of the two ends without the edge.
        edges: number of edges without this one.
    """
    (f, g), (before, other) = ends, degrees
    after, after_other = np.sqrt(before + 1), np.sqrt(other + 1)
    grown, grown_other = after - np.sqrt(before), after_other - np.sqrt(other)
    steady = (f * grown + g * grown_other) ** 2 / (2 * edges + 2)  # <f, f0 of the denser graph>^2, as <f, f0> = 0
    stretched = grown / after * f**2 + grown_other / after_other * g**2
    return np.asarray(-steady * gap - 2 * (1 - gap) * stretched + 2 * f * g / (after * after_other))


def eldan_bound(gap: float, f: Floats, degrees: Floats, edges: int) -> Floats:
    """Return b, [n], with -g(i, j) <= b_i + b_j, which follows from 2xy <= x^2 + y^2."""
    after = np.sqrt(degrees + 1)
    grown = after - np.sqrt(degrees)
    stretched = 2 * max(0.0, 1 - gap) * grown / after + 1 / after**2 + gap * grown**2 / (edges + 1)
    return np.asarray(stretched * f**2)


def eldan_deletion(modes: Modes, degrees: Floats, i: Ints, j: Ints) -> Floats:
    """Return g of Eldan's criterion for deleting edges {i, j}, [k] -> [k].

    The eigenproblem without the edge is not solved. Its gap is estimated by the proxy, and its eigenvector by one power
    step on 2 - L from the current one, computed at the two ends only.
    """
    f = (modes.vectors * np.sqrt(degrees)[:, None])[:, : modes.multiplicity]
    gap, edges = modes.gap, round(degrees.sum() / 2)
    left = max(2 - gap, 1e-9)  # a single edge has gap 2
    without = gap - rise(gap, modes.vectors[:, : modes.multiplicity], i, j)

    def stepped(column: Floats, at: Ints, other: Ints) -> Floats:
        pull = np.sqrt(degrees[at]) * (1 - gap) * column[at] - column[other] / np.sqrt(degrees[other])
        alone = degrees[at] == 1
        there = np.sqrt(np.where(alone, 1, degrees[at] - 1))
        return np.asarray(np.where(alone, column[at], (column[at] + pull / there) / left))

    total = np.zeros(len(i))
    for column in f.T:
        ends = stepped(column, i, j), stepped(column, j, i)
        norm = np.sqrt(1 - column[i] ** 2 - column[j] ** 2 + ends[0] ** 2 + ends[1] ** 2)
        total += eldan(without, (ends[0] / norm, ends[1] / norm), (degrees[i] - 1, degrees[j] - 1), edges - 1)
    return np.asarray(total / f.shape[1])
