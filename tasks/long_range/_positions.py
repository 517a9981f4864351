"""Where a node is in its graph, as features: chances of random walks to return, and eigenvectors of the Laplacian."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

WALKS, VECTORS = 20, 10
Matrix = NDArray[np.float64]


def adjacency(edge_index: Tensor, nodes: int) -> Matrix:
    """Ones where there is an edge: [n, n]."""
    matrix = np.zeros((nodes, nodes))
    matrix[edge_index[1].numpy(), edge_index[0].numpy()] = 1
    return matrix


def rwse(edge_index: Tensor, nodes: int) -> Tensor:
    """The chance that a random walk is back after 1 to 20 steps: float32 [n, 20] (Dwivedi et al., 2022).

    D^-1 A is similar to D^-1/2 A D^-1/2 = U diag(v) U', so the chance after k steps is sum_j U_ij^2 v_j^k.
    """
    matrix = adjacency(edge_index, nodes)
    scale = 1 / np.sqrt(np.maximum(matrix.sum(axis=1), 1))
    values, vectors = np.linalg.eigh(scale[:, None] * matrix * scale)
    powers = values[:, None] ** np.arange(1, WALKS + 1)
    return torch.from_numpy(vectors**2 @ powers).float()


def lappe(edge_index: Tensor, nodes: int) -> Tensor:
    """The 10 lowest eigenvectors of D - A, each beside its eigenvalue: float32 [n, 10, 2]; NaN where there are fewer.

    The constant vectors of the components are among them, as in Rampášek et al. (2022). The sign is such that the entry
    of largest magnitude is positive; training draws signs at random.
    """
    matrix = adjacency(edge_index, nodes)
    values, vectors = np.linalg.eigh(np.diag(matrix.sum(axis=1)) - matrix)
    kept = min(VECTORS, nodes)
    values, vectors = values[:kept], vectors[:, :kept]
    largest = vectors[np.abs(vectors.round(6)).argmax(axis=0), np.arange(kept)]  # the first of equals
    pairs = np.full((nodes, VECTORS, 2), np.nan)
    pairs[:, :kept, 0], pairs[:, :kept, 1] = vectors * np.sign(largest), values
    return torch.from_numpy(pairs).float()


ENCODINGS = {"rwse": rwse, "lappe": lappe}
