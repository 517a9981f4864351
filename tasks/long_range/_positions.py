"""Positional encodings of nodes: return probabilities of random walks, and eigenvectors of the Laplacian."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WALKS, VECTORS = 20, 10
Matrix = NDArray[np.float64]


def adjacency(edge_index: Tensor, nodes: int) -> Matrix:
    """Return the adjacency matrix [n, n], with ones for edges."""
    matrix = np.zeros((nodes, nodes))
    matrix[edge_index[1].numpy(), edge_index[0].numpy()] = 1
    return matrix


def rwse(edge_index: Tensor, nodes: int) -> Tensor:
    """Return the probabilities that a random walk is back after 1 to 20 steps, float32 [n, 20] (Dwivedi et al., 2022).

    D^-1 A is similar to D^-1/2 A D^-1/2 = U diag(v) U', so the probability after k steps is sum_j U_ij^2 v_j^k.
    """
    matrix = adjacency(edge_index, nodes)
    scale = 1 / np.sqrt(np.maximum(matrix.sum(axis=1), 1))
    values, vectors = np.linalg.eigh(scale[:, None] * matrix * scale)
    powers = values[:, None] ** np.arange(1, WALKS + 1)
    return torch.from_numpy(vectors**2 @ powers).float()


def lappe(edge_index: Tensor, nodes: int) -> Tensor:
    """Return the 10 lowest eigenvectors of D - A with their eigenvalues, float32 [n, 10, 2]; missing ones are NaN.

    They include the constant vectors of the components, as in Rampášek et al. (2022). The sign makes the entry of
    largest magnitude positive; training draws random signs.
    """
    matrix = adjacency(edge_index, nodes)
    values, vectors = np.linalg.eigh(np.diag(matrix.sum(axis=1)) - matrix)
    kept = min(VECTORS, nodes)
    values, vectors = values[:kept], vectors[:, :kept]
    # Rounded, so that of entries equal up to rounding errors the first is taken.
    largest = vectors[np.abs(vectors.round(6)).argmax(axis=0), np.arange(kept)]
    pairs = np.full((nodes, VECTORS, 2), np.nan)
    pairs[:, :kept, 0], pairs[:, :kept, 1] = vectors * np.sign(largest), values
    return torch.from_numpy(pairs).float()


ENCODINGS = {"rwse": rwse, "lappe": lappe}
