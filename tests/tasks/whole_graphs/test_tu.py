"""TU sets: written in their format by the tests, read as torch-geometric reads them, cut into folds, and learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark.tasks.graphs.data import GraphData, inputs
from benchmark.tasks.whole_graphs import tu
from benchmark.tasks.whole_graphs._data import DEGREES, Source
from benchmark.tasks.whole_graphs._models import KINDS, Summed, network
from torch_geometric.io import read_tu_data

from benchmark import Splits
from benchmark.harness.answer import answer
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell

NAMES = ["mutag", "enzymes", "proteins", "imdb-binary", "reddit-binary", "collab"]
TINY = Source("TINY", graphs=40, classes=2, features="label", labels=3)


def write(folder: Path, part: str, rows: np.ndarray) -> None:
    file = folder / "TUDataset" / "TINY" / "raw" / f"TINY_{part}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(", ".join(map(str, row)) + "\n" for row in rows.reshape(len(rows), -1)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty rings, of class 1 where they have a chord; labels of nodes are 4, 5 and 7, those of graphs -1 and 1."""
    draw = np.random.default_rng(0)
    ends, owner, begin = [], [], 1
    for number in range(40):
        size = int(draw.integers(5, 9))
        pairs = [(node, (node + 1) % size) for node in range(size)] + ([(0, 2), (1, 3)] if number % 2 else [])
        ends += [(begin + a, begin + b) for pair in pairs for a, b in (pair, pair[::-1])]
        owner += [number + 1] * size
        begin += size
    write(tmp_path, "A", np.array(ends))
    write(tmp_path, "graph_indicator", np.array(owner))
    write(tmp_path, "graph_labels", np.tile([-1, 1], 20))
    write(tmp_path, "node_labels", np.array([4, 5, 7])[draw.integers(3, size=len(owner))])
    return tmp_path


def rows(folder: Path, part: str) -> np.ndarray:
    return np.loadtxt(folder / "TUDataset" / "TINY" / "raw" / f"TINY_{part}.txt", np.int64, delimiter=",")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_graphs_are_those_that_torch_geometric_reads(folder: Path) -> None:
    """Its labels of nodes are one-hot between the smallest and the largest; here a label that never occurs has none."""
    ours, (theirs, slices, _) = TINY.read(folder), read_tu_data(str(folder / "TUDataset" / "TINY" / "raw"), "TINY")
    assert torch.equal(ours.values["x"].float(), theirs.x[:, [0, 1, 3]])
    assert torch.equal(ours.values["y"], theirs.y)
    for number in range(40):
        begin, end = slices["edge_index"][number : number + 2]
        assert torch.equal(ours.graph(number).edge_index, theirs.edge_index[:, begin:end])


def test_a_node_without_a_label_is_described_by_its_degree_or_by_nothing(folder: Path) -> None:
    degrees = Source("TINY", 40, 2, "degree").read(folder)
    ends = degrees.values["edge_index"]
    assert degrees.values["x"].shape == (len(rows(folder, "graph_indicator")), DEGREES)
    assert degrees.values["x"].argmax(dim=1).tolist() == np.bincount(rows(folder, "A")[:, 0])[1:].tolist()
    assert len(ends) == len(rows(folder, "A"))
    assert Source("TINY", 40, 2, "one").read(folder).values["x"].unique().tolist() == [1]


def test_large_degrees_share_the_last_column(tmp_path: Path) -> None:
    star = np.array([(1, leaf) for leaf in range(2, 300)])
    write(tmp_path, "A", np.concatenate([star, star[:, ::-1], [[300, 301], [301, 300]]]))
    write(tmp_path, "graph_indicator", np.array([1] * 299 + [2] * 2))
    write(tmp_path, "graph_labels", np.array([0, 1]))
    x = Source("TINY", 2, 2, "degree").read(tmp_path).values["x"]
    assert (x[0].argmax(), x[1].argmax()) == (DEGREES - 1, 1)


def changed(folder: Path, part: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    write(folder, part, change(rows(folder, part)))


WRONG: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], str]] = {
    "no such node": ("A", lambda a: np.concatenate([a, [[1, 9999]]]), "edges name nodes that are not there"),
    "node zero": ("A", lambda a: a - 1, "edges name nodes that are not there"),
    "between graphs": ("A", lambda a: np.concatenate([a, [[1, a.max()]]]), "edges join two graphs"),
    "triples": ("A", lambda a: np.repeat(a, 2, axis=1)[:, :3], "edges are not pairs of nodes"),
    "out of order": ("graph_indicator", lambda a: a[::-1], "nodes are not in the order of their graphs"),
    "a graph without nodes": ("graph_indicator", lambda a: np.where(a == 40, 41, a), "published are 40"),
    "too few classes of graphs": ("graph_labels", lambda a: a[:-1], "39 classes of graphs; published are 40"),
    "another class": ("graph_labels", lambda a: np.concatenate([[3], a[1:]]), "3 different classes; published are 2"),
    "another label": ("node_labels", lambda a: np.concatenate([[1], a[1:]]), "4 labels of nodes; published are 3"),
    "too few labels": ("node_labels", lambda a: a[:-1], "labels of nodes"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_files_that_do_not_belong_together_say_so(folder: Path, kind: str) -> None:
    part, change, says = WRONG[kind]
    changed(folder, part, change)
    with pytest.raises(ValueError, match=says):
        TINY.read(folder)


@pytest.mark.parametrize("text", ["", "1, two\n", "1.5, 2\n", "1, 2\n1\n", "\x00\n"], ids=repr)
@pytest.mark.parametrize("part", ["A", "graph_indicator", "graph_labels", "node_labels"])
def test_a_file_of_other_text_is_named(folder: Path, part: str, text: str) -> None:
    (folder / "TUDataset" / "TINY" / "raw" / f"TINY_{part}.txt").write_text(text)
    with pytest.raises(ValueError, match="TINY"):
        TINY.read(folder)


# --- folds ------------------------------------------------------------------------------------------------------------


def sizes(splits: Splits) -> list[int]:
    return [len(part) for part in (splits.train, splits.validation, splits.test)]


def test_every_graph_is_tested_in_one_of_ten_folds_and_classes_are_balanced(folder: Path) -> None:
    found: list[Splits] = [TINY.split(folder, seed) for seed in range(10)]
    assert all(sizes(splits) == [32, 4, 4] for splits in found)
    tests = [splits.test for splits in found]
    assert all(isinstance(test, GraphData) for test in tests)
    assert all(test.classes is not None and int(test.classes.sum()) == 2 for test in tests)
    assert len({test.digest for test in tests}) == 10
    assert [splits.validation.digest for splits in found] == [test.digest for test in [*tests[1:], tests[0]]]
    assert TINY.split(folder, 13).test.digest == tests[3].digest
    assert TINY.load(folder).train.digest == found[0].train.digest


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("readout", ["sum", "mean"])
def test_scores_do_not_depend_on_the_order_of_nodes_or_on_other_graphs(folder: Path, kind: str, readout: str) -> None:
    data = TINY.read(folder)
    model = network(kind, 3, 8, 2, readout).eval()  # type: ignore[arg-type]
    both, alone = data.batch(torch.tensor([3, 8])), data.batch(torch.tensor([8]))
    assert torch.allclose(model(**inputs(both))[1], model(**inputs(alone))[0], atol=1e-5)
    order = torch.randperm(alone.num_nodes, generator=torch.Generator().manual_seed(0))
    turned = model(alone.x[order], torch.argsort(order)[alone.edge_index], alone.ptr)
    assert torch.allclose(turned, model(**inputs(alone)), atol=1e-5)


def test_a_graph_is_read_out_at_the_input_and_at_every_layer(folder: Path) -> None:
    """With all heads at 0 but the first, scores are a linear map of how often each label occurs."""
    batch = TINY.read(folder).batch(torch.arange(5))
    model = network("gin", 3, 8, 2, "sum").eval()
    assert isinstance(model, Summed)
    assert len(model.heads) == 5
    with torch.no_grad():
        for head in list(model.heads)[1:]:
            head.weight.zero_()  # type: ignore[union-attr,operator]
            head.bias.zero_()  # type: ignore[union-attr,operator]
    counts = torch.zeros(5, 3).index_add(0, batch.batch, batch.x.float())
    assert torch.allclose(model(**inputs(batch)), model.heads[0](counts), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_one_on_every_edge_changes_nothing(folder: Path, kind: str) -> None:
    batch = TINY.read(folder).batch(torch.arange(5))
    model = network(kind, 3, 8, 2, "sum").eval()
    weighted = model(**inputs(batch), edge_weight=torch.ones(batch.edge_index.shape[1]))
    assert torch.allclose(weighted, model(**inputs(batch)), atol=1e-5)


# --- the tasks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_task_has_the_recipe_and_the_networks_of_xu_et_al(name: str) -> None:
    task = registry.task(name)
    full = task.recipe("full")
    assert list(task.models) == ["gin", "gcn"]
    assert (full.steps, full.batch_size, full.optimizer) == (17_500, 32, "adam")
    assert [full.rate_at(step) for step in (0, 2_499, 2_500, 17_499)] == pytest.approx([0.01, 0.01, 0.005, 0.01 / 64])
    assert task.source.files[0].startswith(f"TUDataset/{name.upper()}/raw/")


@pytest.mark.runs
@pytest.mark.parametrize("kind", KINDS)
def test_pruning_keeps_its_count_and_gin_learns_chords(folder: Path, kind: str) -> None:
    snip, task = registry.algorithm("snip"), tu._task(TINY)
    cell = Cell(
        algorithm="snip", options=snip.resolve({}), task="tiny", model=kind, sparsity=0.5, budget="150-steps", seed=0
    )
    record = answer(Question(cell, snip, task, folder))
    assert record.status == "ok", record.error
    assert record.density is not None
    assert record.density.weights == pytest.approx(0.5, abs=1e-3)
    assert kind == "gcn" or record.metrics["accuracy"] >= 0.75  # four graphs; nothing is claimed of GCN
    assert set(record.diagnosis) > {"spectral_gap", "dirichlet_energy"}
