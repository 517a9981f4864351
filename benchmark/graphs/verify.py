"""The exact gap after each of several edits, each tried alone, on graphs too large for dense routines."""

from __future__ import annotations

import numpy as np

from benchmark.graphs.edges import Floats, Ints
from benchmark.graphs.factor import Factor
from benchmark.graphs.wiring import Wiring

ROUNDS = 30


AGREED = 1e-8
"""Relative change of every gap at which the iteration ends."""


def gaps_by_iteration(factor: Factor, wiring: Wiring, guess: Floats, pairs: Ints, sign: int) -> Floats:
    """Block inverse iteration on every edited graph, all of them with the factor of the present one.

    L +- bb' is solved with by Sherman & Morrison. The start is the present modes and L^-1 b, towards which a mode that
    the edit brings about points. Where an edit cuts the graph in two, the gap is 0.

    Args:
        guess: [n, b], the present lowest modes.
        pairs: [k, 2].

    Returns:
        [k].
    """
    many, (i, j) = np.arange(len(pairs)), pairs.T
    rights = np.zeros((wiring.nodes, len(pairs)))
    rights[i, many], rights[j, many] = 1, -1
    through = factor.solve(rights)
    resistance = through[i, many] - through[j, many]
    gaps = np.zeros(len(pairs))
    whole = 1 + sign * resistance > 0.5 / wiring.nodes
    step = max(1, 4_000_000 // (wiring.nodes * (guess.shape[1] + 1)))
    chosen = np.flatnonzero(whole)
    for start in range(0, len(chosen), step):
        some = chosen[start : start + step]
        gaps[some] = _iterate(factor, wiring, guess, pairs[some], through[:, some].T, sign)
    return gaps


def _iterate(factor: Factor, wiring: Wiring, guess: Floats, pairs: Ints, through: Floats, sign: int) -> Floats:
    """[k]; arrays are [k, n, b]: a candidate, a node, a vector of its block."""
    many, (i, j) = np.arange(len(pairs)), pairs.T
    degrees = np.repeat(wiring.degrees[None], len(pairs), axis=0)
    degrees[many, i] += sign
    degrees[many, j] += sign
    volume = degrees.sum(axis=1)[:, None, None]
    denominator = (1 + sign * (through[many, i] - through[many, j]))[:, None]
    guesses = np.repeat(guess[None], len(pairs), axis=0)
    x = np.concatenate([guesses, through[:, :, None]], axis=2)
    x, gaps = _orthonormal(x, degrees), np.full(len(pairs), np.inf)
    for _ in range(ROUNDS):
        weighted = degrees[:, :, None] * x
        solved = factor.solve(weighted.transpose(1, 0, 2).reshape(wiring.nodes, -1))
        y = solved.reshape(wiring.nodes, len(pairs), -1).transpose(1, 0, 2)
        across = y[many, i] - y[many, j]
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
