"""What connectivity does not allow is said before a run, and recorded after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.contract.toy_graph import graph
from benchmark.graphs.comparison import bridges, gap
from benchmark.graphs.edges import Graph, graph_of
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.sweep.edge_limits import edge_limits

EDGES = graph_of(graph.data(Path()).train.graph(0))


def cell(name: str, sparsity: float = 0.0, **options: object) -> Cell:
    given = registry.algorithm(name).resolve(options)
    return Cell(algorithm=name, options=given, task="wired", model="graph", sparsity=sparsity, budget="smoke", seed=0)


def told(asked: Cell) -> list[str]:
    algorithms = {asked.algorithm: registry.algorithm(asked.algorithm)}
    return list(edge_limits([asked], algorithms, {"wired": graph}, {"wired": Path()}))


def answered(asked: Cell) -> Record:
    return answer(Question(asked, registry.algorithm(asked.algorithm), graph))


@pytest.mark.runs
@pytest.mark.parametrize("name", ["spectral", "random-edges", "dspar"])
def test_more_than_connectivity_allows_is_said_before_and_recorded_after(name: str) -> None:
    asked = cell(name, 0.9)
    wanted, allowed = round(0.9 * EDGES.size), EDGES.removable
    assert allowed < wanted
    assert f"{wanted} edits are asked, {allowed} can be made" in told(asked)[0]
    record = answered(asked)
    assert record.status == "ok"
    assert record.edits is not None
    assert (record.edits.asked, record.edits.deleted, record.edits.added) == (wanted, allowed, 0)
    assert record.edits.components == (1, 1)
    assert record.edits.bridges[1] == EDGES.nodes - 1  # a spanning tree is left
    assert record.density is not None
    assert record.density.edges == pytest.approx((EDGES.size - allowed) / EDGES.size)


@pytest.mark.parametrize(
    "asked",
    [
        cell("spectral", 0.2),
        cell("spectral", edges=5),
        cell("random-edges", 0.9, connectivity="free"),
        cell("random-edges", 0.9, mode="add"),
        cell("fosr", 0.9),
        cell("dense"),
    ],
    ids=lambda asked: f"{asked.algorithm} {asked.sparsity}",
)
def test_nothing_is_said_where_everything_can_be_done(asked: Cell) -> None:
    assert told(asked) == []


def test_graphs_that_cannot_be_edited_are_left_to_the_run() -> None:
    """Those of this task are directed trees: the run fails and says so, and the sweep goes on."""
    directed, asked = registry.task("tree-neighbors-match", {"depth": 2}), cell("spectral", 0.5)
    assert (
        list(edge_limits([asked], {"spectral": registry.algorithm("spectral")}, {"wired": directed}, {"wired": Path()}))
        == []
    )


def test_in_a_chain_the_editor_is_looked_at() -> None:
    assert "200 edits are asked" in told(cell("spectral+imp", 0.5, edges=200))[0]


@pytest.mark.runs
def test_the_report_tells_the_edits_in_order() -> None:
    record = answered(cell("spectral", edges=3, loops=0, verify=0))
    assert record.edits is not None
    assert record.edits.asked == len(record.edits.log) == record.edits.deleted == 3
    after = EDGES.edited([(i, j, sign) for i, j, sign in record.edits.log])
    assert record.edits.gap["loops 0"] == pytest.approx((gap(EDGES, 0), gap(after, 0)))
    assert record.edits.gap["loops 1"] == pytest.approx((gap(EDGES, 1), gap(after, 1)))
    classes = [i % 2 != j % 2 for i, j, _ in record.edits.log]
    assert record.edits.inter_class == pytest.approx(sum(classes) / 3)


@pytest.mark.parametrize(
    ("nodes", "pairs", "expected"),
    [
        (4, [(0, 1), (1, 2), (2, 3)], 3),
        (4, [(0, 1), (1, 2), (2, 3), (0, 3)], 0),
        (6, [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5), (3, 5)], 1),
        (5, [(0, 1), (2, 3), (3, 4), (2, 4)], 1),
        (3, [], 0),
    ],
    ids=["path", "ring", "two triangles", "two parts", "no edge"],
)
def test_bridges_on_paper(nodes: int, pairs: list[tuple[int, int]], expected: int) -> None:
    assert bridges(Graph.of(nodes, pairs)) == expected
