"""DropEdge: another subset of the edges at every step, both directions together, and every edge at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.algorithms.edges.dropedge import dropedge

from benchmark import Run, Target
from benchmark.contract.toy_graph import Nodes, graph
from benchmark.harness.network import build
from benchmark.training.run_state import RunState

pytestmark = pytest.mark.runs


class Watching(Run):
    """Remembers the edges of every training batch."""

    def train(self, steps: int | None = None) -> None:
        self.seen: list[set[tuple[int, int]]] = []
        engine, own = self._state.weight_engine, self._state.weight_engine.recipe.augment
        assert own is not None

        def looking(batch, draws):  # type: ignore[no-untyped-def]
            after = own(batch, draws)
            self.seen.append({(int(i), int(j)) for i, j in after.edge_index.T})
            return after

        engine.recipe = engine.recipe.__class__(**{**vars(engine.recipe), "augment": looking})
        super().train(steps)


def trained(**options: object) -> Watching:
    run = Watching(
        RunState(graph, build(graph, "graph", 0), graph.recipe("smoke"), Target(1.0), graph.data(Path()).train, 0)
    )
    dropedge(run, **options)
    return run


def test_every_step_does_without_its_share_of_the_edges() -> None:
    run = trained(drop=0.25)
    size = run.data.edges
    assert size is not None
    assert len(run.seen) == graph.recipe("smoke").steps
    for seen in run.seen:
        assert len(seen) == 2 * (size - round(0.25 * size))
        assert {(j, i) for i, j in seen} == seen
    assert len({frozenset(seen) for seen in run.seen}) == len(run.seen)


def test_directions_may_be_drawn_apart() -> None:
    run = trained(drop=0.25, directed=True)
    assert all(len(seen) == 2 * run.data.edges - round(0.5 * run.data.edges) for seen in run.seen)  # type: ignore[operator]
    assert any({(j, i) for i, j in seen} != seen for seen in run.seen)


def test_the_graph_itself_stays_as_it_is() -> None:
    run = trained()
    before = graph.data(Path()).train
    assert isinstance(run.data, Nodes)
    assert run.data.digest == before.digest
    assert run._state.edits == []
    assert torch.equal(run.batches(1)[0].edge_index, before.whole.edge_index)


def test_attributes_go_with_their_edges() -> None:
    data = graph.data(Path()).train
    data.whole.edge_weight = torch.arange(data.whole.edge_index.shape[1]).float()
    kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Catching(Run):
        def augment(self, change) -> None:  # type: ignore[no-untyped-def]
            batch = change(data.whole, torch.Generator().manual_seed(0))
            kept.append((batch.edge_index, batch.edge_weight))
            super().augment(change)

    dropedge(Catching(RunState(graph, build(graph, "graph", 0), graph.recipe("smoke"), Target(1.0), data, 0)), drop=0.5)
    index, weight = kept[0]
    assert torch.equal(data.whole.edge_index[:, weight.long()], index)


def test_the_same_seed_drops_the_same_edges() -> None:
    assert trained().seen == trained().seen
    with pytest.raises(TypeError):
        dropedge()  # type: ignore[call-arg]
