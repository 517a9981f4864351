"""Records whose masks a method is told to take: named by first digits, of one sparsity, never others than they were."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmark.results import mask_files
from benchmark.results.record import Ranking, Record, failure
from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line
from tests.support.generated import cell

pytestmark = pytest.mark.runs

ON = ("--task", "digits", "--budget", "smoke", "--jobs", "0")


@pytest.fixture
def source(bench: Bench, own: Store) -> Record:
    """A record whose masks are taken."""
    assert bench("run", "--algo", "snip", *ON, "--sparsity", "0.85").code == 0
    return next(iter(own))


def taken(own: Store) -> list[Record]:
    return [record for record in own if record.cell.algorithm == "ticket"]


def test_a_ticket_has_the_masks_of_its_source_from_another_seed(bench: Bench, own: Store, source: Record) -> None:
    assert bench("run", "--algo", f"ticket:of={source.key[:8]}", *ON, "--seed", "3").code == 0
    [record] = taken(own)
    assert (record.status, record.mask_digest) == ("ok", source.mask_digest)
    assert record.network_digest != source.network_digest
    assert (record.cell.options, record.cell.sparsity) == ({"of": source.key}, 0.85)
    assert record.provenance["found"] == {source.key: source.mask_digest}
    assert f"ticket:of={source.key}" in str(record.provenance["command"])


def test_from_the_same_start_it_is_the_training_of_its_source(bench: Bench, own: Store, source: Record) -> None:
    assert bench("run", "--algo", f"ticket:of={source.key}", *ON).code == 0
    assert [record.network_digest for record in taken(own)] == [source.network_digest]


@pytest.mark.slow
def test_a_ticket_is_verified_and_exported_in_workers(bench: Bench, own: Store, source: Record) -> None:
    assert bench("run", "--algo", f"ticket:of={source.key}", *ON[:-1], "2", "--seeds", "2").code == 0
    for record in taken(own):
        assert bench("verify", record.key[:8]).code == 0
        assert bench("export", record.key[:8], "--to", own.root / record.key[:8]).code == 0


def test_what_is_asked_for_has_to_be_what_the_source_has(bench: Bench, own: Store, source: Record) -> None:
    words = ("run", "--algo", f"ticket:of={source.key[:8]}", *ON)
    said = f"record {source.key[:8]} has masks of"
    assert_one_clear_line(bench(*words, "--sparsity", "0.9"), 2, f"{said} --sparsity 0.85; give the same")
    assert_one_clear_line(bench(*words, "--pattern", "layer"), 2, f"{said} --pattern global; give the same")
    assert_one_clear_line(bench(*words, "--prunable", "fc*"), 2, f"{said} --prunable all; give the same")
    assert not taken(own)


def test_a_source_that_is_not_there_is_asked_for(bench: Bench, own: Store, source: Record) -> None:
    ticket = ("run", *ON, "--algo")
    assert_one_clear_line(bench(*ticket, "ticket"), 2, "option 'of' of 'ticket' cannot be ''; it takes the key")
    assert_one_clear_line(bench(*ticket, "ticket:of=fffff"), 2, "no record 'fffff' in")
    assert_one_clear_line(bench(*ticket, "ticket:of=snip"), 2, "cannot be 'snip'; it takes the key of a record")
    own.masks(source.cell).unlink()
    ended = bench(*ticket, f"ticket:of={source.key[:8]}")
    assert_one_clear_line(ended, 2, f"the masks of record {source.key[:8]} are not in {own.root}; make them again: ")
    assert "bench run --algo snip" in ended.err
    assert "--rerun all" in ended.err


def test_a_record_without_a_result_is_no_source(bench: Bench, own: Store) -> None:
    record = failure(cell("snip"), Ranking(metric="accuracy", direction="max"), "skipped", "it cannot be")
    own.put(record)
    ended = bench("run", "--algo", f"ticket:of={record.key}", *ON)
    assert_one_clear_line(ended, 2, f"record {record.key[:8]} has no masks: it is skipped: it cannot be")


def test_masks_that_were_changed_are_refused(bench: Bench, own: Store, source: Record) -> None:
    file = own.masks(source.cell)
    masks = {name: np.roll(mask, 1) for name, mask in mask_files.unpack(file.read_bytes()).items()}
    file.write_bytes(mask_files.pack(masks))
    assert bench("run", "--algo", f"ticket:of={source.key}", *ON).code == 1
    [record] = taken(own)
    assert (record.status, "another digest" in str(record.error)) == ("failed", True)


def test_masks_of_another_network_are_skipped_with_the_first_tensor_that_differs(
    bench: Bench, own: Store, source: Record
) -> None:
    bench("run", "--algo", f"ticket:of={source.key}", *ON, "--model", "cnn")
    [record] = taken(own)
    assert record.status == "skipped"
    assert "not of this network: 'conv1.weight' is none there and 16 x 1 x 3 x 3 here" in str(record.error)


@pytest.mark.slow
def test_bench_info_and_check_need_no_record(bench: Bench) -> None:
    assert "the key of a record" in bench("info", "ticket").out
    found = json.loads(bench("check", "ticket", "--format", "json").out)
    assert {one["problem"] for one in found} == {""}
