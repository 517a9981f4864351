"""Masks are packed with the records of their table, come back to the bit, and are never those of another answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.errors import DataMissing
from benchmark.leaderboard.figures.by_name import pictures
from benchmark.results import mask_files
from benchmark.results.cell import Cell
from benchmark.results.mask_archive import archived, beside, members, read
from benchmark.results.mask_files import Bits, digest, unpack
from benchmark.results.pack import drop, pack
from benchmark.results.record import Audit, Density, LayerCount, Record
from benchmark.results.saved_masks import bits, own_file, where
from benchmark.results.store import Store
from tests.support.accidents import ACCIDENTS, accident
from tests.support.command import Bench, assert_one_clear_line
from tests.support.generated import cell, ran


def half(algorithm: str = "imp", seed: int = 0) -> Cell:
    return cell(algorithm, seed, sparsity=0.5)


def masked(algorithm: str, seed: int, mask: str) -> tuple[Record, Bits]:
    """The record of a network with one tensor of which `k` is kept, and its masks."""
    masks = {"fc.weight": np.array([letter == "k" for letter in mask])}
    layers = {"fc.weight": LayerCount(kept=mask.count("k"), total=len(mask))}
    share = mask.count("k") / len(mask)
    known = {"mask_digest": digest(masks), "layers": layers, "audit": Audit(passed=True)}
    density = {"density": Density(weights=share, parameters=share)}
    return ran(half(algorithm, seed), 0.9).model_copy(update=known | density), masks


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three records in files, two of them with the same masks."""
    store = Store(tmp_path / "results")
    for algorithm, seed, mask in (("imp", 0, "kk--"), ("imp", 1, "k-k-"), ("snip", 0, "kk--")):
        record, masks = masked(algorithm, seed, mask)
        store.put(record, mask_files.pack(masks))
    return store


def archive(store: Store) -> Path:
    return beside(store.table(half()))


def kept(store: Store) -> dict[tuple[str, int], list[bool]]:
    return {(one.cell.algorithm, one.cell.seed): bits(store, one)["fc.weight"].tolist() for one in store}


# --- packed -----------------------------------------------------------------------------------------------------------


def test_masks_are_packed_once_each_and_found_without_their_files(store: Store, bench: Bench) -> None:
    before = kept(store)
    [told] = json.loads(bench("pack", "--results", store.root, "--format", "json").out)
    assert told == {"table": "digits-mlp-short", "records": 3, "new": 3, "masked": 3} | {
        "mask_bytes": archive(store).stat().st_size
    }
    assert not list((store.root / "masks").rglob("*.npz"))
    assert len(members(archive(store))) == 2, "equal masks are there once"
    assert kept(store) == before
    assert before["imp", 0] == [True, True, False, False]
    assert {where(store, record) for record in store} == {archive(store)}


def test_packing_again_changes_nothing(store: Store) -> None:
    pack(store, write=True)
    before = archive(store).read_bytes()
    assert pack(store, write=True).tables == {}
    record, masks = masked("imp", 0, "kk--")
    store.put(record, mask_files.pack(masks))
    assert pack(store, write=True).tables["digits-mlp-short"][:3] == (3, 0, 3)
    assert archive(store).read_bytes() == before


def test_masks_stay_where_they_are_if_asked_and_are_packed_later(store: Store, bench: Bench) -> None:
    before = kept(store)
    [told] = json.loads(bench("pack", "--no-masks", "--results", store.root, "--format", "json").out)
    assert (told["masked"], archive(store).exists(), kept(store) == before) == (0, False, True)
    assert pack(store, write=True).tables["digits-mlp-short"][:3] == (3, 0, 3)
    assert kept(store) == before


def test_masks_of_an_earlier_answer_are_left_behind(store: Store) -> None:
    pack(store, write=True)
    record, masks = masked("imp", 1, "--kk")
    store.put(record, mask_files.pack(masks))
    assert kept(store)["imp", 1] == [False, False, True, True]
    pack(store, write=True)
    assert kept(store)["imp", 1] == [False, False, True, True]
    assert members(archive(store)) == {digest(masks), digest(masked("imp", 0, "kk--")[1])}


def test_dropped_records_take_their_masks_along_unless_others_have_the_same(store: Store) -> None:
    pack(store, write=True)
    drop(store, [half("imp", 0), half("imp", 1)])
    assert kept(store) == {("snip", 0): [True, True, False, False]}
    assert len(members(archive(store))) == 1
    drop(store, [half("snip", 0)])
    assert not archive(store).exists()
    assert not store.table(half()).exists()


shapes = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), min_size=1, max_size=4)


@given(shapes, st.integers(0, 100))
def test_archived_masks_come_back_to_the_bit_and_equal_ones_give_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]], seed: int
) -> None:
    draw = np.random.default_rng(seed)
    masks = {f"{place}.weight": draw.random(size) < 0.3 for place, size in enumerate(sizes)}
    file, known = tmp_path_factory.mktemp("masks") / "t.masks.zip", {digest(masks): mask_files.pack(masks)}
    file.write_bytes(archived(known))
    assert archived(known) == file.read_bytes()
    again = unpack(read(file, known)[digest(masks)])
    assert list(again) == list(masks)
    assert all(np.array_equal(again[name], mask) and again[name].dtype == bool for name, mask in masks.items())


# --- used -------------------------------------------------------------------------------------------------------------


@pytest.mark.runs
def test_the_overlap_is_drawn_from_packed_masks_with_the_values_of_files(store: Store) -> None:
    """Of 4 weights 2 are kept: 2 in common are 1, and 1 is chance, 0."""
    pack(store, write=True)
    [axes] = pictures(store)["overlap"](store.records()).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["imp", "snip"]
    assert axes.collections[0].get_array()[:, 0].tolist() == [0, 1]
    assert "not here" not in axes.get_title(loc="left")


def test_masks_for_a_run_are_written_to_a_file_and_packed_again(store: Store) -> None:
    pack(store, write=True)
    record, masks = masked("snip", 0, "kk--")
    file = own_file(store, record)
    assert file == store.masks(record.cell)
    assert digest(unpack(file.read_bytes())) == digest(masks)
    assert own_file(store, masked("set", 0, "k---")[0]) is None
    pack(store, write=True)
    assert not file.exists()


def test_merging_brings_packed_masks_and_those_that_ours_lacks(store: Store, bench: Bench, tmp_path: Path) -> None:
    pack(store, write=True)
    ours, before = Store(tmp_path / "ours"), kept(store)
    ours.put(masked("imp", 0, "kk--")[0])
    words = ("merge", store.root, "--results", ours.root, "--format", "json")
    [told] = json.loads(bench(*words).out)
    assert [told[name] for name in ("new", "same", "masks")] == [2, 1, 3]
    assert kept(ours) == before
    assert json.loads(bench(*words).out)[0]["masks"] == 0


def test_masks_come_to_another_answer_with_the_same_digest_alone(store: Store, bench: Bench, tmp_path: Path) -> None:
    """As scores in other last bits are, of masks that were drawn."""
    ours, worse = Store(tmp_path / "ours"), {"metrics": {"score": 0.8}}
    same, other = masked("imp", 0, "kk--")[0], masked("imp", 1, "--kk")[0]
    for record in (same, other):
        ours.put(record.model_copy(update=worse))
    [told] = json.loads(bench("merge", store.root, "--results", ours.root, "--format", "json").out)
    assert [told[name] for name in ("new", "differing", "masks")] == [1, 2, 2]
    assert bits(ours, same)["fc.weight"].tolist() == [True, True, False, False]
    assert where(ours, other) is None
    assert {record.score for record in ours if record.cell.algorithm == "imp"} == {0.8}


# --- accidents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod", "unlink"])
@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("error", ACCIDENTS, ids=repr)
def test_whatever_interrupts_it_all_masks_are_still_there(
    store: Store, call: str, stop: int, error: BaseException
) -> None:
    before = kept(store)
    with accident(call, error, at=stop):
        pack(store, write=True)
    assert kept(store) == before
    pack(store, write=True)
    assert kept(store) == before
    assert not list(store.root.rglob("*.tmp"))


def test_masks_of_another_run_are_refused_by_name_and_stay(store: Store, bench: Bench) -> None:
    file = store.masks(half("imp", 1))
    file.write_bytes(store.masks(half("snip", 0)).read_bytes())
    ended = bench("pack", "--results", store.root, "--format", "json")
    assert ended.code == 5
    assert f"Refused {file}: its masks have another digest than the record tells" in ended.err
    assert file.exists()
    assert json.loads(ended.out)[0]["masked"] == 2


def test_packed_masks_that_were_changed_are_refused_by_name(store: Store, bench: Bench) -> None:
    pack(store, write=True)
    known = read(archive(store), members(archive(store)))
    archive(store).write_bytes(archived(dict(zip(known, reversed(known.values()), strict=True))))
    record, _ = masked("imp", 1, "k-k-")
    with pytest.raises(DataMissing, match=f"the masks of record {record.key[:8]} .* another digest"):
        bits(store, record)
    ended = bench("verify", "--all", "--no-training", "--results", store.root)
    assert ended.code == 5
    assert "its masks have another digest than the record tells" in ended.err
    assert bench("merge", store.root, "--results", store.root.parent / "ours").code == 5


@pytest.mark.runs
def test_a_damaged_file_of_masks_is_one_clear_line_and_stays(store: Store, bench: Bench) -> None:
    pack(store, write=True)
    archive(store).write_bytes(archive(store).read_bytes()[:-30])
    words = ("--results", store.root)
    drawn = bench("plot", "overlap", "--out", store.root / "o.svg", *words)
    assert_one_clear_line(drawn, 4, "digits-mlp-short.masks.zip holds no masks that can be read", "restore it")
    assert bench("show", masked("imp", 1, "k-k-")[0].key, *words).code == 0
    record, masks = masked("imp", 5, "--kk")
    store.put(record, mask_files.pack(masks))
    ended = bench("pack", *words)
    assert ended.code == 5
    assert "holds no masks that can be read" in ended.err
    assert store.masks(record.cell).exists()
    assert store.path(record.cell).exists()
