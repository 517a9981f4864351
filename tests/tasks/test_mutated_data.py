"""Real data, each file changed in one way: nothing is read as if it were right. Checksums are set aside for this."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.data.folders import DataFolders
from benchmark.errors import DataMissing
from benchmark.plugins import registry

pytestmark = pytest.mark.slow

Change = Callable[[Path, Path], None]
"""Changes a file, given it and another of the data set that has the same kind."""


def cut(file: Path, other: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def half(file: Path, other: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def empty(file: Path, other: Path) -> None:
    file.write_bytes(b"")


def zeros(file: Path, other: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def text(file: Path, other: Path) -> None:
    file.write_text("<html>404: not found</html>\n")


def magic(file: Path, other: Path) -> None:
    content = bytearray(file.read_bytes())
    content[:4] = bytes(255 - byte for byte in content[:4])
    file.write_bytes(content)


def swapped(file: Path, other: Path) -> None:
    shutil.copyfile(other, file)


CHANGES: list[Change] = [cut, half, empty, zeros, text, magic, swapped]

SETS = {
    "mnist": [
        f"MNIST/raw/{part}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1") for part in ("train", "t10k")
    ],
    "cifar10": [f"cifar-10-batches-py/{name}" for name in ("data_batch_1", "test_batch")],
    "cora": [f"planetoid/Cora/raw/ind.cora.{part}" for part in ("x", "tx", "allx", "y", "ty", "ally", "graph")],
    "citeseer": [f"planetoid/CiteSeer/raw/ind.citeseer.{part}" for part in ("x", "tx", "allx", "ty", "ally", "graph")],
    "texas": ["heterophilous/texas/raw/texas.npz", "heterophilous/wisconsin/raw/wisconsin.npz"],
    "minesweeper": ["heterophilous/minesweeper/raw/minesweeper.npz", "heterophilous/tolokers/raw/tolokers.npz"],
}
FOREIGN = {name: SETS[name][1] for name in ("texas", "minesweeper")}
"""Files of other tasks, to be put in place of theirs."""

CASES = [
    (name, file, change)
    for name, files in SETS.items()
    for file in files
    for change in CHANGES
    if file != FOREIGN.get(name)
]
SAME_KIND = {"cifar10", "texas"}
"""Batches of CIFAR have one form, and so have graphs of universities: their checksums alone tell one from another."""


@pytest.fixture
def copy(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def copied(name: str) -> Path:
        for file in {*registry.task(name).source.files, *SETS[name]}:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(real_data / file, tmp_path / file)
        return tmp_path

    return copied


@pytest.mark.parametrize(("name", "file", "change"), CASES)
def test_a_changed_file_is_refused(name: str, file: str, change: Change, copy: Callable[[str], Path]) -> None:
    root, source = copy(name), registry.task(name).source
    change(root / file, root / SETS[name][SETS[name].index(file) - 1])
    with pytest.raises(DataMissing, match="corrupt are"):
        DataFolders(root).readable(name, source)
    if not (change is swapped and name in SAME_KIND):
        with pytest.raises(ValueError, match=str(root)):
            source(root)


def arrays(**changes: Callable[[Any], Any]) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        with np.load(file) as stored:
            content = dict(stored)
        np.savez(file, **{name: changes.get(name, lambda array: array)(array) for name, array in content.items()})

    return change


def pickled(edit: Callable[[Any], Any]) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        content = pickle.loads(file.read_bytes(), encoding="latin1")  # our own copy of the real file
        file.write_bytes(pickle.dumps(edit(content)))

    return change


def places(numbers: Iterable[int]) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.write_text("".join(f"{number}\n" for number in numbers))

    return change


def labels(edit: Callable[[Any], Any]) -> Callable[[Path], None]:
    return pickled(lambda batch: batch | {"labels": edit(batch["labels"])})


BATCH = SETS["cifar10"][0]
TEXAS, CORA = "heterophilous/texas/raw/texas.npz", "planetoid/Cora/raw/ind.cora."
INSIDE: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "NaN": ("texas", TEXAS, arrays(node_features=lambda x: np.where(x > 0, np.nan, x.astype(float)))),
    "one node less": ("texas", TEXAS, arrays(node_features=lambda x: x[:-1])),
    "one label less": ("texas", TEXAS, arrays(node_labels=lambda y: y[:-1])),
    "one feature less": ("texas", TEXAS, arrays(node_features=lambda x: x[:, :-1])),
    "a class more": ("texas", TEXAS, arrays(node_labels=lambda y: y + 1)),
    "labels as floats": ("texas", TEXAS, arrays(node_labels=lambda y: y.astype(float))),
    "edges to nowhere": ("texas", TEXAS, arrays(edges=lambda e: e + 1)),
    "edges as floats": ("texas", TEXAS, arrays(edges=lambda e: e.astype(float))),
    "edges turned": ("texas", TEXAS, arrays(edges=lambda e: e.T)),
    "no test nodes": ("texas", TEXAS, arrays(test_masks=lambda m: m & False)),
    "test nodes are trained": ("texas", TEXAS, arrays(train_masks=lambda m: ~m)),
    "masks as integers": ("texas", TEXAS, arrays(train_masks=lambda m: m.astype(np.int64))),
    "masks as objects": ("texas", TEXAS, arrays(train_masks=lambda m: m.astype(object))),
    "short batch": (
        "cifar10",
        SETS["cifar10"][0],
        pickled(lambda b: {"data": b["data"][:9], "labels": b["labels"][:9]}),
    ),
    "labels short": ("cifar10", BATCH, labels(lambda y: y[:-1])),
    "label 10": ("cifar10", BATCH, labels(lambda y: [10, *y[1:]])),
    "label -1": ("cifar10", BATCH, labels(lambda y: [-1, *y[1:]])),
    "labels as floats in CIFAR": ("cifar10", BATCH, labels(lambda y: [float(v) for v in y])),
    "pixels as floats": ("cifar10", BATCH, pickled(lambda b: b | {"data": b["data"] / 255})),
    "neighbours nowhere": ("cora", f"{CORA}graph", pickled(lambda g: {k: [v + 1 for v in n] for k, n in g.items()})),
    "two classes": ("cora", f"{CORA}ally", pickled(lambda y: y + 1)),
    "no class": ("cora", f"{CORA}ty", pickled(lambda y: y * 0)),
    "test node twice": ("cora", f"{CORA}test.index", places([1708] * 1000)),
    "test nodes trained": (
        "cora",
        f"{CORA}test.index",
        lambda f: f.write_text("\n".join(map(str, range(1000)))) and None,
    ),
}


@pytest.mark.parametrize("case", INSIDE)
def test_a_file_that_is_whole_and_wrong_inside_is_refused(case: str, copy: Callable[[str], Path]) -> None:
    name, file, change = INSIDE[case]
    root, source = copy(name), registry.task(name).source
    change(root / file)
    with pytest.raises(DataMissing, match="corrupt are"):
        DataFolders(root).readable(name, source)
    with pytest.raises(ValueError, match=str(root)):
        source(root)


# --- long-range graphs, of which no checksums are published -----------------------------------------------------------

MOLECULES: dict[str, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {
    "an atom of no kind": lambda row: (row[0] + 300, *row[1:]),
    "an edge to nowhere": lambda row: (*row[:2], row[2] + len(row[0]), row[3]),
    "a bond less": lambda row: (row[0], row[1][:-1], *row[2:]),
    "a label less": lambda row: (*row[:3], row[3][:, 1:]),
    "labels of NaN": lambda row: (*row[:3], row[3] * torch.nan),
    "no labels": lambda row: row[:3],
    "atoms as floats": lambda row: (row[0].float(), *row[1:]),
}


WORDS = {change.__name__: change for change in CHANGES[:6]}


@pytest.mark.parametrize("case", [*MOLECULES, *WORDS, "fewer"])
def test_changed_molecules_are_refused(
    case: str, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = registry.task("peptides-func").source
    train, validation, test = (tmp_path / file for file in source.files)
    train.parent.mkdir(parents=True)
    rows = torch.load(real_data / source.files[1], weights_only=True)[:50]
    for file in (train, validation, test):
        torch.save(rows, file)
    if case in MOLECULES:
        torch.save([rows[0], MOLECULES[case](rows[1]), *rows[2:]], test)
    if case in WORDS:
        WORDS[case](test, train)
    whole = "50 graphs for training and 100 others; published are 10,873 and 4,662"
    with pytest.raises(DataMissing, match=whole if case == "fewer" else f"cannot be read: {test}"):
        DataFolders(tmp_path).readable("peptides-func", source)
