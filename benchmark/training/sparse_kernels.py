"""A training step of a perceptron that computes with its kept weights alone, compiled by Numba.

The network is one list of units: inputs first, then every layer's, outputs last. A unit that is no input has a row of
kept weights, whose `columns` are units before it. So forward goes up the list, and backward down: when its turn comes,
a unit has its whole gradient. Sums are added in one order, in one thread: the same processor and versions give the same
bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.float32]

FAST = {"reassoc", "contract", "nsz"}
"""Sums over a batch may be made in vectors, in an order that the processor's width decides."""


LEAST = np.float32(-60)
"""Probabilities below its exponential are set to 0: products with them would be denormal, which is slow."""


NO_CLASS = -1.0
"""Stands for a loss where there is none."""


def kernel(signature: str) -> Callable[..., Any]:
    """Compile a function when this module is imported, or load it from Numba's cache."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(signature, fastmath=FAST, nogil=True, cache=True)(function)
        except RuntimeError:  # Numba finds no folder that it can write in
            return numba.njit(signature, fastmath=FAST, nogil=True)(function)

    return compiled


@kernel("void(i8[::1], i4[::1], f4[::1], i8, f4[:, ::1])")
def forward(starts: Ints, columns: Ints, values: Floats, outputs: int, units: Floats) -> None:
    """Compute `units` [all, b] from their first rows, the inputs; the last `outputs` rows are logits.

    Args:
        starts: where the kept weights of each row begin in `columns`, and where the last ones end.
        columns: the units that weights lead from.
        values: weights, and after them the bias of each row.
    """
    rows, batch = len(starts) - 1, units.shape[1]
    inputs, biases = len(units) - rows, values[len(columns) :]
    for row in range(rows):
        unit = units[inputs + row]
        for b in range(batch):
            unit[b] = biases[row]
        at, end = starts[row], starts[row + 1]
        while at + 4 <= end:
            w0, w1, w2, w3 = values[at], values[at + 1], values[at + 2], values[at + 3]
            x0, x1, x2, x3 = units[columns[at]], units[columns[at + 1]], units[columns[at + 2]], units[columns[at + 3]]
            for b in range(batch):
                unit[b] += w0 * x0[b] + w1 * x1[b] + w2 * x2[b] + w3 * x3[b]
            at += 4
        while at < end:
            w0, x0 = values[at], units[columns[at]]
            for b in range(batch):
                unit[b] += w0 * x0[b]
            at += 1
        if row < rows - outputs:
            for b in range(batch):
                unit[b] = max(unit[b], np.float32(0))


@kernel("f8(f4[:, ::1], i8[::1], i8, f4[:, ::1])")
def cross_entropy(units: Floats, labels: Ints, outputs: int, slopes: Floats) -> float:
    """Return the mean cross-entropy of the logits, and write its gradient to the last `outputs` rows of `slopes`.

    If a label is no class, nothing is written, and `NO_CLASS` returned.
    """
    logits, gradient, batch = units[len(units) - outputs :], slopes[len(slopes) - outputs :], units.shape[1]
    for b in range(batch):
        if labels[b] < 0 or labels[b] >= outputs:
            return NO_CLASS
    total = 0.0
    for b in range(batch):
        most = logits[0, b]
        for k in range(1, outputs):
            most = max(most, logits[k, b])
        mass = np.float32(0)
        for k in range(outputs):
            below = logits[k, b] - most
            gradient[k, b] = np.float32(0) if below < LEAST else np.exp(below)
            mass += gradient[k, b]
        total += np.log(mass) + most - logits[labels[b], b]
        for k in range(outputs):
            gradient[k, b] /= mass * batch
        gradient[labels[b], b] -= np.float32(1) / batch
    mean: float = total / batch
    return mean


@kernel("void(i8[::1], i4[::1], f4[::1], i8, f4[:, ::1], f4[:, ::1], f4[::1])")
def backward(
    starts: Ints, columns: Ints, values: Floats, outputs: int, units: Floats, slopes: Floats, gradients: Floats
) -> None:
    """Write the gradient of `values`.

    Args:
        slopes: [all but inputs, b], the gradient of units before their ReLU; that of the outputs is given.
    """
    rows, batch = len(slopes), units.shape[1]
    inputs, biases = len(units) - rows, gradients[len(columns) :]
    slopes[: rows - outputs] = 0
    for row in range(rows - 1, -1, -1):
        slope, unit = slopes[row], units[inputs + row]
        if row < rows - outputs:
            for b in range(batch):
                slope[b] *= np.float32(unit[b] > 0)  # without a branch, which no processor could predict
        total = np.float32(0)
        for b in range(batch):
            total += slope[b]
        biases[row] = total
        at, end = starts[row], starts[row + 1]
        while at + 4 <= end:
            x0, x1, x2, x3 = units[columns[at]], units[columns[at + 1]], units[columns[at + 2]], units[columns[at + 3]]
            g0, g1, g2, g3 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for b in range(batch):
                s = slope[b]
                g0 += s * x0[b]
                g1 += s * x1[b]
                g2 += s * x2[b]
                g3 += s * x3[b]
            gradients[at], gradients[at + 1], gradients[at + 2], gradients[at + 3] = g0, g1, g2, g3
            at += 4
        while at < end:
            x0, g0 = units[columns[at]], np.float32(0)
            for b in range(batch):
                g0 += slope[b] * x0[b]
            gradients[at] = g0
            at += 1
        if starts[row] < end and columns[starts[row]] >= inputs:  # all of a row lead from one layer
            for at in range(starts[row], end):
                w, below = values[at], slopes[columns[at] - inputs]
                for b in range(batch):
                    below[b] += w * slope[b]


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], b1)")
def sgd(values: Floats, gradients: Floats, momenta: Floats, factors: Floats, nesterov: bool) -> None:
    """A step of torch's SGD.

    Args:
        momenta: changed; zeros at first.
        factors: the rate, the momentum and the weight decay.
    """
    rate, momentum, decay = factors
    for n in range(len(values)):
        g = gradients[n] + decay * values[n]
        m = momentum * momenta[n] + g
        momenta[n] = m
        values[n] -= rate * (g + momentum * m if nesterov else m)


@kernel("void(f4[::1], f4[::1], f4[::1], f4[::1], f8[::1], b1, i8)")
def adam(
    values: Floats,
    gradients: Floats,
    means: Floats,
    squares: Floats,
    factors: NDArray[np.float64],
    decoupled: bool,
    update: int,
) -> None:
    """A step of torch's Adam, or AdamW, with its betas of 0.9 and 0.999 and its epsilon of 1e-8.

    Args:
        means, squares: running averages of the gradient and its square, changed; zeros at first.
        factors: the rate and the weight decay.
        decoupled: whether the decay is AdamW's.
        update: the number of this step, from 1 on.
    """
    rate, decay = np.float32(factors[0]), np.float32(factors[1])
    size = np.float32(factors[0] / (1 - 0.9**update))
    root = np.float32(np.sqrt(1 - 0.999**update))
    for n in range(len(values)):
        w, g = values[n], gradients[n]
        if decoupled:
            w *= np.float32(1) - rate * decay
        else:
            g += decay * w
        means[n] += np.float32(0.1) * (g - means[n])
        squares[n] = np.float32(0.999) * squares[n] + np.float32(0.001) * g * g
        values[n] = w - size * means[n] / (np.sqrt(squares[n]) / root + np.float32(1e-8))
