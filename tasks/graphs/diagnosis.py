"""Measures of over-squashing, a property of graphs, and over-smoothing, a property of a network on them.

Interpret them with care. Effective resistance and spectral gap can disagree: by Rayleigh's monotonicity law, deleting
an edge never lowers a resistance, even if it raises the gap. On the Braess graph, deleting {0, 3} raises the gap from
0.2829 to 0.2929 and the total resistance from 34.6 to 42. The gap of a disconnected graph is 0.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh, splu
from torch import Tensor, nn
from torch_geometric.data import Data as Graph

from .data import GraphData, inputs
from .messages import along, edges_of, normalised

GRAPHS, PAIRS = 20, 10
"""Largest number of graphs measured in a split, and of pairs of nodes in each."""

NODES, EDGES = 25_000, 400_000
"""Graphs with more nodes or directed edges are skipped, since factoring them takes minutes."""

DENSE = 500
"""Graphs with up to this many nodes use a dense eigensolver."""

Values = dict[str, float]


def diagnose(model: nn.Module, data: GraphData) -> dict[str, Any]:
    """Return `over_squashing` of the graphs, and `over_smoothing` of the network on the first ones."""
    first = data.batch(torch.arange(min(GRAPHS, len(data))))
    return {**over_squashing(data), **over_smoothing(model, first)}


def over_squashing(data: GraphData) -> Values:
    """Return spectral gap and effective resistance of a few pairs, averaged over the first graphs of a split.

    Returns:
        `spectral_gap`; `spectral_gap_with_loops`, with a self-loop of weight 1 on every node, as in a GCN;
        `effective_resistance`, which does not depend on self-loops; and `graphs`, the number of graphs averaged over.
        If every graph is too large, only `graphs`, which is 0.
    """
    measures = []
    for number in range(min(GRAPHS, len(data))):
        graph = data.graph(number)
        if 1 < graph.num_nodes <= NODES and 0 < graph.num_edges <= EDGES:
            matrix = adjacency(graph)
            measures.append((gap(matrix), gap(matrix, loops=1), resistance(matrix, number)))
    if not measures:
        return {"graphs": 0}
    gaps, looped, resistances = np.array(measures).T
    known = resistances[~np.isnan(resistances)]
    values: Values = {
        "spectral_gap": float(gaps.mean()),
        "spectral_gap_with_loops": float(looped.mean()),
        "graphs": len(measures),
    }
    return values | ({"effective_resistance": float(known.mean())} if len(known) else {})


def adjacency(graph: Graph) -> csr_array:
    """Return the symmetric adjacency matrix, with the weights of edges, or ones."""
    target, source = graph.edge_index.numpy()
    weights = np.ones(len(source)) if graph.edge_weight is None else graph.edge_weight.double().numpy()
    matrix = csr_array((weights, (source, target)), shape=(graph.num_nodes, graph.num_nodes))
    return matrix.maximum(matrix.T)


def gap(matrix: csr_array, loops: int = 0) -> float:
    """Return the second smallest eigenvalue (with multiplicity) of the normalised Laplacian, without isolated nodes."""
    degrees = matrix.sum(axis=1)
    matrix = matrix[degrees > 0][:, degrees > 0] + loops * eye_array(int((degrees > 0).sum()))
    if connected_components(matrix, directed=False, return_labels=False) > 1:
        return 0.0
    scale = 1 / np.sqrt(matrix.sum(axis=1))
    normalised = diags_array(scale) @ matrix @ diags_array(scale)
    if matrix.shape[0] <= DENSE:
        return float(1 - np.linalg.eigvalsh(normalised.toarray())[-2])
    laplacian = (eye_array(matrix.shape[0]) - normalised).tocsc()
    start = np.ones(matrix.shape[0])
    return float(np.sort(eigsh(laplacian, k=2, sigma=-1e-6, v0=start, return_eigenvectors=False))[1])


def resistance(matrix: csr_array, seed: int) -> float:
    """Return the mean effective resistance of random pairs of connected nodes; NaN if no pair is connected."""
    _, part = connected_components(matrix, directed=False)
    draw = np.random.default_rng(seed)
    pairs = draw.integers(matrix.shape[0], size=(PAIRS, 2))
    pairs = pairs[(part[pairs[:, 0]] == part[pairs[:, 1]]) & (pairs[:, 0] != pairs[:, 1])]
    if not len(pairs):
        return float("nan")
    return float(np.mean(resistances(matrix, pairs)))


def resistances(matrix: csr_array, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (e_u - e_v)' L+ (e_u - e_v) for pairs of connected nodes, [p, 2] -> [p]. Grounds a node per component."""
    _, part = connected_components(matrix, directed=False)
    _, ground = np.unique(part, return_index=True)
    free = np.setdiff1d(np.arange(matrix.shape[0]), ground)
    laplacian = diags_array(matrix.sum(axis=1)) - matrix
    currents = np.zeros((matrix.shape[0], len(pairs)))
    currents[pairs[:, 0], np.arange(len(pairs))] += 1
    currents[pairs[:, 1], np.arange(len(pairs))] -= 1
    potentials = np.zeros_like(currents)
    potentials[free] = splu(laplacian.tocsr()[free][:, free].tocsc()).solve(currents[free])
    resistances: NDArray[np.float64] = (currents * potentials).sum(axis=0)
    return resistances


def over_smoothing(model: nn.Module, batch: Graph) -> dict[str, list[float]]:
    """Return Dirichlet energy and mean average distance of the output of every layer, first to last.

    Energies depend on the scale of the features, which norm layers change, so they are divided by ||X||^2. The
    Laplacian is that of the graph with loops. Small values mean that nodes are similar, not that this does harm.

    Args:
        model: its `layers` are the message-passing layers; each returns [n, d], alone or first in a tuple.
    """
    states: list[Tensor] = []

    def note(module: nn.Module, args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        states.append(output[0] if isinstance(output, tuple) else output)

    handles = [layer.register_forward_hook(note) for layer in cast("nn.ModuleList", model.layers)]
    try:
        with torch.no_grad():
            model.eval()(**inputs(batch))
    finally:
        for handle in handles:
            handle.remove()
    return {
        "dirichlet_energy": [dirichlet(state, batch.edge_index, batch.edge_weight) for state in states],
        "mean_average_distance": [distance(state, batch.edge_index) for state in states],
    }


def dirichlet(x: Tensor, edge_index: Tensor, weight: Tensor | None = None) -> float:
    """Return tr(X' L X) / ||X||^2 with the normalised Laplacian L of A + I: in [0, 2), and 0 for smooth features."""
    x = x.double()
    smooth = normalised(x, edges_of(edge_index, len(x)), None if weight is None else weight.double())
    return float(1 - (x * smooth).sum() / x.square().sum().clamp_min(1e-30))


def distance(x: Tensor, edge_index: Tensor) -> float:
    """Return MAD over neighbours (Chen et al., 2020): a node's mean non-zero cosine distance, averaged over nodes."""
    x = nn.functional.normalize(x.double(), dim=1)
    target, apart = edge_index[1], 1 - along(x, x, edges_of(edge_index, len(x)))
    apart = torch.where(apart.abs() < 1e-12, 0, apart)
    zeros = x.new_zeros(len(x))
    total, count = zeros.index_add(0, target, apart), zeros.index_add(0, target, (apart != 0).double())
    means = total[count > 0] / count[count > 0]
    return float(means.mean()) if len(means) else 0.0
