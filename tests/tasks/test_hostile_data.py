"""Files that run a program when they are loaded by their usual loaders, in place of every file of every data set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from benchmark import DataSource
from benchmark.plugins import catalog, registry
from tests.support.command import Bench
from tests.support.hostile_files import HOSTILE, Runs

NAMES = ["mnist", "cifar10", "cifar100", "imagenet-subset", "tiny-imagenet"]
NAMES += ["cora", "citeseer", "pubmed", "texas", "minesweeper"]
NAMES += ["mutag", "enzymes", "proteins", "imdb-binary", "reddit-binary", "collab"]
NAMES += ["peptides-func", "peptides-struct", "pcqm-contact", "pascalvoc-sp", "coco-sp"]
NAMES += ["sst2", "text", "mlm", "text-lm", "wikitext", "split-mnist", "permuted-mnist", "split-cifar100"]
PICKLE = HOSTILE["deep in containers"]


@pytest.fixture
def proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the files make when they are run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(tmp_path / "results"))
    return tmp_path / "proof"


def lay(source: DataSource, root: Path, content: bytes) -> None:
    for name in source.files:
        file = root / name
        if name.startswith("imagenette"):
            file = file / "cat" / "0.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    legacy = root / "MNIST" / "processed"
    legacy.mkdir(parents=True, exist_ok=True)
    for name in ("training.pt", "test.pt"):
        (legacy / name).write_bytes(content)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_runs_what_lies_in_the_files(name: str, proof: Path, bench: Bench, tmp_path: Path) -> None:
    source = registry.task(name).source
    lay(source, tmp_path / "root", PICKLE(proof))
    root = ("--data-root", tmp_path / "root")
    verified = bench("data", "verify", name, *root)
    run = bench("run", "--algo", "dense", "--task", name, "--budget", "smoke", "--jobs", "0", *root)
    bench("doctor", *root)
    assert (verified.code, run.code) == (4, 4)
    assert f"'{name}'" in run.err
    assert not proof.exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", [*HOSTILE, "torch"])
def test_no_reader_runs_what_lies_in_the_files(name: str, kind: str, proof: Path, tmp_path: Path) -> None:
    """Readers are called as such, without the checksums that stand before them."""
    source = registry.task(name).source
    if kind == "torch":
        torch.save([Runs(os.mkdir, str(proof))], tmp_path / "content")
        content = (tmp_path / "content").read_bytes()
    else:
        content = HOSTILE[kind](proof)
    lay(source, tmp_path / "root", content)
    with pytest.raises(ValueError, match=str(tmp_path / "root") if name != "imagenet-subset" else "imagenette"):
        source(tmp_path / "root")
    assert not proof.exists()


def test_every_task_whose_data_are_files_is_tried() -> None:
    """Of the heterophilous graphs, which one reader reads, two are."""
    built_in = [name for name, plugin in catalog.plugins("task").items() if plugin.distribution == catalog.BUILT_IN]
    left = {name: registry.task(name).source.files for name in built_in if name not in NAMES}
    assert all(file.startswith("heterophilous/") for files in left.values() for file in files)
