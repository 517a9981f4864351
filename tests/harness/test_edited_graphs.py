"""Edited graphs on their way to the referee: weights arrive, and wrong ones are found there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.contract.toy_graph import graph
from benchmark.harness.edited_graphs import edges_of, edited, shown, with_edges

DATA = graph.data(Path()).test


def weighing(data: Any) -> Any:
    data.edge_weight = torch.full((data.num_edges,), 0.25)
    return data


def test_weights_arrive_and_a_later_edit_sees_them() -> None:
    after = with_edges(DATA, edited(shown(DATA), weighing))
    assert after.digest == DATA.rewrite(weighing).digest != DATA.digest
    assert torch.equal(shown(after)["0/edge_weight"], torch.full((after.graph(0).num_edges,), 0.25))
    assert with_edges(DATA, edges_of(after)).digest == after.digest


@pytest.mark.parametrize(
    "weights", [torch.ones(3), torch.tensor(1.0), torch.zeros(DATA.graph(0).num_edges), torch.ones(40)]
)
def test_wrong_weights_are_neither_lost_nor_taken(weights: Any) -> None:
    def wrong(data: Any) -> Any:
        data.edge_weight = weights
        return data

    handed = edited(shown(DATA), wrong)
    with pytest.raises(ValueError, match="edge weights are"):
        with_edges(DATA, handed)
