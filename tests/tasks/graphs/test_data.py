"""Graphs as data: what is drawn is what was put in; edits change edges alone; one split knows no other's labels."""

from __future__ import annotations

import pickle

import pytest
import torch
from benchmark.tasks.graphs.data import GraphData, for_nodes, inputs
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch
from torch_geometric.data import Data as Graph
from torch_geometric.utils import to_undirected


def some(number: int, nodes: int) -> Graph:
    """A graph with features of nodes and edges, and a class."""
    draw = torch.Generator().manual_seed(number)
    ends = to_undirected(torch.randint(0, nodes, (2, 2 * nodes), generator=draw))
    ends = ends[:, ends[0] != ends[1]]
    features = (ends.sum(dim=0) + number).unsqueeze(1)
    x = torch.randn(nodes, 2, generator=draw)
    return Graph(x=x, edge_index=ends, edge_attr=features, y=torch.tensor([number]), num_nodes=nodes)


GRAPHS = [some(number, nodes) for number, nodes in enumerate((3, 5, 2, 6))]
DATA = GraphData.of(GRAPHS, target="graph")


def without_first(graph: Graph) -> Graph:
    """The graph without its first edge, either way."""
    one, other = graph.edge_index[:, 0].tolist()
    source, target = graph.edge_index
    kept = ~(((source == one) & (target == other)) | ((source == other) & (target == one)))
    return Graph(edge_index=graph.edge_index[:, kept], edge_attr=graph.edge_attr[kept], num_nodes=graph.num_nodes)


@given(st.lists(st.integers(0, len(GRAPHS) - 1), min_size=1, max_size=6))
def test_a_batch_is_the_one_that_pyg_collates(chosen: list[int]) -> None:
    batch = DATA.batch(torch.tensor(chosen))
    expected = Batch.from_data_list([GRAPHS[number] for number in chosen])
    for name in ("x", "edge_index", "edge_attr", "y", "batch", "ptr"):
        assert torch.equal(batch[name], expected[name]), name
    assert batch.num_nodes == expected.num_nodes


@given(st.lists(st.integers(0, len(GRAPHS) - 1), min_size=1, max_size=6))
def test_a_selection_holds_the_graphs_it_was_asked_for(chosen: list[int]) -> None:
    selected = DATA.select(torch.tensor(chosen))
    everything = selected.batch(torch.arange(len(chosen)))
    assert torch.equal(everything.x, DATA.batch(torch.tensor(chosen)).x)
    assert selected.classes is not None
    assert selected.classes.tolist() == chosen


def test_edges_are_undirected_and_counted_once() -> None:
    graph = Graph(x=torch.zeros(4, 1), edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 2]]), num_nodes=4)
    graph.y = torch.zeros(1, dtype=torch.int64)
    data = GraphData.of([graph], target="graph")
    assert data.edges == 2
    assert data.batch(torch.tensor([0])).edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert GraphData.of([graph], target="graph", directed=True).edges == 3


def test_the_digest_is_that_of_the_content() -> None:
    again = GraphData.of([some(number, nodes) for number, nodes in enumerate((3, 5, 2, 6))], target="graph")
    assert again.digest == DATA.digest == pickle.loads(pickle.dumps(DATA)).digest
    assert DATA.rewrite(without_first).digest != DATA.digest
    assert DATA.select(torch.arange(3)).digest != DATA.digest


def test_an_edit_changes_edges_and_nothing_else() -> None:
    edited = DATA.rewrite(without_first)
    assert edited.edges == DATA.edges - len(GRAPHS)
    everything = torch.arange(len(GRAPHS))
    before, after = DATA.batch(everything), edited.batch(everything)
    for name in ("x", "y", "ptr", "batch"):
        assert torch.equal(before[name], after[name])
    kept = {tuple(edge) for edge in after.edge_index.t().tolist()}
    features = {tuple(edge): int(f) for edge, f in zip(before.edge_index.t().tolist(), before.edge_attr, strict=True)}
    assert all(features[tuple(edge)] == int(f) for edge, f in zip(kept_order(after), after.edge_attr, strict=True))
    assert kept < set(features)
    assert DATA.rewrite(lambda graph: graph).digest == DATA.digest


def kept_order(batch: Graph) -> list[list[int]]:
    return batch.edge_index.t().tolist()  # type: ignore[no-any-return]


def test_an_edit_sees_no_labels_and_no_split() -> None:
    seen: list[set[str]] = []
    graph = Graph(x=torch.ones(3, 1), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1, 1]), num_nodes=3)
    data = for_nodes(graph, torch.tensor([True, False, True]))
    data.rewrite(lambda shown: seen.append(set(shown.to_dict())) or shown)
    assert seen == [{"x", "edge_index", "num_nodes"}]


def lost_node(graph: Graph) -> Graph:
    return Graph(edge_index=graph.edge_index[:, :0], edge_attr=graph.edge_attr[:0], num_nodes=graph.num_nodes - 1)


def one_way(graph: Graph) -> Graph:
    return Graph(edge_index=graph.edge_index[:, 1:], edge_attr=graph.edge_attr[1:], num_nodes=graph.num_nodes)


def no_features(graph: Graph) -> Graph:
    return Graph(edge_index=graph.edge_index, num_nodes=graph.num_nodes)


def stray(graph: Graph) -> Graph:
    return Graph(edge_index=graph.edge_index + 1, edge_attr=graph.edge_attr, num_nodes=graph.num_nodes)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lost_node, "same 3 nodes"),
        (one_way, "without its way back"),
        (no_features, "leave every edge its features"),
        (stray, "nodes that are not there"),
        (lambda graph: None, "must give a graph"),
    ],
    ids=["nodes", "one way", "features", "stray", "nothing"],
)
def test_an_edit_that_leaves_no_such_graph_is_refused(edit: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DATA.rewrite(edit)  # type: ignore[arg-type]


def test_a_split_of_nodes_hides_the_labels_of_all_others() -> None:
    labels = torch.tensor([3, 1, 2, 0])
    graph = Graph(x=torch.ones(4, 1), edge_index=torch.tensor([[0], [1]]), y=labels, num_nodes=4)
    data = for_nodes(graph, torch.tensor([True, False, True, False]))
    assert len(data) == 1
    batch = data.batch(torch.zeros(2, dtype=torch.int64))
    assert batch.y.tolist() == [3, -1, 2, -1]
    assert "y" not in inputs(batch)


def test_what_is_done_to_a_batch_stays_with_it() -> None:
    data = for_nodes(
        Graph(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]), y=torch.tensor([0, 1]), num_nodes=2),
        torch.tensor([True, True]),
    )
    first = data.batch(torch.tensor([0]))
    first.edge_weight = torch.ones(2)
    assert "edge_weight" in inputs(first)
    assert "edge_weight" not in inputs(data.batch(torch.tensor([0])))


@given(st.integers(0, 100))
def test_permuted_labels_stay_in_their_split(seed: int) -> None:
    labels, mask = torch.arange(8), torch.arange(8) % 3 == 0
    graph = Graph(x=torch.ones(8, 1), edge_index=torch.tensor([[0], [1]]), y=labels, num_nodes=8)
    y: Tensor = for_nodes(graph, mask).relabelled(torch.Generator().manual_seed(seed)).values["y"]
    assert sorted(y[mask].tolist()) == labels[mask].tolist()
    assert (y[~mask] == -1).all()


# --- weights ----------------------------------------------------------------------------------------------------------


def weighing(graph: Graph) -> Graph:
    """The graph with an edge weighing half the sum of its ends, and 1 at the node 0."""
    graph.edge_weight = (graph.edge_index.sum(dim=0).float() / 2).clamp(min=1)
    return graph


def test_weights_of_an_edit_are_kept_in_batches_selections_and_digests() -> None:
    heavy = DATA.rewrite(weighing)
    assert heavy.digest != DATA.digest
    assert heavy.rewrite(lambda graph: graph).digest == heavy.digest
    everything = heavy.batch(torch.arange(len(GRAPHS)))
    alone = [heavy.batch(torch.tensor([number])).edge_weight for number in range(len(GRAPHS))]
    assert torch.equal(everything.edge_weight, torch.cat(alone))
    assert torch.equal(heavy.select(torch.tensor([3, 1])).values["edge_weight"], torch.cat([alone[3], alone[1]]))
    shown = heavy.graph(2)
    assert torch.equal(shown.edge_weight, (shown.edge_index.sum(dim=0).float() / 2).clamp(min=1))
    assert torch.equal(everything.edge_attr, DATA.batch(torch.arange(len(GRAPHS))).edge_attr)


def test_edges_of_graphs_without_weights_weigh_1() -> None:
    some = DATA.rewrite(lambda graph: weighing(graph) if graph.num_nodes == 6 else graph)
    weights = [some.batch(torch.tensor([number])).edge_weight for number in range(len(GRAPHS))]
    assert all(bool((weights[number] == 1).all()) for number in range(3))
    assert bool((weights[3] > 1).any())


def test_an_edit_of_a_weighted_graph_must_leave_it_its_weights() -> None:
    def bare(graph: Graph) -> Graph:
        return Graph(edge_index=graph.edge_index, edge_attr=graph.edge_attr, num_nodes=graph.num_nodes)

    with pytest.raises(ValueError, match="graph 0: the edit must leave every edge its weight"):
        DATA.rewrite(weighing).rewrite(bare)


def test_weights_of_one_direction_are_refused_and_those_of_directed_graphs_are_not() -> None:
    def uneven(graph: Graph) -> Graph:
        graph.edge_weight = 1.0 + torch.arange(graph.num_edges)
        return graph

    with pytest.raises(ValueError, match=r"graph 0: edge \(\d, \d\) weighs \d and"):
        DATA.rewrite(uneven)
    directed = GraphData.of(GRAPHS, target="graph", directed=True).rewrite(uneven)
    assert directed.graph(0).edge_weight.tolist() == [1.0 + n for n in range(directed.graph(0).num_edges)]
