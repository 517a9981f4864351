"""The long-range graph benchmark: published sizes of networks, metrics against naive ones, and the real peptides."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from benchmark.tasks.graphs.data import GraphData, inputs
from benchmark.tasks.long_range._data import COCO, Source, load
from benchmark.tasks.long_range._metrics import mean_precision, ranks, reciprocal_rank, weighted
from benchmark.tasks.long_range._positions import lappe, rwse
from benchmark.tasks.long_range._protocols import flipped
from benchmark.tasks.long_range.lrgb import PCQM_CONTACT as PAIRS
from benchmark.tasks.long_range.lrgb import PEPTIDES_FUNC as PEPTIDES
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch_geometric.data import Data as Graph
from torch_geometric.transforms import AddRandomWalkPE

from benchmark.data.splits import Splits
from benchmark.errors import Inapplicable
from benchmark.harness.answer import answer
from benchmark.harness.effective_density import live_paths
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.pruning.masks import Masks
from benchmark.results.cell import Cell
from benchmark.training.recipe import Recipe

THOUSANDS = {  # of parameters, as published; a GCN's holds an encoder of bonds there that it never reads
    ("peptides-func", "tonshoff"): {"gcn": 486 - 3, "gine": 491, "gatedgcn": 493, "gps": 479},
    ("peptides-struct", "tonshoff"): {"gcn": 488 - 3, "gine": 492, "gatedgcn": 445, "gps": 452},
    ("pascalvoc-sp", "tonshoff"): {"gcn": 490, "gine": 450, "gatedgcn": 473, "gps": 501},
    ("coco-sp", "tonshoff"): {"gcn": 500 - 1, "gine": 478, "gatedgcn": 459, "gps": 500},
    ("pcqm-contact", "tonshoff"): {"gcn": 456 - 3, "gine": 466, "gatedgcn": 477, "gps": 478},
    ("peptides-func", "dwivedi"): {"gcn": 508, "gine": 476, "gatedgcn": 509},
    ("pascalvoc-sp", "dwivedi"): {"gcn": 496, "gine": 505, "gatedgcn": 502},
}


@pytest.mark.parametrize(("task", "protocol"), THOUSANDS)
def test_networks_have_the_published_sizes(task: str, protocol: str) -> None:
    models = registry.task(task, {"protocol": protocol}).models
    with torch.device("meta"):
        networks = {name: make() for name, make in models.items()}
    sizes = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    for name, thousands in THOUSANDS[task, protocol].items():
        assert sizes[name] / 1000 == pytest.approx(thousands, abs=1), name
    assert networks.keys() == THOUSANDS[task, protocol].keys()
    if protocol == "tonshoff":
        assert max(sizes.values()) < 501_000


@pytest.mark.parametrize("task", ["peptides-func", "pascalvoc-sp", "pcqm-contact"])
def test_matrices_are_pruned_and_embeddings_are_not(task: str) -> None:
    for make in registry.task(task).models.values():
        with torch.device("meta"):
            network = make()
        tables = {f"{n}.weight" for n, module in network.named_modules() if isinstance(module, nn.Embedding)}
        matrices = {n for n, p in network.named_parameters() if p.dim() == 2}
        assert set(registry.task(task).prunable(network)) == matrices - tables


def test_a_training_is_as_long_as_published() -> None:
    recipe = registry.task("peptides-func").recipe("full", "gcn")
    assert (recipe.steps, recipe.warmup, recipe.batch_size) == (250 * 54, 5 * 54, 200)
    assert (recipe.rate, recipe.clip, recipe.optimizer, recipe.cosine) == (1e-3, 1.0, "adamw", True)
    voc = registry.task("pascalvoc-sp")
    assert voc.recipe("full", "gcn").clip == 0
    assert voc.recipe("full", "gps").clip == 1


# --- metrics ----------------------------------------------------------------------------------------------------------


def naive_ranks(z: Tensor, pairs: list[tuple[int, int]]) -> list[list[float]]:
    """Rank by rank, candidate by candidate."""
    true = set(pairs)
    found: list[list[float]] = [[], [], []]
    for head, tail in pairs:
        score = float(z[head] @ z[tail])
        for kind in range(3):
            rank = 1.0
            for node in range(len(z)):
                if node == tail or (kind and (head, node) in true) or (kind == 2 and node == head):
                    continue
                other = float(z[head] @ z[node])
                rank += 1.0 if other > score else 0.5 if other == score else 0.0
            found[kind].append(rank)
    return found


@given(st.integers(2, 7), st.integers(0, 1000))
def test_ranks_are_those_of_a_naive_count(nodes: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    z = torch.randint(-2, 3, (nodes, 2), generator=draw).double()
    pairs = sorted({(int(a), int(b)) for a, b in torch.randint(nodes, (4, 2), generator=draw)})
    assert ranks(z, torch.tensor(pairs).t()).tolist() == naive_ranks(z, pairs)


class Given(nn.Module):
    """Answers with its inputs."""

    def forward(self, x: Tensor, **rest: object) -> Tensor:
        return x


def contact(x: Tensor, pairs: list[tuple[int, int]], labels: list[int]) -> Graph:
    pair_index = torch.tensor(pairs).t()
    return Graph(
        x=x, edge_index=torch.tensor([[0], [1]]), pair_index=pair_index, y=torch.tensor(labels), num_nodes=len(x)
    )


def test_ranks_are_averaged_over_pairs_then_over_graphs_that_have_any() -> None:
    draw = torch.Generator().manual_seed(0)
    xs = [torch.randn(nodes, 3, generator=draw) for nodes in (4, 5, 3)]
    graphs = [
        contact(xs[0], [(0, 3), (1, 2), (2, 0)], [1, 0, 1]),
        contact(xs[1], [(4, 0), (1, 4)], [1, 1]),
        contact(xs[2], [(0, 1)], [0]),
    ]
    data = GraphData.of(graphs, target="pair")
    found = reciprocal_rank(Given(), [data.batch(torch.arange(3))])
    wanted = [naive_ranks(xs[0], [(0, 3), (2, 0)]), naive_ranks(xs[1], [(4, 0), (1, 4)])]
    for kind, name in enumerate(("mrr", "mrr_filtered", "mrr_extended")):
        assert found[name] == pytest.approx(np.mean([np.mean(1 / np.array(graph[kind])) for graph in wanted]))
    halves = reciprocal_rank(Given(), [data.batch(torch.arange(2)), data.batch(torch.tensor([2]))])
    assert halves == pytest.approx(found)


def test_average_precision_leaves_out_what_is_unknown_and_labels_of_one_kind() -> None:
    labels = np.array([[1, 1, np.nan], [0, 1, 1], [1, 1, 0], [0, 1, 1]], dtype=np.float32)
    scores = np.array([[4, 1, 9], [3, 2, 1], [2, 3, 2], [1, 4, 3]], dtype=np.float32)
    first = (1 / 1 + 2 / 3) / 2
    third = (1 / 1 + 2 / 3) / 2
    assert mean_precision(labels, scores) == pytest.approx((first + third) / 2)


def test_classes_weigh_what_is_not_of_them() -> None:
    logits = torch.tensor([[2.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 3]])
    labels = torch.tensor([0, 0, 0, 1])
    batch = GraphData.of([Graph(x=logits, edge_index=torch.tensor([[0], [1]]), y=labels, num_nodes=4)])
    losses = -logits.log_softmax(dim=1)[torch.arange(4), labels]
    weights = torch.tensor([0.25, 0.25, 0.25, 0.75])
    found = weighted(Given(), batch.batch(torch.tensor([0])))
    torch.testing.assert_close(found, (losses * weights).sum() / weights.sum())


# --- positions --------------------------------------------------------------------------------------------------------

PATH = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])


def test_return_probabilities_are_pygs() -> None:
    theirs = AddRandomWalkPE(20)(Graph(edge_index=PATH, num_nodes=5)).random_walk_pe
    torch.testing.assert_close(rwse(PATH, 5), theirs)


def test_eigenvectors_of_the_laplacian() -> None:
    """A path of four nodes and a node alone: 2 - 2 cos(k pi / 4), and a second 0."""
    found = lappe(PATH, 5)
    values = sorted([0.0, *(2 - 2 * np.cos(np.pi * np.arange(4) / 4))])
    assert found[0, :5, 1].tolist() == pytest.approx(values, abs=1e-6)
    assert found[:, 5:].isnan().all()
    vectors = found[:, :5, 0].double()
    torch.testing.assert_close(vectors.t() @ vectors, torch.eye(5, dtype=torch.float64), atol=1e-6, rtol=0)
    largest = vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True))
    assert (largest > 0).all()


def test_signs_are_drawn_for_every_eigenvector_in_training() -> None:
    batch = Graph(lappe=lappe(PATH, 5), num_nodes=5)
    before = batch.lappe.clone()
    after = flipped(batch, torch.Generator().manual_seed(0)).lappe
    ratio = (after / before)[..., 0]
    assert set(ratio[before[..., 0].abs() > 1e-3].tolist()) == {1.0, -1.0}
    torch.testing.assert_close(after[..., 1], before[..., 1], equal_nan=True)


# --- data -------------------------------------------------------------------------------------------------------------


def molecules(folder: Path, source: Source) -> Splits:
    """Three small files as the benchmark lays them out, read."""
    draw = torch.Generator().manual_seed(0)

    def molecule(nodes: int) -> tuple[Tensor, ...]:
        x = torch.randint(0, 2, (nodes, 9), generator=draw)
        ends = torch.stack([torch.arange(nodes - 1), torch.arange(1, nodes)])
        ends = torch.cat([ends, ends.flip(0)], dim=1)
        bonds = torch.randint(0, 2, (nodes - 1, 3), generator=draw).repeat(2, 1)
        if source.target == "pair":
            return x, bonds, ends, torch.tensor([[0, 1], [2, 0]]), torch.tensor([1, 0])
        return x, bonds, ends, torch.randint(0, 2, (1, source.outputs), generator=draw).float()

    for file, count in zip(source.files, (4, 3, 2), strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        torch.save([molecule(4 + number) for number in range(count)], folder / file)
    return load(source, ("lappe", "rwse"), folder)


def test_files_are_read_encoded_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    splits = molecules(tmp_path / "data", PEPTIDES)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [4, 3, 2]
    (kept,) = (tmp_path / "cache" / "prunebench" / "processed").iterdir()
    again = load(PEPTIDES, ("lappe", "rwse"), tmp_path / "data")
    assert again.train.digest == splits.train.digest
    assert not [file for file in (tmp_path / "data").rglob("*") if "processed" in file.name]
    batch = splits.train.batch(torch.tensor([0, 1]))
    assert batch.rwse.shape == (9, 20)
    assert torch.equal(batch.rwse[:4], rwse(batch.edge_index[:, batch.edge_index[0] < 4], 4))
    files = [tmp_path / "data" / file for file in PEPTIDES.files]
    torch.save(torch.load(files[0], weights_only=True)[:2], files[0])
    assert len(load(PEPTIDES, ("lappe", "rwse"), tmp_path / "data").train) == 2
    assert kept.is_file()


@pytest.mark.runs
@pytest.mark.parametrize("model", ["gcn", "gine", "gatedgcn", "gps"])
@pytest.mark.parametrize("name", ["peptides-func", "pcqm-contact"])
def test_every_network_trains_by_every_kind_of_pruner(
    name: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = PEPTIDES if name == "peptides-func" else PAIRS
    molecules(tmp_path, source)
    quick = Recipe(steps=2, batch_size=2, rate=1e-3, optimizer="adamw", clip=1.0, augment=flipped)
    task = replace(registry.task(name), recipes={"smoke": quick}, data=partial(load, source, ("lappe", "rwse")))
    grasp = registry.algorithm("grasp")
    cell = Cell(
        algorithm="grasp", options=grasp.resolve({}), task=name, model=model, sparsity=0.5, budget="smoke", seed=0
    )
    record = answer(Question(cell, grasp, task, tmp_path))
    assert record.status == "ok", record.error
    assert list(record.metrics) == list(task.metrics)
    assert record.density is not None
    assert record.density.effective > 0.45


@pytest.mark.parametrize("model", ["gcn", "gine", "gatedgcn", "gps"])
def test_every_weight_of_a_dense_network_is_live(model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    task = registry.task("peptides-func")
    network, batch = build(task, model, 0), molecules(tmp_path, PEPTIDES).train.batch(torch.arange(2))
    parameters = dict(network.named_parameters())
    masks = Masks.ones({name: parameters[name] for name in task.prunable(network)})
    assert live_paths(network, task, masks, batch) == masks


def test_an_edge_that_weighs_nothing_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    batch = molecules(tmp_path, PEPTIDES).train.batch(torch.arange(2))
    network = build(registry.task("peptides-func"), "gcn", 0).eval()
    batch.edge_weight = (torch.arange(batch.num_edges) % 2).float()
    some = network(**inputs(batch))
    kept = batch.edge_index[:, 1::2]
    del batch.edge_weight
    batch.edge_index = kept
    torch.testing.assert_close(network(**inputs(batch)), some)


@pytest.mark.parametrize(("model", "layer"), [("gine", "GINE"), ("gatedgcn", "GatedGCN"), ("gps", "GatedGCN")])
def test_layers_with_features_of_edges_refuse_weights(
    model: str, layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = molecules(tmp_path, PEPTIDES).train.rewrite(weighing)
    network = build(registry.task("peptides-func"), model, 0)
    with pytest.raises(Inapplicable, match=f"{layer} layers take none; GCN, SAGE, GIN and GAT layers do"):
        network(**inputs(data.batch(torch.arange(2))))


def weighing(graph: Graph) -> Graph:
    graph.edge_weight = torch.full((graph.num_edges,), 0.5)
    return graph


def test_coco_has_81_classes() -> None:
    assert len(COCO) == 81
    assert int(COCO[-1]) == 90


@pytest.mark.slow
def test_the_real_peptides(real_data: Path) -> None:
    """15,535 molecules of 150.94 atoms and 307.30 directed bonds on average, as published."""
    splits = load(PEPTIDES, (), real_data)
    parts = [cast("GraphData", part) for part in (splits.train, splits.validation, splits.test)]
    assert [len(part) for part in parts] == [10_873, 2_331, 2_331]
    assert sum(int(part.ptr["node"][-1]) for part in parts) / 15_535 == pytest.approx(150.94, abs=0.005)
    assert sum(2 * part.edges for part in parts) / 15_535 == pytest.approx(307.30, abs=0.005)
