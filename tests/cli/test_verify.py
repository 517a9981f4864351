"""A record that holds is stamped; one that was tampered with fails and says what differs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.errors import VerificationFailed
from benchmark.harness.rerun import ENVIRONMENT, verdict
from benchmark.plugins import catalog, registry
from benchmark.results import mask_files
from benchmark.results.cell import Cell, command
from benchmark.results.digest import with_digest
from benchmark.results.reading import read
from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.command import ROOT, Bench

pytestmark = pytest.mark.runs


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One pruned network on the digits."""
    from benchmark.cli import main

    folder = tmp_path_factory.mktemp("made")
    words = "run --algo snip --task digits --sparsity 0.8 --budget smoke --jobs 0 --device cpu --results"
    with pytest.raises(SystemExit) as end:
        main([*words.split(), str(folder)])
    assert end.value.code == 0
    return Store(folder)


@pytest.fixture
def store(made: Store, tmp_path: Path) -> Store:
    """A copy of it to spoil."""
    copy = Store(tmp_path / "results")
    for record in made:
        copy.put(record, made.masks(record.cell).read_bytes())
    return copy


def the(store: Store) -> Record:
    [record] = store
    return record


def spoil(store: Store, change: Callable[[dict[str, Any]], None]) -> Path:
    """A record that somebody has changed, together with its digest."""
    path = store.path(the(store).cell)
    data = json.loads(path.read_text())
    del data["digest"]
    change(data)
    path.write_bytes(with_digest(json.dumps(data).encode()))
    return path


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_record_that_holds_is_stamped_and_nothing_else_changes(store: Store, bench: Bench) -> None:
    before = the(store)
    ended = bench("verify", before.key[:12], "--results", store.root)
    assert ended.code == 0, ended.err
    after = the(store)
    assert after.verified is not None
    assert after.verified.how == "bit-equal"
    assert after.verified.when.endswith("+00:00")
    assert {"python", "torch", "numpy", "prunebench", "device", "processor", "commit"} <= after.verified.where.keys()
    assert after.model_copy(update={"verified": None}) == before
    assert after.key == before.key
    assert "bit-equal" in bench("show", before.key[:12], "--results", store.root).out


def test_a_file_elsewhere_is_stamped_where_it_lies(made: Store, bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "sent.json"
    file.write_bytes(made.path(the(made).cell).read_bytes())
    assert bench("verify", file, "--results", tmp_path / "none").code == 0
    assert read(file.read_bytes()).verified is not None
    assert not (tmp_path / "none").exists()


def higher(data: dict[str, Any]) -> None:
    data["metrics"]["accuracy"] += 0.001


def another_mask(data: dict[str, Any]) -> None:
    data["mask_digest"] = "0" * 64


def another_count(data: dict[str, Any]) -> None:
    names = list(data["layers"])
    data["layers"][names[0]]["kept"] -= 1
    data["layers"][names[0]]["effective"] -= 1
    data["layers"][names[1]]["kept"] += 1
    data["layers"][names[1]]["effective"] += 1


def cheaper(data: dict[str, Any]) -> None:
    data["cost"]["training_flops"] /= 2


TAMPERED = {
    "cost": (cheaper, "another cost"),
    "diagnosis": (lambda d: d.update(diagnosis={"spectral_gap": 1.0}), "another diagnosis"),
    "metric": (higher, "another test accuracy"),
    "mask": (another_mask, "another mask digest"),
    "layers": (another_count, "other counts of"),
    "data": (lambda d: d["where"]["data"].update(test="0" * 64), "not those it was made with"),
}


@pytest.mark.parametrize(("change", "why"), TAMPERED.values(), ids=TAMPERED.keys())
def test_what_only_training_can_tell(
    store: Store, bench: Bench, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    store.masks(the(store).cell).unlink()
    spoil(store, change)
    ended = bench("verify", "--all", "--results", store.root)
    assert ended.code == 5
    assert why in ended.err
    assert the(store).verified is None


TOLD = {
    "sparsity": (lambda d: d["cell"].update(sparsity=0.9), "the key is not that of the cell"),
    "density": (lambda d: d["density"].update(weights=0.1), "density.weights is 0.1"),
    "audit": (lambda d: d.update(audit=None), "its audit was not passed"),
    "no record": (lambda d: d.clear(), "not a record"),
}


@pytest.mark.parametrize(("change", "why"), TOLD.values(), ids=TOLD.keys())
@pytest.mark.parametrize("name", ["file", "key", "all"])
def test_what_is_told_before_training(
    store: Store,
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    change: Callable[[dict[str, Any]], None],
    why: str,
) -> None:
    key = the(store).key
    path = spoil(store, change)
    monkeypatch.setattr("benchmark.sweep.again.answered_again", lambda *_: pytest.fail("it was trained"))
    ended = bench("verify", {"file": path, "key": key[:10], "all": "--all"}[name], "--results", store.root)
    assert ended.code == 5
    assert why in ended.err


def test_a_sparsity_edited_with_its_key_and_place_does_not_pass(store: Store, bench: Bench) -> None:
    record = the(store)
    cell = record.cell.model_copy(update={"sparsity": 0.9})
    forged = record.model_copy(update={"cell": Cell.model_validate(cell.model_dump())})
    forged = forged.model_copy(update={"key": forged.cell.key})
    store.put(forged)
    ended = bench("verify", forged.key[:12], "--results", store.root)
    assert ended.code == 5
    assert "and the cell asks for" in ended.err


def test_saved_masks_are_looked_into(store: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bits swapped: the counts are right, and the digest is not. Then a count, then bytes that are no masks."""
    monkeypatch.setattr("benchmark.sweep.again.answered_again", lambda *_: pytest.fail("it was trained"))
    path = store.masks(the(store).cell)
    masks = mask_files.unpack(path.read_bytes())
    name = next(iter(masks))
    flat = masks[name].reshape(-1)
    kept, pruned = int(flat.argmax()), int(flat.argmin())
    flat[kept], flat[pruned] = False, True
    for spoilt, why in (
        (mask_files.pack(masks), "its masks have another digest"),
        (mask_files.pack(masks | {name: np.ones_like(masks[name])}), f"of '{name}', and the record tells"),
        (b"no masks", "its masks cannot be read"),
    ):
        path.write_bytes(spoilt)
        ended = bench("verify", "--all", "--results", store.root)
        assert ended.code == 5
        assert why in ended.err


def test_a_record_in_a_wrong_place_fails(store: Store, bench: Bench) -> None:
    path = store.path(the(store).cell)
    path.rename(path.with_name("f" * 64 + ".json"))
    ended = bench("verify", "--all", "--no-training", "--results", store.root)
    assert ended.code == 5
    assert "a record of another place" in ended.err


def test_without_training_nothing_is_stamped(store: Store, bench: Bench) -> None:
    ended = bench("verify", "--all", "--no-training", "--results", store.root, "--format", "json")
    assert ended.code == 0
    assert [row["outcome"] for row in json.loads(ended.out)] == ["sound"]
    assert the(store).verified is None


@pytest.mark.slow
def test_our_own_records_are_sound(bench: Bench) -> None:
    ended = bench("verify", "--all", "--no-training", "--results", ROOT / "results", "--format", "json")
    assert ended.code == 0, ended.err
    assert {row["outcome"].partition(";")[0] for row in json.loads(ended.out)} == {"sound"}


@pytest.mark.parametrize("words", [(), ("abc", "--all"), ("abcdef",), ("*",)])
def test_a_selection_that_makes_no_sense_is_a_usage_error(store: Store, bench: Bench, words: tuple[str, ...]) -> None:
    assert bench("verify", *words, "--results", store.root).code == 2


def test_a_failed_run_has_nothing_to_verify(store: Store, bench: Bench) -> None:
    path = spoil(store, lambda d: d.update(status="failed", metrics={}, error="a reason"))
    ended = bench("verify", path, "--results", store.root)
    assert ended.code == 2
    assert "nothing to verify" in ended.err


def test_a_record_that_cannot_be_checked_does_not_keep_the_others_from_it(store: Store, bench: Bench) -> None:
    foreign = Cell.model_validate(the(store).cell.model_dump() | {"algorithm": "aaa-foreign"})
    store.put(the(store).model_copy(update={"key": foreign.key, "cell": foreign}))
    ended = bench("verify", "--all", "--results", store.root)
    assert ended.code == 2
    assert "not checked: no algorithm named 'aaa-foreign'" in ended.err
    assert "1 of 2 hold" in ended.out
    assert [record.verified is None for record in store] == [True, False]


# --- how near is near enough ------------------------------------------------------------------------------------------


def answer(score: float, mask: str = "a", **where: Any) -> Record:
    cell = Cell(algorithm="snip", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    here: dict[str, Any] = dict.fromkeys(ENVIRONMENT, "x") | {"dirty": False} | where
    return Record.model_validate(
        {
            "key": cell.key,
            "cell": cell.model_dump(),
            "status": "ok",
            "ranking": {"metric": "accuracy", "direction": "max"},
            "metrics": {"accuracy": score},
            "mask_digest": mask * 64,
            "where": here,
        }
    )


FIVE = [0.1, 0.2, 0.3, 0.4, 0.5]
"""Standard deviation sqrt(0.025) = 0.158."""


def test_the_same_bits_are_bit_equal_wherever_they_come_from() -> None:
    assert verdict(answer(0.5), answer(0.5), [], 0) == "bit-equal"
    assert verdict(answer(0.5), answer(0.5, torch="another"), [], 0) == "bit-equal"


def test_other_bits_on_the_same_machine_fail_however_near_they_are() -> None:
    with pytest.raises(VerificationFailed, match="same machine and versions, it has another test accuracy"):
        verdict(answer(0.5), answer(0.5 + 1e-9), FIVE, 100)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_elsewhere_a_few_standard_deviations_are_granted(name: str) -> None:
    there = answer(0.5 + 2 * 0.025**0.5, "b", **{name: "another"})
    assert verdict(answer(0.5), there, FIVE, 2.1) == "within 2.0 sd of n=5"
    with pytest.raises(VerificationFailed, match=r"2\.0 standard deviations away \(n=5, 1\.9 are granted\)"):
        verdict(answer(0.5), there, FIVE, 1.9)


def test_a_checkout_with_changes_is_like_no_other() -> None:
    assert verdict(answer(0.5), answer(0.5, "b", dirty=True), FIVE, 1) == "within 0.0 sd of n=5"


def test_without_other_seeds_there_is_nothing_to_measure_by() -> None:
    with pytest.raises(VerificationFailed, match="no two other seeds to measure by"):
        verdict(answer(0.5), answer(0.6, torch="another"), [0.5], 3)


def test_seeds_without_a_spread_grant_nothing() -> None:
    with pytest.raises(VerificationFailed, match="inf standard deviations"):
        verdict(answer(0.5), answer(0.6, torch="another"), [0.5, 0.5], 3)


def test_a_second_run_that_fails_fails() -> None:
    failed = answer(0.5).model_copy(update={"status": "failed", "metrics": {}, "error": "a reason", "provenance": {}})
    with pytest.raises(VerificationFailed, match="it is failed: a reason"):
        verdict(answer(0.5), failed, FIVE, 3)


# --- provenance -------------------------------------------------------------------------------------------------------


def test_a_record_says_all_that_is_needed_to_make_it_again(made: Store) -> None:
    where = the(made).provenance
    assert {*ENVIRONMENT, "dirty", "platform", "plugins", "recipe", "data", "command"} <= where.keys()
    assert isinstance(where["data"], dict)
    assert where["data"].keys() == {"train", "validation", "test"}
    assert isinstance(where["plugins"], dict)
    assert {str(value).partition(" ")[0] for value in where["plugins"].values()} == {"prunebench"}
    assert all(str(value).partition(" ")[2] for value in where["plugins"].values()), "with their versions"


def test_its_command_asks_the_same_cell(made: Store, bench: Bench, tmp_path: Path) -> None:
    record = the(made)
    words = shlex.split(str(record.provenance["command"]))[1:]
    assert bench(*words, "--results", tmp_path, "--jobs", "0", "--device", "cpu").code == 0
    again = the(Store(tmp_path))
    assert (again.key, again.mask_digest, again.metrics) == (record.key, record.mask_digest, record.metrics)


def with_controls() -> list[tuple[str, dict[str, str]]]:
    """Every algorithm for which there are digits, plainly and under a control; of records, see tests/sweep."""
    found = []
    for name, plugin in catalog.plugins("algorithm").items():
        method = None if plugin.problem else registry.algorithm(name)
        if method and method.keys:
            continue
        prunes = method.prunes | method.needs if method else set()
        found += [(name, {})] if prunes <= {"weights"} else []
        found += [(name, {"control": "shuffle"})] if prunes == {"weights"} else []
    return found


@pytest.mark.parametrize(("name", "extra"), with_controls())
def test_every_algorithm_can_be_asked_by_its_command(name: str, extra: dict[str, str], store: Store) -> None:
    """Through the parser and the plan of `bench run`, to the cell with the same key."""
    from benchmark.cli.run import run
    from benchmark.results.spelling import choices
    from benchmark.sweep.plan import Selection, plan

    algorithm = registry.algorithm(name)
    cell = Cell(
        algorithm=name,
        options=algorithm.written(algorithm.resolve(extra), registry.task("digits").model("cnn")),
        task="digits",
        model="cnn",
        prunable="no-first" if extra else "all",
        pattern="layer" if algorithm.prunes else "global",
        sparsity=0.1 + 0.2 if algorithm.prunes else 0.0,
        budget="full",
        seed=17,
    )
    given = run.make_context("run", shlex.split(command(cell, algorithm.filled(cell.options)))[2:]).params
    [again] = plan(
        Selection(
            algorithms=choices(given["algo"]),
            tasks=choices(given["task"]),
            budget=given["budget"],
            seeds=given["seed"][0],
            models=given["model"][0],
            sparsities=given["sparsity"][0],
            patterns=given["pattern"][0],
            prunables=[*given["prunable"], ["all"]][0],
        ),
        store,
        "missing",
    )[0].run
    assert again.key == cell.key
