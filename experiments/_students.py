"""Students of a sparse teacher, trained by gradient descent from near it, under masks (Zhang et al., 2021)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float32]
"""[neurons, inputs]."""

STEPS = 800
"""Steps of gradient descent on all examples; the learning rate is the number of neurons, which divides the output."""


def teacher(rng: np.random.Generator, d: int, neurons: int, support: int) -> Weights:
    """Rows of norm 1, normal on a random support of this size and 0 elsewhere."""
    weights = np.zeros((neurons, d), dtype=np.float32)
    values = rng.standard_normal((neurons, support))
    rows = values / np.linalg.norm(values, axis=1, keepdims=True)
    np.put_along_axis(weights, _places(rng, weights.shape)[:, :support], rows.astype(np.float32), axis=1)
    return weights


def around(rng: np.random.Generator, truth: Weights, kept: int) -> NDArray[np.bool_]:
    """A mask that keeps the support of the teacher, and further weights of each neuron at random."""
    order = (_places(rng, truth.shape).argsort(axis=1) - truth.shape[1] * (truth != 0)).argsort(axis=1)
    mask = np.zeros(truth.shape, dtype=bool)
    np.put_along_axis(mask, order[:, :kept], True, axis=1)
    return mask


def _places(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """All inputs in a random order, for each neuron."""
    return rng.random(shape).argsort(axis=1)


def beside(rng: np.random.Generator, truth: Weights, mask: NDArray[np.bool_]) -> Weights:
    """The teacher plus noise of half its norm within the mask: a stand-in for the paper's tensor initialisation."""
    noise = rng.standard_normal(truth.shape) * mask
    return truth + (noise * (np.linalg.norm(truth) / 2 / np.linalg.norm(noise))).astype(np.float32)


def outputs(weights: Weights, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean over neurons of their ReLUs, [n], for inputs [n, d]."""
    means: NDArray[np.float32] = np.maximum(x @ weights.T, 0).mean(axis=1)
    return means


def gradient(weights: Weights, x: NDArray[np.float32], y: NDArray[np.float32]) -> Weights:
    """The gradient of half the mean squared error in outputs y, [n]."""
    reached = x @ weights.T
    wrong = np.maximum(reached, 0).mean(axis=1) - y
    slopes: Weights = ((reached > 0) * wrong[:, None]).T @ x / np.float32(reached.size)
    return slopes


def descent(
    start: Weights, mask: NDArray[np.bool_], x: NDArray[np.float32], y: NDArray[np.float32], beta: float, rate: float
) -> Iterator[Weights]:
    """The weights after every step of the heavy-ball method; those outside the mask stay 0."""
    weights, moved = start, np.zeros_like(start)
    yield weights
    for _ in range(STEPS):
        moved = np.float32(beta) * moved - np.float32(rate) * gradient(weights, x, y) * mask
        weights = weights + moved
        yield weights


def last(weights: Iterator[Weights]) -> Weights:
    """The weights after the last step."""
    *_, final = weights
    return final


def speed(errors: list[float], most: float = 1e-1, least: float = 1e-4) -> float:
    """The factor by which an error falls in a step, from `most` down to `least` or to the end.

    It is the slope of its logarithm, by least squares; 1 if the error never falls to `most`.
    """
    below = [step for step, error in enumerate(errors) if error <= most]
    if len(below) < 2:
        return 1.0
    first = below[0]
    end = next((step for step, error in enumerate(errors) if error <= least), len(errors) - 1)
    steps = np.arange(first, max(end, first + 1) + 1)
    return float(np.exp(np.polyfit(steps, np.log([errors[step] for step in steps]), 1)[0]))


def distance(weights: Weights, truth: Weights) -> float:
    """The distance from the teacher's weights, relative to their norm."""
    return float(np.linalg.norm(weights - truth) / np.linalg.norm(truth))
