"""The numbers of the pages in results/ are those of the committed records.

Tables are compared cell by cell with the leaderboard. In sentences, every interval, and every p with four digits, is
one that the page's own `bench compare` and `bench leaderboard --view controls` print.
"""

from __future__ import annotations

import io
import re
import shlex
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd
import pytest

from benchmark import board
from tests.support.command import ROOT, bench_here
from tests.support.documents import blocks, tables

pytestmark = [pytest.mark.runs, pytest.mark.slow]

RESULTS = ROOT / "results"
ITOP = "interval=200,fraction=0.5,end=1.0"
NAMES = {
    "mnist-short.md": {
        "gmp": "gmp:power=1.0",
        "gmp, powerpropagation": "gmp:power=2.0",
        "rigl": "rigl:interval=100",
        "rigl, ITOP's recipe": f"rigl:{ITOP}",
        "set": "set:interval=100",
        "set, ITOP's recipe": f"set:{ITOP}",
        "random, ERK": "random:distribution=erk",
        "srigl, equal fan-in": "srigl",
    },
    "mnist-trained.md": {
        "dense, trained as long": "dense",
        "fisher, blocks of 50, damping 1e-4": "fisher:block=50,damping=0.0001,correct=True",
        "fisher, blocks of 50, damping 1e-4, uncorrected": "fisher:block=50,damping=0.0001,correct=False",
        "fisher, blocks of 50, damping 1e-7": "fisher:block=50,damping=1e-07,correct=True",
        "fisher, blocks of 50, damping 1e-7, uncorrected": "fisher:block=50,damping=1e-07,correct=False",
        "fisher, diagonal, damping 1e-4": "fisher:block=1,damping=0.0001",
        "fisher, diagonal, damping 1e-7": "fisher:block=1,damping=1e-07",
        "magnitude": "magnitude:score=magnitude",
        "magnitude, squares": "magnitude:score=square",
    },
    "imagenet-subset-starts.md": {},
    "cifar10-cpu.md": {
        "IMP, three rounds, rates rewound (`imp:rounds=3,retrain=rate`)": "imp:rounds=3",
        "GMP": "gmp",
        "GraNet": "granet",
        "one-shot magnitude, the last 0.3 of the rates again (`imp:rounds=1,rewind=0.7,retrain=rate`)": "imp:rounds=1",
        "random masks at ERK's layer densities": "random:distribution=erk",
        "RigL": "rigl",
        "SynFlow": "synflow",
        "SNIP": "snip",
        "AC/DC": "acdc",
    },
}
"""What stands in the first column of a page's tables, where it is not the method's name: its label on leaderboards."""

Where = dict[str, Any]
SPARSITIES: dict[str, Where] = {f"{one:g}": {"sparsity": one} for one in (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98)}
COSTS: dict[str, Where] = {"trainings": {"sparsity": 0.98}, "GFLOPs": {"sparsity": 0.98}}
WEIGHTS = {head: at | {"pattern": "global"} for head, at in SPARSITIES.items()} | {"2:4": {"pattern": "2:4"}}
CHANNELS = {head: at | {"pattern": "channels"} for head, at in SPARSITIES.items()}
PRUNED, TRAINED = {"budget": "short, not fine-tuned"}, {"budget": "short, fine-tuned 0.1"}
PRUNED_OR_TRAINED = {head: CHANNELS[head] | PRUNED for head in ("0.3", "0.5")} | {
    f"{head}, trained on": CHANNELS[head] | TRAINED for head in ("0.3", "0.5")
}
PERCEPTRON: Where = {"task_label": "mnist", "model": "lenet-300-100 from 9c562b43"}
CONVOLUTIONS: Where = {"task_label": "mnist", "model": "lenet-5 from babf909c"}
IMAGENET: Where = {"task_label": "imagenet-subset"}


@dataclass(frozen=True)
class Means:
    """A table of means: the rows of the leaderboard that it shows, and which of them each column does."""

    page: str
    number: int
    where: Where
    columns: dict[str, Where] = field(default_factory=lambda: WEIGHTS)

    def __str__(self) -> str:
        return f"{self.page}-{self.number}"


MEANS = [
    Means(
        "mnist-short.md",
        0,
        {"task_label": "mnist", "model": "lenet-300-100", "budget": "short"},
        SPARSITIES | COSTS,
    ),
    Means("mnist-trained.md", 0, PERCEPTRON | PRUNED),
    Means("mnist-trained.md", 1, PERCEPTRON | {"budget": "short, fine-tuned 0.2"}),
    Means("mnist-trained.md", 2, CONVOLUTIONS | PRUNED),
    Means("mnist-trained.md", 3, CONVOLUTIONS | TRAINED),
    Means("mnist-trained.md", 4, CONVOLUTIONS, PRUNED_OR_TRAINED),
    Means("imagenet-subset-starts.md", 0, IMAGENET | PRUNED),
    Means("imagenet-subset-starts.md", 1, IMAGENET | PRUNED, CHANNELS),
    Means("imagenet-subset-starts.md", 2, IMAGENET | {"budget": "short, fine-tuned 0.05"}),
    Means("imagenet-subset-starts.md", 3, IMAGENET | {"budget": "short, fine-tuned 0.05"}, CHANNELS),
    Means("cifar10-cpu.md", 0, {"task_label": "cifar10:recipe=cpu,precision=bfloat16"}, SPARSITIES | COSTS),
]


@pytest.mark.parametrize("table", MEANS, ids=str)
def test_a_table_of_means_is_the_leaderboards(table: Means) -> None:
    head, *lines = tables((RESULTS / table.page).read_text())[table.number]
    for column, cells in zip(head[1:], list(zip(*lines, strict=True))[1:], strict=True):
        names = [NAMES[table.page].get(line[0], line[0]) for line in lines]
        rows = [row(name, table.where | table.columns[column]) for name in names]
        for name, one, cell in zip(names, rows, cells, strict=True):
            dense = name == "dense" and not cell  # which is shown in the first column
            assert dense or cell.replace("**", "") == shown(one, column, cell), f"{name} in column {column}"
        bold = [one["mean"] for one, cell in zip(rows, cells, strict=True) if one is not None and "**" in cell]
        best = max(one["mean"] for one in rows if one is not None and one["algorithm"] != "dense")
        assert set(bold) <= {best}, f"what is bold in column {column} is not its best"


def shown(one: Any, column: str, cell: str) -> str:
    """What the page shows of a row: with four digits, the standard deviation, too, unless it is 0."""
    if one is None:
        return ""
    if column == "trainings":
        return f"{one['cost.trainings']:.1f}".removesuffix(".0")
    if column == "GFLOPs":
        return f"{(one['cost.training_flops'] + one['cost.scoring_flops']) / 1e9:,.0f}"
    if re.fullmatch(r"0\.\d{3}", cell):
        return f"{one['mean']:.3f}"
    spread = f"{one['std']:.4f}"
    return f"{one['mean']:.4f}" + (f" ({spread})" if float(spread) else "")


def test_the_table_of_snip_is_the_leaderboards_beside_the_published_one() -> None:
    paper = pd.read_csv(RESULTS / "published" / "lee2019-snip.csv")
    printed = paper[(paper.model == "lenet-300-100") & paper.algorithm.isin(["dense", "snip"])]
    accuracies = dict(zip(printed.sparsity, printed["mean"], strict=True))
    lines = tables((RESULTS / "mnist-snip.md").read_text())[0][1:]
    assert len(lines) == 3
    for name, sparsity, *cells in lines:
        label = "dense" if name == "dense" else "snip:reinit=False"
        one = row(label, {"task_label": "mnist:recipe=snip", "sparsity": float(sparsity)})
        there = accuracies[float(sparsity)]
        here = f"{one['mean']:.4f}" + (f" (sd {one['std']:.4f})" if one["n"] > 1 else "")
        assert cells == [here, str(one["n"]), f"{there:.3f}", f"{one['mean'] - there:.3f}"]


@pytest.mark.parametrize(("number", "model"), [(1, "lenet-300-100"), (2, "lenet-5")])
def test_what_imp_loses_under_its_controls_is_what_the_view_prints(number: int, model: str) -> None:
    view = answer("leaderboard --task mnist --budget short --view controls")
    head, *lines = tables((RESULTS / "mnist-short.md").read_text())[number]
    controls = {"other initial weights": "reinit", "positions shuffled within layers": "shuffle"}
    assert [line[0] for line in lines] == list(controls)
    for name, *cells in lines:
        of = view[(view.model == model) & (view.algorithm == "imp") & (view.control == controls[name])]
        assert dict(zip(map(float, head[1:]), cells, strict=True)) == dict(zip(of.sparsity, intervals(of), strict=True))


def test_the_table_of_edges_is_what_its_command_prints() -> None:
    page = (RESULTS / "edges.md").read_text()
    [line] = re.findall("^bench (compare .*)$", page, re.MULTILINE)
    _, first, second, *_ = line.split()
    assert (first, second) == ("spectral:edges=50,mode=delete", "random-edges:edges=50,mode=delete")
    edits = {"deleting": "mode=delete", "adding": "mode=add", "50": "edges=50", "10 %": "edges=0.1"}
    head, *lines = tables((RESULTS / "edges.md").read_text())[0]
    for name, *cells in lines:
        for column, cell in zip(head[1:], cells, strict=True):
            if not cell:
                assert name == "Minesweeper"
                continue
            mode, _, share = column.partition(" ")
            options = f"{edits[share]},{edits[mode]}"
            told = answer(f"compare spectral:{options} random-edges:{options} --task {name.lower()}")
            [one] = told.itertuples()
            apart = one.ci_low > 0 or one.ci_high < 0
            bold = "**" if apart else ""
            assert cell == f"{bold}{one.difference:+.4f}{bold} [{one.ci_low:+.4f}, {one.ci_high:+.4f}]"
            assert not apart or f"p = {one.p:.3f}" in page, f"{name}, {column}: {one.p}"


@pytest.mark.parametrize("page", ["mnist-short.md", "mnist-trained.md", "cifar10-short.md", "cifar10-cpu.md"])
def test_intervals_in_sentences_are_what_the_commands_of_the_page_print(page: str) -> None:
    lines = [line for block in blocks("sh", f"results/{page}") for line in block.text.splitlines()]
    told = pd.concat([answer(line[6:]) for line in lines if line.startswith(("bench compare", "bench leaderboard"))])
    turned = told.assign(difference=-told.difference, ci_low=-told.ci_high, ci_high=-told.ci_low)
    known = intervals(told) + intervals(turned)
    prose = re.sub(r"^(\|.*|```(.|\n)*?```)$", "", (RESULTS / page).read_text(), flags=re.MULTILINE)
    text = " ".join(prose.split())
    quoted = re.findall(r"(?:-?0\.\d+ )?\[-?0\.\d+, -?0\.\d+\]", text)
    assert quoted
    for one in quoted:
        assert any(interval.endswith(one) for interval in known), one
    corrected = {f"{p:.4f}" for p in told.p_corrected.dropna()}
    assert set(re.findall(r"\b0\.\d{4}\b", " ".join(re.findall(r"\(p [^)]*", text)))) <= corrected


def row(name: str, where: Where) -> Any:
    """The one row of the leaderboard with this name, which may leave out options; None if there is none."""
    everything = leaderboard()
    named = set(re.split("[:,]", name))
    fits = everything.label.map(lambda label: named <= set(re.split("[:,]", label)) and "control=" not in label)
    for column, value in where.items():
        if name != "dense" or column not in ("sparsity", "pattern"):
            fits &= everything[column] == value
    assert fits.sum() <= 1, f"several rows are {name} {where}"
    return everything[fits].iloc[0] if fits.any() else None


@cache
def leaderboard() -> pd.DataFrame:
    return board(RESULTS, task=["mnist", "cifar10", "imagenet-subset"])


@cache
def answer(words: str) -> pd.DataFrame:
    """What `bench` prints of the committed records, as a table."""
    ended = bench_here(*shlex.split(words, comments=True), "--results", RESULTS, "--format", "csv")
    assert ended.code == 0, ended.err
    return pd.read_csv(io.StringIO(ended.out))


def intervals(of: pd.DataFrame) -> list[str]:
    """Differences with their intervals, as the pages have them."""
    numbers = zip(of.difference, of.ci_low, of.ci_high, strict=True)
    return [f"{difference:.3f} [{low:.3f}, {high:.3f}]" for difference, low, high in numbers]
