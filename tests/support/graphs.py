"""Graphs for tests: known ones, random ones, real ones, and their gap by brute force."""

from __future__ import annotations

import pickle
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import strategies as st

from benchmark.graphs.edges import Floats, Graph


def graph_from(known: nx.Graph) -> Graph:
    """With the nodes numbered in the order that networkx keeps them in."""
    plain = nx.convert_node_labels_to_integers(known)
    return Graph.of(len(plain), list(plain.edges))


def ring(nodes: int) -> Graph:
    return graph_from(nx.cycle_graph(nodes))


RING = ring(8)
TOY = RING.edited([(0, 3, 1)])
"""The paper's figure 1: a ring with a chord that lowers its gap."""


def pairs_of(graph: Graph) -> set[tuple[int, int]]:
    return {(i, j) for i, j in graph.ends.tolist()}


def non_edges(graph: Graph) -> list[tuple[int, int]]:
    edges = pairs_of(graph)
    return [pair for pair in combinations(range(graph.nodes), 2) if pair not in edges]


def laplacians(graph: Graph, loops: float = 0) -> tuple[Floats, Floats]:
    """L [n, n], and the degrees [n] with self-loops."""
    adjacency = graph.adjacency.toarray()
    return np.diag(adjacency.sum(axis=1)) - adjacency, adjacency.sum(axis=1) + loops


def eigenvalues(graph: Graph, loops: float = 0) -> Floats:
    """All of L y = lambda D y, rising; isolated nodes count with 0."""
    laplacian, degrees = laplacians(graph, loops)
    root = np.sqrt(np.where(degrees > 0, degrees, 1))
    return np.linalg.eigvalsh(laplacian / np.outer(root, root))


def gap(graph: Graph, loops: float = 0) -> float:
    """The second smallest eigenvalue: 0 where the graph is disconnected."""
    return float(eigenvalues(graph, loops)[1])


def bridges(graph: Graph) -> set[tuple[int, int]]:
    plain = nx.Graph(list(pairs_of(graph)))
    return {(min(edge), max(edge)) for edge in nx.bridges(plain)}


@st.composite
def connected(draw: st.DrawFn, least: int = 4, most: int = 14) -> Graph:
    """A random connected graph: a random tree, and some of the other pairs."""
    nodes = draw(st.integers(least, most))
    tree = [(draw(st.integers(0, node - 1)), node) for node in range(1, nodes)]
    every = list(combinations(range(nodes), 2))
    more = draw(st.lists(st.sampled_from(every), max_size=2 * nodes))
    return Graph.of(nodes, tree + more)


def dense_random(nodes: int, edges: int, seed: int) -> Graph:
    """A random graph with so many edges, and a ring that connects it."""
    extra = nx.gnm_random_graph(nodes, edges, seed)
    return graph_from(nx.compose(nx.cycle_graph(nodes), extra))


def largest_component(graph: Graph) -> Graph:
    _, labels = graph.components
    return graph.induced(np.flatnonzero(labels == np.bincount(labels).argmax()))


def cora(data: Path) -> Graph:
    """The largest component of Cora; skips where it is not here."""
    file = data / "planetoid" / "Cora" / "raw" / "ind.cora.graph"
    if not file.is_file():
        pytest.skip(f"no real data: {file} is not here")
    neighbours: dict[int, list[int]] = pickle.loads(file.read_bytes(), encoding="latin1")
    return largest_component(Graph.of(len(neighbours), [(i, j) for i, js in neighbours.items() for j in js]))


def heterophilous(data: Path, name: str) -> Graph:
    """The largest component of minesweeper, tolokers and so on; skips where it is not here."""
    file = data / "heterophilous" / name / "raw" / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"no real data: {file} is not here")
    with np.load(file) as stored:
        return largest_component(Graph.of(len(stored["node_labels"]), stored["edges"].astype(np.int64)))
