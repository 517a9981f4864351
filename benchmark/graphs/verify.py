"""Computes the exact gap after each of several possible edits, on graphs too large for dense routines."""

from __future__ import annotations

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.factor import Factor
from benchmark.graphs.wiring import Wiring

ROUNDS = 30
"""The largest number of iterations."""

AGREED = 1e-8
"""The iteration ends when no gap changes by more than this share."""


def gaps_by_iteration(factor: Factor, wiring: Wiring, guess: Floats, pairs: Ints, sign: int) -> Floats:
    """The gap after each edit alone, by block inverse iteration with the factor of the graph before the edits.

    The formula of Sherman & Morrison solves with L +- bb', where b is the incidence vector of the edge. The iteration
    starts from the present modes and L^-1 b, which is close to a mode that the edit may create. The gap is 0 after an
    edit that disconnects the graph.

    Args:
        guess: [n, b], the present lowest modes.
        pairs: [k, 2], the edges to add or to delete.
        sign: 1 to add, -1 to delete.

    Returns:
        The gaps, [k].
    """
    each, (i, j) = np.arange(len(pairs)), pairs.T
    rights = np.zeros((wiring.nodes, len(pairs)))
    rights[i, each], rights[j, each] = 1, -1
    through = factor.solve(rights)
    resistance = through[i, each] - through[j, each]
    gaps = np.zeros(len(pairs))
    connected = 1 + sign * resistance > 0.5 / wiring.nodes
    step = max(1, 4_000_000 // (wiring.nodes * (guess.shape[1] + 1)))
    chosen = np.flatnonzero(connected)
    for start in range(0, len(chosen), step):
        some = chosen[start : start + step]
        gaps[some] = _iterate(factor, wiring, guess, pairs[some], through[:, some].T, sign)
    return gaps


def _iterate(factor: Factor, wiring: Wiring, guess: Floats, pairs: Ints, through: Floats, sign: int) -> Floats:
    """The gaps, [k]. Arrays of three dimensions are [k, n, b]: by edit, node, and vector of the block."""
    each, (i, j) = np.arange(len(pairs)), pairs.T
    degrees = np.repeat(wiring.degrees[None], len(pairs), axis=0)
    degrees[each, i] += sign
    degrees[each, j] += sign
    volume = degrees.sum(axis=1)[:, None, None]
    denominator = (1 + sign * (through[each, i] - through[each, j]))[:, None]
    guesses = np.repeat(guess[None], len(pairs), axis=0)
    x = np.concatenate([guesses, through[:, :, None]], axis=2)
    x, gaps = _orthonormal(x, degrees), np.full(len(pairs), np.inf)
    for _ in range(ROUNDS):
        weighted = degrees[:, :, None] * x
        solved = factor.solve(weighted.transpose(1, 0, 2).reshape(wiring.nodes, -1))
        y = solved.reshape(wiring.nodes, len(pairs), -1).transpose(1, 0, 2)
        across = y[each, i] - y[each, j]
        y = y - through[:, :, None] * (sign * across / denominator)[:, None, :]
        y = y - (degrees[:, None, :] @ y) / volume
        values, turn = np.linalg.eigh(weighted.transpose(0, 2, 1) @ y)  # x'D L^-1 D x: 1 / lambda
        last, gaps = gaps, 1 / values[:, -1]
        if (np.abs(last - gaps) <= AGREED * gaps).all():
            break
        x = _orthonormal(y @ turn, degrees)
    return np.asarray(gaps)


def _orthonormal(x: Floats, degrees: Floats) -> Floats:
    """A basis with x'Dx = 1 and x'D1 = 0."""
    root = np.sqrt(degrees)[:, :, None]
    x = x - (degrees[:, None, :] @ x) / degrees.sum(axis=1)[:, None, None]
    return np.asarray(np.linalg.qr(x * root)[0] / root)
