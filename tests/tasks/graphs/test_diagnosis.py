"""Gaps, resistances, energies and distances: closed forms, and the figures of the toy graphs and of Minesweeper."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from benchmark.tasks.graphs.diagnosis import adjacency, dirichlet, distance, gap, over_squashing, resistances
from scipy.sparse import csr_array

from benchmark.plugins import registry

TOY = {  # gap, gap with loops, total and largest effective resistance
    "minus": (0.292893, 0.195262, 42.0, 2.0),
    "base": (0.282871, 0.190705, 34.608696, 1.913043),
    "plus": (0.354503, 0.241474, 29.125, 1.714286),
    "tilde": (0.271286, 0.185667, 30.571429, 1.875),
}


@pytest.mark.parametrize("name", TOY)
def test_the_toy_graphs(name: str) -> None:
    data = registry.task("braess", {"graph": name}).data(Path()).train
    matrix = adjacency(data.graph(0))  # type: ignore[attr-defined]
    found = resistances(matrix, np.array(list(combinations(range(8), 2))))
    assert (gap(matrix), gap(matrix, 1), found.sum(), found.max()) == pytest.approx(TOY[name], abs=1e-6)


@pytest.mark.parametrize(
    ("graph", "value"),
    [
        (nx.cycle_graph(8), 1 - np.cos(2 * np.pi / 8)),
        (nx.path_graph(8), 1 - np.cos(np.pi / 7)),
        (nx.complete_graph(5), 5 / 4),
        (nx.cycle_graph(700), 1 - np.cos(2 * np.pi / 700)),
        (nx.disjoint_union(nx.cycle_graph(4), nx.cycle_graph(5)), 0.0),
    ],
    ids=["ring", "path", "complete", "long ring", "two parts"],
)
def test_closed_forms(graph: nx.Graph, value: float) -> None:
    assert gap(csr_array(nx.to_scipy_sparse_array(graph, dtype=float))) == pytest.approx(value, abs=1e-9)


def test_resistances_of_edges_sum_to_the_edges_of_a_spanning_forest() -> None:
    """Foster's theorem; a bridge has resistance 1."""
    graph = nx.disjoint_union(nx.barbell_graph(4, 0), nx.cycle_graph(5))
    edges = np.array(graph.edges)
    found = resistances(csr_array(nx.to_scipy_sparse_array(graph, dtype=float)), edges)
    assert found.sum() == pytest.approx(13 - 2)
    bridges = {tuple(sorted(edge)) for edge in nx.bridges(graph)}
    assert {tuple(sorted(edge)) for edge in edges[np.isclose(found, 1)].tolist()} == bridges


def test_features_in_step_have_no_energy_and_no_distance() -> None:
    ends = torch.tensor(list(nx.cycle_graph(6).to_directed().edges)).t()
    assert dirichlet(torch.ones(6, 2), ends) == pytest.approx(0, abs=1e-12)
    assert distance(torch.ones(6, 2), ends) == 0
    turning = torch.tensor([[1.0, 0], [0, 1]] * 3)
    assert distance(turning, ends) == pytest.approx(1)
    signs = torch.tensor([[1.0], [-1]] * 3)
    assert dirichlet(signs, ends) == pytest.approx(4 / 3)  # 1 - (1 - 2) / 3
    assert distance(signs, ends) == pytest.approx(2)


def test_a_graph_too_large_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmark.tasks.graphs.diagnosis.NODES", 7)
    assert over_squashing(registry.task("braess").data(Path()).train) == {"graphs": 0}  # type: ignore[arg-type]


def test_minesweeper(real_data: Path) -> None:
    matrix = adjacency(registry.task("minesweeper").data(real_data).train.graph(0))  # type: ignore[attr-defined]
    assert gap(matrix) == pytest.approx(0.00037601337862754, abs=1e-12)
    assert gap(matrix, 1) == pytest.approx(0.00033338960563406, abs=1e-12)
