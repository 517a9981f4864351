"""`bench run --start`: every kind of start is found or asked for by name, never replaced by a draw."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmark.files import user_cache
from benchmark.harness.network import build
from benchmark.plugins import registry
from benchmark.results.record import Record
from benchmark.results.store import Store
from benchmark.training.state import network_digest, tensors
from tests.support.command import Bench, assert_one_clear_line
from tests.support.outside import plant

pytestmark = pytest.mark.runs

DIGITS = ["--task", "digits", "--budget", "smoke", "--jobs", "0"]
DENSE = ["run", "--algo", "dense", *DIGITS]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def first(bench: Bench, own: Store) -> Record:
    """A record whose network is a start."""
    assert bench("run", "--algo", "snip", *DIGITS, "--sparsity", "0.8").code == 0
    return next(iter(own))


def begun(own: Store) -> Record:
    """The record of the cell that has a start."""
    [record] = [record for record in own if record.cell.start]
    return record


def kept() -> list[Path]:
    return sorted((user_cache() / "starts").iterdir())


def edited(file: Path) -> None:
    values = load_file(file)
    save_file({name: value + 1 for name, value in values.items()}, file)


# --- the network of a record ------------------------------------------------------------------------------------------


def test_a_prefix_names_the_network_of_a_record_which_is_trained_again_once(
    bench: Bench, own: Store, first: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench(*DENSE, "--start", first.key[:8], "--finetune", "0").code == 0
    record = begun(own)
    assert (record.cell.start, record.metrics) == (first.key, first.metrics)
    assert record.provenance["start"]["cost"]["trainings"] == 1
    assert f"--start {first.key} --finetune 0.0" in str(record.provenance["command"])
    assert [file.stem for file in kept()] == [f"{first.key}-{first.network_digest}"]
    monkeypatch.setattr("benchmark.sweep.again.answered_again", lambda *_: pytest.fail("it was trained again"))
    assert bench(*DENSE, "--start", first.key[:8], "--finetune", "0.5").code == 0


@pytest.mark.slow
def test_an_edited_network_fails_by_its_name(bench: Bench, own: Store, first: Record) -> None:
    assert bench("export", first.key[:8], "--to", own.root / "net").code == 0
    [file] = kept()
    edited(file)
    ended = bench(*DENSE, "--start", first.key[:8])
    assert (ended.code, str(file) in ended.err) == (5, True)
    assert not [record for record in own if record.cell.start]


@pytest.mark.slow
def test_an_old_record_has_no_digest_and_its_network_is_a_start_all_the_same(
    bench: Bench, own: Store, first: Record
) -> None:
    own.put(first.model_copy(update={"network_digest": None}), own.masks(first.cell).read_bytes())
    ended = bench(*DENSE, "--start", first.key[:8], "--finetune", "0")
    assert (ended.code, begun(own).metrics) == (0, first.metrics)
    assert f"record {first.key[:8]} tells no digest of its network" in ended.err


@pytest.mark.slow
def test_a_record_with_another_digest_is_not_reproduced(bench: Bench, own: Store, first: Record) -> None:
    own.put(first.model_copy(update={"network_digest": "0" * 64}), own.masks(first.cell).read_bytes())
    ended = bench(*DENSE, "--start", first.key[:8])
    assert (ended.code, "another network digest" in ended.err) == (5, True)


def test_no_such_record_is_a_usage_error(bench: Bench, first: Record) -> None:
    assert bench(*DENSE, "--start", "ffffffff").code == 2
    assert bench(*DENSE, "--finetune", "0.1").code == 2


@pytest.mark.slow
def test_a_record_with_a_start_is_verified_and_exported_in_workers(bench: Bench, own: Store, first: Record) -> None:
    words = ["run", "--algo", "magnitude", *DIGITS[:-1], "1", "--sparsity", "0.9", "--start", first.key[:8]]
    assert bench(*words, "--finetune", "0.5").code == 0
    key = begun(own).key[:8]
    assert bench("verify", key).code == 0
    assert bench("export", key, "--to", own.root / "net").code == 0
    assert network_digest(load_file(own.root / "net" / "weights.safetensors")) == begun(own).network_digest


# --- files ------------------------------------------------------------------------------------------------------------


def of_digits(seed: int = 7) -> dict[str, torch.Tensor]:
    return {name: value.contiguous() for name, value in tensors(build(registry.task("digits"), "mlp", seed)).items()}


def test_a_users_file_is_known_by_its_digest_wherever_it_lies(bench: Bench, own: Store, tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        save_file(of_digits(), tmp_path / place / "my net.safetensors")
    assert bench(*DENSE, "--start", tmp_path / "here" / "my net.safetensors", "--finetune", "0").code == 0
    start = begun(own).cell.start
    assert start.startswith("my_net.safetensors@sha256:")
    assert begun(own).network_digest == network_digest(of_digits())
    again = bench(*DENSE, "--start", tmp_path / "there" / "my net.safetensors", "--finetune", "0")
    assert "1 answered already, 0 to run" in again.err
    assert bench(*DENSE, "--start", start, "--finetune", "1").code == 0


def test_a_file_that_fits_in_part_says_which_tensors_do_not(bench: Bench, own: Store, tmp_path: Path) -> None:
    values = of_digits()
    last = list(values)[-1]
    save_file(values | {last: torch.zeros(3)}, tmp_path / "net.safetensors")
    ended = bench(*DENSE, "--start", tmp_path / "net.safetensors")
    assert (ended.code, f"drawn are {last} (10 here, 3 in the start)" in ended.err) == (0, True)
    assert begun(own).provenance["start"]["drawn"] == [last]


def test_a_file_of_another_network_is_skipped_with_the_reason(bench: Bench, own: Store, tmp_path: Path) -> None:
    save_file({"module.fc1.weight": torch.zeros(3)}, tmp_path / "net.safetensors")
    bench(*DENSE, "--start", tmp_path / "net.safetensors")
    assert begun(own).status == "skipped"
    assert "module.fc1.weight" in str(begun(own).error)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x02]q\x00(K\x01K\x02e."], ids=["empty", "text", "list"])
@pytest.mark.parametrize("name", ["net.safetensors", "net.pth"])
def test_a_file_that_is_no_network_is_told_by_its_name_and_not_kept(
    bench: Bench, own: Store, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    ended = bench(*DENSE, "--start", tmp_path / name, "--dry-run")
    assert_one_clear_line(ended, 2, f"the start {tmp_path / name} cannot be read")
    assert not (user_cache() / "starts").exists()
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / name).write_bytes(content)
    ended = bench(*DENSE, "--start", "timm:net", "--data-root", tmp_path)
    assert_one_clear_line(ended, 2, "the start timm:net cannot be read")


def test_a_start_that_is_not_finite_is_told_with_the_tensor(bench: Bench, tmp_path: Path) -> None:
    values = of_digits()
    first = next(iter(values))
    save_file(values | {first: torch.full_like(values[first], torch.inf)}, tmp_path / "net.safetensors")
    ended = bench(*DENSE, "--start", tmp_path / "net.safetensors")
    assert_one_clear_line(ended, 2, f"'{first}' of the start {tmp_path / 'net.safetensors'} holds NaN or infinity")


def test_whole_numbers_do_not_begin_weights(bench: Bench, own: Store, tmp_path: Path) -> None:
    values = of_digits()
    first = next(iter(values))
    save_file(values | {first: values[first].to(torch.int32)}, tmp_path / "net.safetensors")
    ended = bench(*DENSE, "--start", tmp_path / "net.safetensors")
    assert f"drawn are {first} (float32 here, int32 in the start)" in ended.err


def test_a_start_that_is_not_here_is_missing_data(bench: Bench, tmp_path: Path) -> None:
    ended = bench(*DENSE, "--start", f"net.safetensors@sha256:{'1a' * 32}")
    assert (ended.code, "starts" in ended.err) == (4, True)
    ended = bench(*DENSE, "--start", "timm:resnet10t", "--data-root", tmp_path)
    assert (ended.code, str(tmp_path / "timm") in ended.err) == (4, True)
    assert bench(*DENSE, "--start", tmp_path / "none.safetensors").code == 2


def test_a_checkpoint_of_timm_lies_in_the_data_folder(bench: Bench, own: Store, tmp_path: Path) -> None:
    (tmp_path / "timm").mkdir()
    torch.save(of_digits(), tmp_path / "timm" / "small.in1k.pth")
    words = ["--start", "timm:small.in1k", "--data-root", tmp_path, "--finetune", "0"]
    assert bench(*DENSE, *words).code == 0
    assert begun(own).cell.start.startswith("timm:small.in1k@sha256:")
    assert begun(own).network_digest == network_digest(of_digits())


def test_a_task_without_trained_networks_says_so(bench: Bench) -> None:
    ended = bench(*DENSE, "--start", "files")
    assert (ended.code, "comes with no trained networks" in ended.err) == (2, True)


TRAINED = '''
    """The toy task with a trained network."""
    from dataclasses import replace
    from benchmark import read_tensors
    from benchmark.errors import DataMissing
    from benchmark.contract.toy import toy

    def pretrained(model, folder):
        if not (folder / "toy.pth").is_file():
            raise DataMissing(f"no toy.pth in {folder}; fetch it with: touch")
        return read_tensors(folder / "toy.pth")

    trained = replace(toy, pretrained=pretrained)
'''


def test_files_of_a_task_are_read_from_the_first_data_folder_that_has_them(
    bench: Bench, own: Store, known: Callable[[Path], None], tmp_path: Path
) -> None:
    plant(tmp_path / "site", "task", "trained", TRAINED)
    known(tmp_path / "site")
    words = ["run", "--algo", "dense", "--task", "trained", "--budget", "smoke", "--jobs", "0", "--start", "files"]
    words += ["--finetune", "0"]
    assert (bench(*words).code, "fetch it with") == (4, "fetch it with")
    (tmp_path / "data").mkdir()
    values = tensors(build(registry.task("trained"), "net", 5))
    torch.save(dict(values), tmp_path / "data" / "toy.pth")
    assert bench(*words, "--data-root", tmp_path / "data").code == 0
    assert begun(own).network_digest == network_digest(values)
    assert begun(own).cell.start == "files"
    assert bench("check", "trained").code == 0


def test_a_task_whose_trained_network_cannot_be_read_says_why_in_a_line(
    bench: Bench, known: Callable[[Path], None], tmp_path: Path
) -> None:
    source = TRAINED.replace(
        "        if not", "        raise FileNotFoundError('no such file: toy.pth')\n        if not"
    )
    plant(tmp_path / "site", "task", "trained", source)
    known(tmp_path / "site")
    ended = bench("run", "--algo", "dense", "--task", "trained", "--budget", "smoke", "--jobs", "0", "--start", "files")
    why = "task 'trained' cannot read its trained network of 'net': FileNotFoundError: no such file: toy.pth"
    assert_one_clear_line(ended, 3, why)


# --- tables -----------------------------------------------------------------------------------------------------------


def test_leaderboard_and_compare_never_mix_two_starts(bench: Bench, own: Store, first: Record) -> None:
    begin = ["--start", first.key[:8], "--finetune", "0.5", "--sparsity", "0.8"]
    assert bench("run", "--algo", "snip,random", *DIGITS, *begin).code == 0
    titles = [line for line in bench("leaderboard").out.splitlines() if line.startswith("digits")]
    assert [title.partition(":")[0] for title in titles] == [
        "digits / mlp, budget smoke",
        f"digits / mlp from {first.key[:8]}, budget smoke, fine-tuned 0.5",
    ]
    rows = json.loads(bench("compare", "--format", "json").out)
    assert len(rows) == 1
    assert f"from {first.key[:8]}" in json.dumps(rows)
