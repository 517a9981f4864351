"""Graphs as edges, and edits of `torch_geometric` data: what is kept, what is new, and the same edit everywhere."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from benchmark.algorithms.edges._rewriting import editor
from benchmark.algorithms.edges.random_edges import additions, deletions
from benchmark.algorithms.edges.spectral import spectral
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.graphs.edges import Graph, asked, graph_of, net, rebuilt
from tests.support.graphs import connected, graph_from, non_edges, pairs_of

geometric = pytest.importorskip("torch_geometric.data")


def data_of(graph: Graph, **more):
    """Both directions of every edge, each with its own number as feature."""
    there = torch.from_numpy(graph.ends.T.copy())
    index = torch.cat([there, there.flip(0)], dim=1)
    attributes = torch.arange(1, index.shape[1] + 1).float().unsqueeze(1)
    fields = {"x": torch.arange(graph.nodes).float().unsqueeze(1), "edge_attr": attributes} | more
    return geometric.Data(edge_index=index, num_nodes=graph.nodes, **fields)


SQUARE = Graph.of(5, [(0, 1), (1, 2), (2, 3), (0, 3)])
"""And the lone node 4."""


# --- graphs -----------------------------------------------------------------------------------------------------------


def test_a_graph_is_simple_and_sorted():
    graph = Graph.of(4, [(2, 1), (1, 2), (3, 3), (0, 1), (1, 2)])
    assert graph.ends.tolist() == [[0, 1], [1, 2]]
    assert graph.degrees.tolist() == [1, 2, 1, 0]
    assert graph.components[0] == 2
    assert graph.removable == 0
    assert Graph.of(0, []).components[0] == 0


@settings(max_examples=40)
@given(graph=connected(), data=st.data())
def test_edits_of_a_graph_are_those_of_a_set(graph, data):
    edges = pairs_of(graph)
    log = []
    for _ in range(data.draw(st.integers(0, 6))):
        i, j = data.draw(st.sampled_from(sorted(edges) + [p for p in non_edges(graph) if p not in edges]))
        log.append((i, j, -1 if (i, j) in edges else 1))
        edges ^= {(i, j)}
    assert pairs_of(graph.edited(log)) == edges
    gone, come = net(log)
    assert pairs_of(graph) - edges == set(gone)
    assert edges - pairs_of(graph) == set(come)
    np.testing.assert_array_equal(graph_of(rebuilt(data_of(graph), log, len(log))).ends, graph.edited(log).ends)


def test_a_subgraph_is_numbered_in_order():
    graph = Graph.of(6, [(1, 3), (3, 5), (0, 2)])
    assert graph.induced(np.array([1, 3, 5])).ends.tolist() == [[0, 1], [1, 2]]


# --- data -------------------------------------------------------------------------------------------------------------


def test_self_loops_and_repeated_edges_are_no_edges_of_their_own():
    data = geometric.Data(edge_index=torch.tensor([[0, 1, 1, 0, 1, 2, 2], [1, 0, 0, 1, 2, 1, 2]]), num_nodes=4)
    assert graph_of(data).ends.tolist() == [[0, 1], [1, 2]]
    edited = rebuilt(data, [(0, 1, -1)], 1)
    assert edited.edge_index.tolist() == [[1, 2, 2], [2, 1, 2]]


def test_directed_graphs_are_refused_in_words():
    data = geometric.Data(edge_index=torch.tensor([[0, 1, 1], [1, 0, 2]]), num_nodes=3)
    with pytest.raises(ValueError, match="directed: 1 of its 2 edges are stored in one direction only; make it undir"):
        graph_of(data)


def test_deleting_keeps_everything_else_where_it_was():
    data = data_of(SQUARE, y=torch.arange(5), train_mask=torch.ones(5, dtype=torch.bool), note="kept")
    edited = rebuilt(data, [(1, 2, -1)], 1)
    kept = [0, 1, 3, 4, 5, 7]  # 1-2 is the third pair, in both directions
    assert edited.edge_index.tolist() == data.edge_index[:, kept].tolist()
    assert edited.edge_attr.tolist() == data.edge_attr[kept].tolist()
    assert edited.num_nodes == 5
    assert all(edited[name] is data[name] for name in ("x", "y", "train_mask", "note"))
    assert edited.edits.tolist() == [[1, 2, -1]]
    assert edited.edits_asked == 1
    assert data.edge_index.shape[1] == 8, "the original is not touched"
    assert "edits" not in data


def test_new_edges_come_last_in_both_directions_with_features_of_zero_and_a_weight_of_one():
    edited = rebuilt(data_of(SQUARE, edge_weight=torch.full((8,), 0.5)), [(0, 2, 1), (1, 4, 1)], 2)
    assert edited.edge_index[:, 8:].tolist() == [[0, 1, 2, 4], [2, 4, 0, 1]]
    assert edited.edge_attr[8:].tolist() == [[0.0]] * 4
    assert edited.edge_weight.tolist() == [0.5] * 8 + [1.0] * 4


def test_an_edge_that_is_deleted_and_added_again_is_as_it_was():
    data = data_of(SQUARE)
    edited = rebuilt(data, [(0, 1, -1), (0, 1, 1)], 2)
    assert torch.equal(edited.edge_index, data.edge_index)
    assert torch.equal(edited.edge_attr, data.edge_attr)
    assert len(edited.edits) == 2


def test_a_second_edit_goes_on_from_the_first_and_a_batch_joins_the_logs():
    once = rebuilt(data_of(SQUARE), [(0, 1, -1)], 3)
    twice = rebuilt(once, [(0, 2, 1)], 1)
    assert twice.edits.tolist() == [[0, 1, -1], [0, 2, 1]]
    assert twice.edits_asked == 4
    untouched = rebuilt(data_of(SQUARE), [], 0)
    batch = geometric.Batch.from_data_list([twice, untouched, once])
    assert batch.edits.tolist() == [[0, 1, -1], [0, 2, 1], [0, 1, -1]]
    assert batch.edits_asked.tolist() == [4, 0, 3]
    assert batch.get_example(1).edits.shape == (0, 3)
    assert batch.get_example(2).edits.tolist() == [[0, 1, -1]]


def test_a_graph_without_edges_can_be_edited():
    data = geometric.Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=3, x=torch.ones(3, 1))
    assert rebuilt(data, [], 0).edge_index.shape == (2, 0)
    assert rebuilt(data, [(0, 2, 1)], 1).edge_index.tolist() == [[0, 2], [2, 0]]


# --- the same edit everywhere -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "density", "expected"), [(None, 0.9, 10), (None, 1.0, 0), (0.25, 0.9, 25), (7, 0.9, 7), (500, 0.5, 500)]
)
def test_how_many_edges_are_asked(edges, density, expected):
    assert asked(edges, 1 - density, 100) == expected


def test_what_edges_takes():
    option = spectral.options["edges"]
    assert option.values == "number in (0, 1) | whole number >= 1 | none"
    assert [option.parse(text) for text in ("0.1", "12", 3, 0.5, None)] == [0.1, 12, 3, 0.5, None]
    for wrong in ("0", "-1", "1.5", 0, "many"):
        with pytest.raises(ValueError, match="validation error"):
            option.parse(wrong)


def test_the_same_graph_gets_the_same_random_edit_wherever_it_stands():
    graph, other = graph_from(nx.petersen_graph()), graph_from(nx.ladder_graph(5))
    one, again = (editor(deletions, lambda size: 4, seed=3) for _ in range(2))
    first = one(data_of(graph))
    one(data_of(other))
    back = data_of(graph)
    order = torch.randperm(back.edge_index.shape[1], generator=torch.Generator().manual_seed(0))
    back.edge_index, back.edge_attr = back.edge_index[:, order], back.edge_attr[order]
    again(data_of(other))
    assert torch.equal(first.edits, one(data_of(graph)).edits)
    assert torch.equal(first.edits, again(back).edits), "neither the order of edges nor of graphs matters"
    different = editor(deletions, lambda size: 4, seed=4)(data_of(graph))
    assert not torch.equal(first.edits, different.edits)


def test_a_graph_is_planned_once():
    planned = []

    def plan(graph, count, draws):
        planned.append(count)
        return additions(graph, count, draws)

    edit = editor(plan, lambda size: size // 2)
    for _ in range(3):
        assert edit(data_of(SQUARE)).edits_asked == 2
    assert planned == [2]


# --- through the command line's own road ------------------------------------------------------------------------------


LONG = [pytest.param(words, marks=pytest.mark.slow) for words in ("spectral", "spectral:mode=add", "fosr", "sdrf")]
"""The contract tries these on a graph, too, though not through the command line."""


@pytest.mark.runs
@pytest.mark.parametrize("words", ["spectral:mode=both", "random-edges", *LONG])
def test_a_run_on_the_toy_graph_ends_well(bench, tmp_path: Path, words):
    common = ["--task", "braess", "--budget", "smoke", "--jobs", "0", "--device", "cpu", "--results", tmp_path]
    ended = bench("run", "--algo", words, "--edges", "2", *common)
    assert ended.code == 0, ended.err
    assert "ok " in ended.err + ended.out
