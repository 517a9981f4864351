"""Synthetic graph tasks are the published ones, node by node and edge by edge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
import torch
from benchmark.tasks.long_range.transfer import crossed, lollipop, ring
from benchmark.tasks.long_range.transfer import tree as leafy
from benchmark.tasks.long_range.tree_neighbors_match import tree
from torch_geometric.data import Data as Graph

from benchmark.plugins import registry

EMBEDDED = ["ring-transfer", "crossed-ring", "clique-path", "tree-transfer", "tree-neighbors-match", "braess"]


@pytest.mark.parametrize("nodes", [4, 6, 10, 30])
def test_rings_crossed_or_not_are_as_long(nodes: int) -> None:
    plain, chords = nx.Graph(ring(nodes)), nx.Graph(crossed(nodes))
    assert nx.is_isomorphic(plain, nx.cycle_graph(nodes))
    assert set(map(frozenset, plain.edges)) <= set(map(frozenset, chords.edges))
    for graph in (plain, chords):
        assert nx.shortest_path_length(graph, 0, nodes // 2) == nodes // 2
    assert chords.number_of_edges() == 2 * nodes - 4


def test_the_crossed_ring_of_ten() -> None:
    chords = set(map(frozenset, crossed(10))) - set(map(frozenset, ring(10)))
    assert chords == {frozenset(pair) for pair in ((1, 8), (2, 7), (2, 9), (3, 6), (3, 8), (4, 7))}


@pytest.mark.parametrize("nodes", [4, 10])
def test_a_clique_with_a_path(nodes: int) -> None:
    graph = nx.Graph(lollipop(nodes))
    assert nx.is_isomorphic(graph, nx.lollipop_graph(nodes // 2, nodes // 2))
    assert nx.shortest_path_length(graph, 0, nodes - 1) == nodes // 2 + 1


@pytest.mark.parametrize(("arity", "depth"), [(1, 3), (2, 4), (3, 2)])
def test_a_tree_whose_last_node_is_its_last_leaf(arity: int, depth: int) -> None:
    graph = nx.Graph(leafy(arity, depth))
    assert nx.is_isomorphic(graph, nx.balanced_tree(arity, depth))
    assert nx.shortest_path_length(graph, 0, max(graph)) == depth


def examples(name: str, split: str = "train", **options: object) -> Iterator[Graph]:
    data = getattr(registry.task(name, options).data(Path()), split)
    return (data.batch(torch.tensor([number])) for number in range(len(data)))


def test_a_class_is_written_on_the_target_alone() -> None:
    for graph in list(examples("ring-transfer", "test"))[:20]:
        assert (graph.x[0] == 0).all()
        assert graph.x[5].argmax() == graph.y
        assert graph.x[5].sum() == 1
        assert (graph.x[[1, 2, 3, 4, 6, 7, 8, 9]] == 1).all()


def test_transfer_has_all_classes_equally_often() -> None:
    splits = registry.task("ring-transfer").data(Path())
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [5000, 500, 500]
    classes = torch.cat([part.classes for part in (splits.train, splits.validation, splits.test)])  # type: ignore[misc]
    assert torch.bincount(classes).tolist() == [1200] * 5


def test_a_tree_is_numbered_depth_first() -> None:
    edges, leaves = tree(2)
    assert edges.t().tolist() == [[1, 0], [2, 1], [3, 1], [4, 0], [5, 4], [6, 4]]
    assert leaves.tolist() == [2, 3, 5, 6]


def test_the_root_asks_for_a_key_and_is_to_say_its_value() -> None:
    count = 0
    for graph in examples("tree-neighbors-match", depth=2):
        root, leaves = graph.x[0], graph.x[[2, 3, 5, 6]]
        assert leaves[:, 0].tolist() == [1, 2, 3, 4]
        assert sorted(leaves[:, 1].tolist()) == [1, 2, 3, 4]
        assert leaves[root[0] - 1, 1] == graph.y
        assert (graph.x[[1, 4]] == 0).all()
        count += 1
    assert count == 76  # four fifths of 4! assignments of 4 values, 4 keys each


def test_the_toy_graphs_are_the_papers() -> None:
    """Class means of the labels after one mean aggregation with loops (Jamadandi et al., 2024, table 8)."""
    labels = torch.tensor([1.0, 1, -1, -1, -1, -1, 1, 1])
    expected = {"minus": (2 / 3, -2 / 3), "base": (0.541667, -0.541667), "plus": (0.466667, -0.458333)}
    for name, means in expected.items():
        graph = next(iter(examples("braess", graph=name)))
        assert graph.y.tolist() == [1, 1, 0, 0, 0, 0, 1, 1]
        matrix = torch.eye(8)
        matrix[graph.edge_index[1], graph.edge_index[0]] = 1
        mixed = matrix @ labels / matrix.sum(dim=1)
        assert [float(mixed[labels == sign].mean()) for sign in (1, -1)] == pytest.approx(means, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EMBEDDED, "planted-partition"])
def test_the_contract(name: str) -> None:
    from benchmark.contract.task_rules import TASK_RULES

    for rule in TASK_RULES:
        rule(name)
