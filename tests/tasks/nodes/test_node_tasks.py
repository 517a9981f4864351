"""Node classification: the published graphs are read, the splits are theirs, and every pruner runs on such a task."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from benchmark.tasks.graphs.data import GraphData, inputs
from benchmark.tasks.nodes._models import Attention
from benchmark.tasks.nodes._sources import planetoid
from torch import Tensor, nn

from benchmark.harness.answer import answer
from benchmark.harness.network import build
from benchmark.harness.question import Question
from benchmark.plugins import registry
from benchmark.results.cell import Cell
from benchmark.results.record import Record
from benchmark.training.task import Task

SIZES = {  # nodes, undirected edges, features; Platonov et al. (2023), Yang et al. (2016)
    "minesweeper": (10_000, 39_402, 7),
    "tolokers": (11_758, 519_000, 10),
    "chameleon": (890, 8_854, 2_325),
    "squirrel": (2_223, 46_998, 2_089),
    "cornell": (183, 277, 1_703),
    "texas": (183, 279, 1_703),
    "wisconsin": (251, 450, 1_703),
    "actor": (7_600, 26_659, 932),
    "cora": (2_708, 5_278, 1_433),
    "citeseer": (3_327, 4_552, 3_703),
}
TASKS = [*SIZES, "roman-empire", "amazon-ratings", "questions", "pubmed"]
MATRICES = {"gcn": 12, "sage": 12, "gat": 12 + 5 * 3}


@pytest.mark.parametrize("name", SIZES)
def test_the_published_graphs_are_read(name: str, real_data: Path) -> None:
    splits = registry.task(name).data(real_data)
    for part in (splits.train, splits.validation, splits.test):
        assert isinstance(part, GraphData)
        batch = part.batch(torch.tensor([0]))
        assert (batch.num_nodes, part.edges, batch.x.shape[1]) == SIZES[name]


@pytest.mark.parametrize("name", ["texas", "minesweeper"])
def test_a_seed_has_its_split_of_ten(name: str, real_data: Path) -> None:
    task = registry.task(name)
    masks = [mask_of(task, real_data, seed) for seed in (0, 1, 11)]
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[1], masks[2])
    fixed = registry.task(name, {"split": "1"})
    assert torch.equal(mask_of(fixed, real_data, 5), masks[1])


@pytest.mark.parametrize("name", ["cora", "wisconsin", "chameleon"])
def test_splits_share_the_graph_and_no_node(name: str, real_data: Path) -> None:
    for protocol in ("jamadandi", registry.family(name).options["protocol"].default):
        splits = registry.task(name, {"protocol": protocol}).source.splits(real_data, 3)
        first, *others = (part.batch(torch.tensor([0])) for part in (splits.train, splits.validation, splits.test))
        for other in others:
            assert torch.equal(first.edge_index, other.edge_index)
            assert torch.equal(first.x, other.x)
        assert (torch.stack([first.mask, *(other.mask for other in others)]).sum(dim=0) <= 1).all()


def test_cora_has_its_public_split_and_its_largest_component(real_data: Path) -> None:
    splits = registry.task("cora").data(real_data)
    assert [int(part.batch(torch.tensor([0])).mask.sum()) for part in parts(splits)] == [140, 500, 1000]
    largest = registry.task("cora", {"protocol": "jamadandi"}).data(real_data)
    assert largest.train.edges == 5_069
    counts = [int(part.batch(torch.tensor([0])).mask.sum()) for part in parts(largest)]
    assert counts == [1491, 497, 497]
    assert sum(counts) == 2_485


def test_features_of_a_paper_sum_to_one(real_data: Path) -> None:
    sums = planetoid("CiteSeer", 3703, 6).read(real_data).x.sum(dim=1)
    assert set(sums.round(decimals=4).tolist()) == {0.0, 1.0}  # some papers have no words


@pytest.mark.parametrize("name", TASKS)
def test_every_matrix_of_the_networks_can_be_pruned(name: str) -> None:
    task = registry.task(name)
    with torch.device("meta"):
        networks = {kind: task.model(kind)() for kind in task.models}
    for kind, network in networks.items():
        matrices = [n for n, p in network.named_parameters() if p.dim() == 2]
        assert sorted(task.prunable(network)) == sorted(matrices)
        if task.recipe("full", kind).optimizer == "adamw":
            assert len(matrices) == MATRICES[kind]


def test_published_settings() -> None:
    full = registry.task("minesweeper").recipe("full", "gcn")
    assert (full.steps, full.rate, full.optimizer, full.weight_decay) == (1000, 3e-5, "adamw", 0)
    cora = registry.task("cora").recipe("full", "gcn")
    assert (cora.steps, cora.rate, cora.weight_decay) == (200, 0.008, 8e-5)
    texas = registry.task("texas", {"protocol": "jamadandi"}).recipe("full", "gcn")
    assert (texas.steps, texas.rate, texas.weight_decay, texas.optimizer) == (100, 0.001, 5e-4, "adam")


@pytest.mark.parametrize("kind", ["gcn", "sage", "gat"])
@pytest.mark.parametrize("protocol", ["platonov", "jamadandi"])
def test_weights_of_edges_count_and_weigh_1_where_there_are_none(kind: str, protocol: str, real_data: Path) -> None:
    task = registry.task("texas", {"protocol": protocol, "layers": 2})
    network = build(task, kind, 0).eval()
    batch = task.data(real_data).train.batch(torch.tensor([0]))
    plain = network(**inputs(batch))
    batch.edge_weight = torch.ones(batch.num_edges, requires_grad=True)
    weighted: Tensor = network(**inputs(batch))
    torch.testing.assert_close(weighted, plain)
    (gradient,) = torch.autograd.grad(weighted.square().sum(), batch.edge_weight)
    assert (gradient != 0).any()
    batch.edge_weight = (torch.arange(batch.num_edges) % 2).float()
    kept = batch.edge_index[:, 1::2]
    some = network(**inputs(batch))
    del batch.edge_weight
    batch.edge_index = kept
    torch.testing.assert_close(network(**inputs(batch)), some)


def test_attention_is_the_published_one() -> None:
    """Against PyG's layer, with our weights."""
    from torch_geometric.nn import GATConv

    torch.manual_seed(0)
    ours, theirs = Attention(5, 8, 2), GATConv(5, 4, heads=2, bias=False)
    with torch.no_grad():
        theirs.lin.weight.copy_(ours.linear.weight)
        nn.init.zeros_(ours.linear.bias), nn.init.zeros_(ours.source.bias)
        for mine, yours in ((ours.source, theirs.att_src), (ours.target, theirs.att_dst)):
            mine.weight.zero_()
            for head in range(2):
                mine.weight[head, 4 * head : 4 * head + 4] = yours[0, head]
    ends = torch.tensor([[0, 1, 2, 3, 1], [1, 0, 3, 2, 3]])
    x = torch.randn(4, 5)
    from benchmark.tasks.graphs.messages import edges_of

    torch.testing.assert_close(ours(x, edges_of(ends, 4), None), theirs(x, ends))


def mask_of(task: Task, folder: Path, seed: int) -> Tensor:
    mask: Tensor = task.source.splits(folder, seed).train.batch(torch.tensor([0])).mask
    return mask


def parts(splits: object) -> list[GraphData]:
    return [getattr(splits, name) for name in ("train", "validation", "test")]


# --- planted partition: the embedded one ------------------------------------------------------------------------------


def run(name: str, algorithm: str, options: dict[str, object] | None = None, **more: object) -> Record:
    task, chosen = registry.task(name), registry.algorithm(algorithm)
    cell = Cell(
        algorithm=algorithm,
        options=chosen.resolve(options or {}),
        task=name,
        model=str(more.get("model", next(iter(task.models)))),
        sparsity=0.9 if chosen.prunes else 0,
        budget="smoke",
        seed=0,
        pattern=str(more.get("pattern", "global")),
    )
    return answer(Question(cell, chosen, task))


PRUNERS = [
    ("dense", {}),
    ("random", {}),
    ("snip", {}),
    ("grasp", {}),
    ("synflow", {"rounds": 5}),
    ("granet", {"interval": 5}),
    ("imp", {"fraction": 0.5}),
]


@pytest.mark.runs
@pytest.mark.parametrize("model", ["gcn", *(pytest.param(model, marks=pytest.mark.slow) for model in ("sage", "gat"))])
@pytest.mark.parametrize(("algorithm", "options"), PRUNERS, ids=[name for name, _ in PRUNERS])
def test_every_kind_of_pruner_runs_on_every_kind_of_network(
    algorithm: str, options: dict[str, object], model: str
) -> None:
    record = run("planted-partition", algorithm, options, model=model)
    assert record.status == "ok", record.error
    assert record.density is not None
    assert record.density.edges == 1
    assert {"spectral_gap", "effective_resistance", "dirichlet_energy"} <= set(record.diagnosis)
    assert record.cost.training_flops > 0


@pytest.mark.runs
def test_channels_of_a_graph_network_are_pruned() -> None:
    assert run("planted-partition", "magnitude", pattern="channels").status == "ok"


def test_the_planted_graph_has_the_degree_and_the_noise_that_are_asked_for() -> None:
    splits = registry.task("planted-partition", {"nodes": 2000, "noise": 0.4, "degree": 12}).data(Path())
    data = splits.train
    labels = torch.arange(2000) % 4
    source, target = data.batch(torch.tensor([0])).edge_index
    assert data.edges * 2 / 2000 == pytest.approx(12, rel=0.05)
    assert float((labels[source] != labels[target]).double().mean()) == pytest.approx(0.4, abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cora", "texas", "chameleon"])
def test_real_tasks_train(name: str, real_data: Path) -> None:
    task, snip = registry.task(name), registry.algorithm("snip")
    cell = Cell(
        algorithm="snip",
        options=snip.resolve({}),
        task=name,
        task_options=registry.family(name).resolve({}),
        model="gcn",
        sparsity=0.5,
        budget="smoke",
        seed=0,
    )
    record = answer(Question(cell, snip, task, real_data))
    assert record.status == "ok", record.error
