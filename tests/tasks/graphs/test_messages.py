"""Message passing equals its dense definition, to the second derivative, and does not depend on the order of edges."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import torch
from benchmark.tasks.graphs import messages as _messages
from benchmark.tasks.graphs.messages import Edges, along, edges_of, gather, mean, normalised, pool, softmax
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

Graph = tuple[Tensor, int]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Directed edges, loops, doubles and isolated nodes included."""
    nodes = draw(st.integers(1, 8))
    ends = draw(st.lists(st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)), max_size=20))
    return torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).t(), nodes


def dense(edge_index: Tensor, nodes: int, weight: Tensor) -> Tensor:
    matrix = torch.zeros(nodes, nodes, dtype=weight.dtype)
    return matrix.index_put((edge_index[1], edge_index[0]), weight, accumulate=True)


def draws(nodes: int, edges: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(nodes, 3, dtype=torch.float64, generator=generator)
    return x, torch.rand(edges, dtype=torch.float64, generator=generator) + 0.1


@given(graphs())
def test_sums_and_means_are_products_with_the_adjacency_matrix(graph: Graph) -> None:
    ends, nodes = graph
    x, weight = draws(nodes, ends.shape[1])
    edges, matrix = edges_of(ends, nodes), dense(ends, nodes, weight)
    torch.testing.assert_close(gather(x, edges, weight), matrix @ x)
    torch.testing.assert_close(gather(x, edges), dense(ends, nodes, torch.ones_like(weight)) @ x)
    total = matrix.sum(dim=1, keepdim=True)
    torch.testing.assert_close(mean(x, edges, weight), matrix @ x / torch.where(total == 0, 1, total))


@given(graphs())
def test_a_gcn_normalises_with_loops(graph: Graph) -> None:
    ends, nodes = graph
    x, weight = draws(nodes, ends.shape[1])
    looped = dense(ends, nodes, weight) + torch.eye(nodes, dtype=torch.float64)
    scale = looped.sum(dim=1).rsqrt()
    torch.testing.assert_close(normalised(x, edges_of(ends, nodes), weight), scale[:, None] * looped * scale @ x)


def test_a_gcn_normalises_as_torch_geometric_does() -> None:
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    ends = torch.tensor([[0, 1, 1, 2, 0, 2], [1, 0, 2, 1, 2, 0]])
    x, weight = draws(4, 6)  # node 3 has no edge
    looped, shares = gcn_norm(ends, weight, num_nodes=4, add_self_loops=True)
    torch.testing.assert_close(normalised(x, edges_of(ends, 4), weight), dense(looped, 4, shares) @ x)


@given(graphs())
def test_shares_of_the_edges_into_a_node_sum_to_one(graph: Graph) -> None:
    ends, nodes = graph
    scores = 50 * torch.randn(ends.shape[1], 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    shares = softmax(scores, edges_of(ends, nodes))
    for node in range(nodes):
        torch.testing.assert_close(shares[ends[1] == node], torch.softmax(scores[ends[1] == node], dim=0))


@pytest.mark.parametrize("call", [gather, mean, normalised], ids=lambda call: call.__name__)
def test_messages_have_two_derivatives_in_features_and_in_edges(call: Callable[..., Tensor]) -> None:
    ends = torch.randint(0, 5, (2, 12), generator=torch.Generator().manual_seed(0))
    x, weight = (value.requires_grad_() for value in draws(5, 12))
    inputs = (x, weight)
    assert torch.autograd.gradcheck(lambda a, b: call(a, edges_of(ends, 5), b), inputs)
    assert torch.autograd.gradgradcheck(lambda a, b: call(a, edges_of(ends, 5), b), inputs)
    assert torch.autograd.gradgradcheck(lambda a: call(a, edges_of(ends, 5)), (x,))


def test_products_along_edges_do_not_depend_on_how_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = torch.randint(0, 5, (2, 12), generator=torch.Generator().manual_seed(0))
    x, _ = draws(5, 12)
    expected = (x[ends[1]] * x[ends[0]]).sum(dim=1)
    for portion in (1, 5, 12, 100):
        monkeypatch.setattr(_messages, "PORTION", portion)
        torch.testing.assert_close(along(x, x, edges_of(ends, 5)), expected)


def test_edges_are_sorted_once_for_as_long_as_their_tensor_lives_and_stays_as_it_is() -> None:
    ends = torch.tensor([[0, 1], [1, 0]])
    before = len(_messages._KNOWN)
    first = edges_of(ends, 2)
    assert edges_of(ends, 2) is first
    assert edges_of(ends, 3) is not first
    ends[1, 0] = 0
    assert edges_of(ends, 3).target.tolist() == [0, 0]
    del ends
    gc.collect()
    assert len(_messages._KNOWN) == before


def test_pooling_is_the_mean_over_each_graph() -> None:
    x = torch.arange(10.0).reshape(5, 2)
    assert pool(x, torch.tensor([0, 2, 5])).tolist() == [[1, 2], [6, 7]]


def test_messages_are_counted_as_operations() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    from benchmark.training.flops import COUNTED

    edges: Any = Edges(torch.tensor([0, 1, 2]), torch.tensor([1, 2, 0]), 3)
    x = torch.randn(3, 7)
    for weight, operations in ((None, 3 * 7), (torch.ones(3), 2 * 3 * 7)):
        with FlopCounterMode(display=False, custom_mapping=COUNTED) as counter:
            gather(x, edges, weight)
        assert counter.get_total_flops() == operations
