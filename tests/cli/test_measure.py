"""`bench measure`, and `bench export` to ONNX and to programs of torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from benchmark.deployment import gpu
from benchmark.deployment import measure as measuring
from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.command import SMOKE, Bench, assert_one_clear_line

pytestmark = pytest.mark.runs

QUICK = ("--rounds", "6", "--batch", "1,3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("measured")


@pytest.fixture
def store(folder: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Pruned networks on the digits, which are trained once for all tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for pattern in ("global", "channels"):
        words = ["--pattern", pattern, "--sparsity", "0.5", "--budget", "smoke", "--jobs", "0"]
        assert bench("run", "--algo", "snip", "--task", "digits", *words, "--results", folder / "results").code == 0
    return Store(folder / "results")


def of(store: Store, pattern: str) -> Record:
    return next(record for record in store if record.cell.pattern == pattern)


def test_zeros_are_measured_in_torch_and_as_compressed_rows(store: Store, bench: Bench) -> None:
    key = of(store, "global").key[:12]
    words = (*QUICK, "--runtime", "torch,csr", "--results", store.root)
    ended = bench("measure", key, *words, "--format", "json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert [(one["runtime"], one["batch"]) for one in found] == [("torch", 1), ("csr", 1), ("torch", 3), ("csr", 3)]
    for one in found:
        assert one["seconds"]["low"] <= one["seconds"]["median"] <= one["seconds"]["high"]
    assert found[0]["size"] == found[0]["parent_size"] == found[1]["parent_size"]
    assert "csr, 3" in bench("leaderboard", "--view", "speed", "--results", store.root).out
    again = bench("run", "--algo", "snip", *SMOKE, "--sparsity", "0.5", "--jobs", "0", "--results", store.root)
    assert "csr, 3" in again.out, "bench run prints the same board"


@pytest.mark.slow
def test_removed_channels_are_cut_before_they_are_measured(store: Store, bench: Bench) -> None:
    ended = bench("measure", of(store, "channels").key[:12], *QUICK[:2], "--results", store.root, "--format", "json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert {one["runtime"] for one in found} <= {"torch", "onnxruntime"}
    assert {one["batch"] for one in found} == {1, 128}
    assert "without csr: no layer of this network has zeros" in ended.err
    assert all(one["size"] < one["parent_size"] / 1.5 for one in found)


def test_a_runtime_that_answers_otherwise_is_not_measured(
    store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtimes = dict(measuring.RUNTIMES)
    runtimes["csr"] = replace(
        runtimes["torch"], prepare=lambda network, zeros, call: nn.Sequential(network, nn.Softmax(1))
    )
    monkeypatch.setattr(measuring, "RUNTIMES", runtimes)
    ended = bench("measure", of(store, "global").key[:12], *QUICK, "--runtime", "csr", "--results", store.root)
    assert ended.code == 5
    assert "in csr, outputs are" in ended.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--runtime", "onxruntime"), "no runtime named 'onxruntime'. Did you mean 'onnxruntime'?"),
        (("--batch", "0"), "--batch must be numbers of examples"),
    ],
)
def test_wrong_words_are_one_line(store: Store, bench: Bench, words: tuple[str, ...], message: str) -> None:
    ended = bench("measure", of(store, "global").key[:12], *words, "--results", store.root)
    assert ended.code == 2
    assert message in ended.err


def test_a_network_is_not_measured_in_the_place_of_another(store: Store, bench: Bench, tmp_path: Path) -> None:
    """A file of another folder may be named; the record of its cell here has other masks."""
    record = of(store, "global")
    other = Store(tmp_path / "other")
    other.put(record.model_copy(update={"mask_digest": "0" * 64}))
    ended = bench("measure", store.path(record.cell), *QUICK, "--runtime", "torch", "--results", other.root)
    assert_one_clear_line(ended, 2, f"has another network of record {record.key[:8]}")
    assert not (other.root / "measured").exists()
    ended = bench("measure", store.path(record.cell), *QUICK, "--runtime", "torch", "--results", tmp_path / "empty")
    assert ended.code == 0, ended.err


def test_what_cannot_be_measured_says_why(store: Store, bench: Bench) -> None:
    ended = bench("measure", of(store, "channels").key[:12], "--runtime", "csr", "--results", store.root)
    assert ended.code == 2
    assert "csr cannot be measured: no layer of this network has zeros" in ended.err


@pytest.mark.slow
def test_without_a_gpu_one_line_says_what_is_not_measured(
    store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    key = of(store, "channels").key[:12]
    ended = bench("measure", key, "--batch", "1", "--rounds", "6", "--results", store.root)
    assert ended.code == 0
    assert "without cuda, 2:4: torch finds no CUDA device here" in ended.err.splitlines()
    ended = bench("measure", key, "--runtime", "2:4", "--results", store.root)
    assert_one_clear_line(ended, 2, "2:4 cannot be measured: torch finds no CUDA device here")


# --- export -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["global", "channels"])
def test_a_program_answers_as_the_network_does(store: Store, bench: Bench, tmp_path: Path, pattern: str) -> None:
    words = ("--results", store.root, "--to", tmp_path / "net", "--format", "torch,safetensors")
    assert bench("export", of(store, pattern).key[:12], *words).code == 0
    weights = load_file(tmp_path / "net" / "weights.safetensors")
    program = torch.export.load(tmp_path / "net" / "network.pt2")
    inputs = torch.randn(7, 1, 8, 8)
    x = inputs.flatten(1)
    for layer in ("fc1", "fc2", "fc3"):
        x = nn.functional.linear(
            x if layer == "fc1" else x.relu(), weights[f"{layer}.weight"], weights[f"{layer}.bias"]
        )
    assert torch.allclose(program.module()(inputs), x, atol=1e-5)


def test_onnx_is_compared_before_it_is_written(store: Store, bench: Bench, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="ONNX is not installed: pip install 'prunebench[onnx]'")
    onnxruntime = pytest.importorskip("onnxruntime")
    words = ("--results", store.root, "--to", tmp_path / "net", "--format", "onnx,torch")
    assert bench("export", of(store, "channels").key[:12], *words).code == 0
    session = onnxruntime.InferenceSession(tmp_path / "net" / "network.onnx")
    inputs = torch.randn(3, 1, 8, 8)
    [answer] = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    program = torch.export.load(tmp_path / "net" / "network.pt2").module()
    assert torch.allclose(torch.from_numpy(answer), program(inputs), atol=1e-4)
    assert not (tmp_path / "net" / "weights.safetensors").exists()


def test_an_unknown_format_is_one_line(store: Store, bench: Bench, tmp_path: Path) -> None:
    key = of(store, "global").key[:12]
    ended = bench("export", key, "--results", store.root, "--to", tmp_path / "net", "--format", "onx")
    assert ended.code == 2
    assert "no format named 'onx'. Did you mean 'onnx'?" in ended.err
    assert not (tmp_path / "net").exists()


def test_of_a_program_for_sparse_tensor_cores_one_line_says_why_it_is_not_there(
    store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Layers of the digits are smaller than what these cores take, so that other sizes fit here."""
    words = ["--pattern", "2:4", "--sparsity", "0.5", "--budget", "smoke", "--jobs", "0", "--results", store.root]
    assert bench("run", "--algo", "snip", "--task", "digits", *words).code == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu, "OUTPUTS", 2)
    monkeypatch.setattr(gpu, "INPUTS", 4)
    key = of(store, "2:4").key[:12]
    ended = bench("export", key, "--results", store.root, "--to", tmp_path / "net", "--format", "torch")
    assert ended.code == 0, ended.err
    assert "without network-2-4.pt2: torch finds no CUDA device here" in ended.err.splitlines()
    assert {file.name for file in (tmp_path / "net").iterdir()} == {"network.pt2", "record.json"}
