"""`bench show` finds a record by its key or its file, and says what is in it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from benchmark.cli.show import _pairs
from benchmark.results.reading import read
from benchmark.results.store import Store
from tests.support.command import Bench, assert_one_clear_line
from tests.support.hostile import hostile


def test_show_finds_a_record_by_the_first_digits_of_its_key_or_by_its_file(filled: Store, bench: Bench) -> None:
    record = next(iter(filled))
    for words in ([record.key], [record.key[:10]], [filled.path(record.cell)]):
        ended = bench("show", *words, "--format", "json")
        assert read(ended.out.encode()) == record


def test_show_finds_a_record_by_its_file_in_another_folder(filled: Store, bench: Bench, tmp_path: Path) -> None:
    record = next(iter(filled))
    assert bench("show", filled.path(record.cell), "--results", tmp_path).code == 0


def test_show_reads_a_file_wherever_it_lies(filled: Store, bench: Bench, tmp_path: Path) -> None:
    record = next(iter(filled))
    shutil.copy(filled.path(record.cell), tmp_path / "from-a-friend.json")
    ended = bench("show", tmp_path / "from-a-friend.json", "--format", "json")
    assert read(ended.out.encode()) == record


def test_show_says_density_audit_and_layers(filled: Store, bench: Bench) -> None:
    [record] = [r for r in filled if r.cell.algorithm == "imp" and r.cell.seed == 0]
    out = bench("show", record.key).out
    assert "weights 0.1," in out
    assert re.search(r"audit +passed", out)
    assert re.search(r"fc1\.weight +\d+ +6,400", out)


def test_what_is_nested_is_told_in_brackets_and_long_lists_by_their_length() -> None:
    told = {"selective": {"errors": 2, "risk_at": {"1": 0.25, "0.5": 0.0}, "rejected": [*range(9)]}, "order": [2, 1]}
    assert _pairs(told) == "selective (errors 2, risk_at (1 0.25, 0.5 0), rejected (9 values)), order [2, 1]"


def test_show_of_a_file_that_is_no_record_says_so(bench: Bench) -> None:
    assert_one_clear_line(bench("show", "/etc/passwd"), 2, "/etc/passwd: not a record: Invalid JSON")


@pytest.mark.parametrize("text", ["zz", "../../etc/nothing", "/etc", "*", "[red]x", "0" * 64])
def test_show_of_what_is_no_record_is_one_clear_line(filled: Store, bench: Bench, text: str) -> None:
    assert_one_clear_line(bench("show", text), 2, f"no record '{text}' in {filled.root}")


def test_show_of_a_very_long_text_is_one_clear_line(filled: Store, bench: Bench) -> None:
    assert_one_clear_line(bench("show", "a" * 300), 2)


def test_show_asks_for_more_digits_where_several_records_fit(own: Store, bench: Bench) -> None:
    for seed in range(20):
        own.put(hostile("plain", seed=seed))
    first = [record.key[0] for record in own]
    several = next(digit for digit in first if first.count(digit) > 1)
    assert_one_clear_line(
        bench("show", several), 2, f"'{several}' matches {first.count(several)} keys; give more digits"
    )
