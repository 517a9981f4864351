"""An exported network is the one that was measured: trained again to the same bits, or not written at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.func import functional_call

from benchmark.contract.toy import toy
from benchmark.pruning.masks import Masks
from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line
from tests.support.masks import digest
from tests.support.outside import plant

pytestmark = pytest.mark.runs


@pytest.fixture
def store(tmp_path: Path, bench: Bench) -> Store:
    """Two pruned networks on the digits."""
    for pattern in ("global", "channels"):
        words = ["--pattern", pattern, "--sparsity", "0.5", "--budget", "smoke", "--jobs", "0"]
        assert bench("run", "--algo", "snip", "--task", "digits", *words, "--results", tmp_path / "results").code == 0
    return Store(tmp_path / "results")


def of(store: Store, pattern: str) -> Record:
    return next(record for record in store if record.cell.pattern == pattern)


def test_weights_and_masks_are_those_of_the_record(store: Store, bench: Bench, tmp_path: Path) -> None:
    record = of(store, "global")
    assert bench("export", record.key[:12], "--results", store.root, "--to", tmp_path / "net").code == 0
    weights, masks = load_file(tmp_path / "net" / "weights.safetensors"), load_file(tmp_path / "net/masks.safetensors")
    assert digest(Masks(masks)) == record.mask_digest
    assert all(torch.equal(weights[name] != 0, mask & (weights[name] != 0)) for name, mask in masks.items())
    assert json.loads((tmp_path / "net" / "record.json").read_text())["key"] == record.key
    assert not (tmp_path / "net" / "smaller.safetensors").exists()


def test_under_channels_the_smaller_network_comes_too(store: Store, bench: Bench, tmp_path: Path) -> None:
    key = of(store, "channels").key
    assert bench("export", key[:12], "--results", store.root, "--to", tmp_path / "net").code == 0
    full, small = (load_file(tmp_path / "net" / f"{name}.safetensors") for name in ("weights", "smaller"))
    assert full["fc3.weight"].shape[0] == small["fc3.weight"].shape[0] == 10
    assert sum(t.numel() for t in small.values()) < sum(t.numel() for t in full.values()) / 1.5
    live = full["fc1.weight"].abs().sum(dim=1) > 0
    assert torch.equal(full["fc1.weight"][live], small["fc1.weight"])


def test_from_the_files_alone_both_networks_answer_alike(
    bench: Bench, known: Callable[[Path], None], tmp_path: Path
) -> None:
    """Trained with batch norm and shortcuts; and the answers are those that were measured."""
    plant(tmp_path / "site", "task", "shortcuts", "from benchmark.contract.toy import toy as shortcuts\n")
    known(tmp_path / "site")
    results, words = tmp_path / "results", ["--model", "residual", "--pattern", "channels", "--budget", "smoke"]
    words += ["--algo", "magnitude", "--task", "shortcuts", "--sparsity", "0.5", "--jobs", "0"]
    assert bench("run", *words, "--results", results).code == 0
    [record] = Store(results)
    assert bench("export", record.key[:12], "--results", results, "--to", tmp_path / "net").code == 0
    names = ("weights", "masks", "smaller")
    full, masks, small = (load_file(tmp_path / "net" / f"{name}.safetensors") for name in names)
    assert all(not full[name][~mask].any() and full[name][mask].any() for name, mask in masks.items())
    network, (points, labels) = toy.model("residual")().eval(), toy.data(Path()).test.batch(torch.arange(80))
    answers = [functional_call(network, tensors, points, strict=True) for tensors in (full, small)]
    assert torch.allclose(*answers, rtol=0, atol=1e-5)
    assert (answers[1].argmax(dim=1) == labels).double().mean().item() == record.metrics["accuracy"]
    assert sum(t.numel() for t in small.values()) < sum(t.numel() for t in full.values()) / 1.5


def test_a_record_that_does_not_hold_is_exit_code_5_and_nothing_is_written(
    store: Store, bench: Bench, tmp_path: Path
) -> None:
    record = of(store, "global")
    store.put(record.model_copy(update={"mask_digest": "0" * 64}))
    ended = bench("export", record.key[:12], "--results", store.root, "--to", tmp_path / "net")
    assert ended.code == 5
    assert "another mask digest" in ended.err
    assert not (tmp_path / "net").exists()


def test_a_place_that_cannot_be_made_is_told_before_training(store: Store, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = bench("export", of(store, "global").key[:12], "--results", store.root, "--to", tmp_path / "file" / "net")
    assert ended.code == 2
    assert "cannot be made" in ended.err


@pytest.mark.parametrize("way", ["as it is", "the folder one is in", "a link"])
def test_an_empty_folder_gets_the_files_and_all_may_read_them(
    store: Store, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    place = {"as it is": folder, "the folder one is in": ".", "a link": tmp_path / "link"}[way]
    before = folder.stat().st_ino
    ended = bench("export", of(store, "global").key[:12], "--results", store.root, "--to", place)
    assert ended.code == 0, ended.err
    found = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
    assert found == dict.fromkeys(("masks.safetensors", "record.json", "weights.safetensors"), 0o644)
    assert folder.stat().st_ino == before, "whoever is in it stays in it"


def test_a_missing_extra_is_told_before_training(
    store: Store, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmark.deployment.onnx.available", lambda: False)
    monkeypatch.setattr("benchmark.sweep.again.network_of", lambda *_: pytest.fail("it is trained"))
    words = ("--results", store.root, "--to", tmp_path / "net", "--format", "onnx")
    assert_one_clear_line(bench("export", of(store, "global").key[:12], *words), 3, "pip install 'prunebench[onnx]'")


@pytest.mark.slow
def test_that_metrics_are_of_edited_graphs_is_told(bench: Bench, tmp_path: Path) -> None:
    """Its edges are no part of a network, so that on its own it answers otherwise."""
    words = ("--task", "planted-partition", "--budget", "smoke", "--jobs", "0", "--results", tmp_path / "results")
    assert bench("run", "--algo", "random-edges:edges=3", *words).code == 0
    [record] = Store(tmp_path / "results")
    told = f"{record.key[:8]}: its metrics are of graphs whose edges random-edges has edited"
    words = (record.key[:12], "--results", tmp_path / "results")
    ended = bench("export", *words, "--to", tmp_path / "net")
    assert f"{told}; the files do not have them" in ended.err.splitlines()
    ended = bench("measure", *words, "--runtime", "torch", "--batch", "1", "--rounds", "6")
    assert f"{told}; both networks are timed without them" in ended.err.splitlines()


def test_a_full_folder_is_left_alone(store: Store, bench: Bench, tmp_path: Path) -> None:
    ended = bench("export", of(store, "global").key[:12], "--results", store.root, "--to", store.root)
    assert ended.code == 2
    assert "is not empty" in ended.err
