"""Boards tell what zeros were worth where it was measured, never over two machines or versions, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.leaderboard.page import page
from benchmark.leaderboard.rows import Row, rows
from benchmark.leaderboard.tables.measured import speed
from benchmark.leaderboard.tables.plain import board_facts, boards
from benchmark.leaderboard.worth import Measured
from benchmark.results.measured import Measurement, add
from benchmark.results.record import Record
from benchmark.results.store import Store
from tests.support.board import NAMES, cell, ran
from tests.support.command import Bench
from tests.support.measured import measurement

SLOW = (0.5, 0.4, 0.6)
UNCLEAR = (1.1, 0.9, 1.2)
HERE = "one, 1 thread"

Found = Mapping[tuple[str, int], Sequence[Measurement]]
"""What was measured, by the algorithm and the seed of a record."""


def records() -> list[Record]:
    """Two methods of three seeds at one sparsity."""
    scores = {"imp": 0.9, "snip": 0.8}
    return [ran(cell(name, seed), score + seed / 100) for name, score in scores.items() for seed in range(3)]


def lookup(found: Found) -> Measured:
    by_key = {record.key: found.get((record.cell.algorithm, record.cell.seed), ()) for record in records()}
    return by_key.__getitem__


def board(found: Found) -> list[Row]:
    return rows(records(), measured=lookup(found))


def shown(found: Found) -> tuple[str, list[dict[str, str]]]:
    """The title of the one table, and its rows."""
    [(title, table)] = boards(board(found)).items()
    return title, table


def test_what_was_not_measured_has_no_columns() -> None:
    plain = boards(rows(records()))
    assert boards(board({})) == plain
    assert board_facts(board({})) == board_facts(rows(records()))
    assert not any("faster" in name for row in board_facts(board({})) for name in row)


def test_a_row_that_was_measured_has_ratios_memory_and_size_and_the_other_one_empty_cells() -> None:
    several = [measurement(), measurement(batch=128, memory=3_500_000, parent_memory=7_000_000)]
    title, [imp, snip] = shown({("snip", 1): [*several, measurement("csr", faster=SLOW, size=500)]})
    assert title.endswith(f"measured on {HERE}")
    assert snip == snip | {
        "measured": "1 of 3",
        "csr, 1": "0.50 slower",
        "torch, 1": "2.00",
        "torch, 128": "2.00",
        "csr, MB": "2.0/?",
        "torch, MB": "3.5/7.0",
        "csr, kB": "0.5/4.0",
        "torch, kB": "1.0/4.0",
    }
    assert {imp[name] for name in imp if name.startswith(("csr", "torch", "measured"))} == {""}


def test_networks_of_a_row_that_were_run_in_the_same_way_have_their_median() -> None:
    found = {("imp", 0): [measurement()], ("imp", 1): [measurement(faster=(4, 3, 5)), measurement("csr")]}
    _, [imp, _] = shown(found)
    assert (imp["measured"], imp["torch, 1"], imp["csr, 1"]) == ("1-2 of 3", "3.00", "2.00")
    [fact, other] = board_facts(board(found))
    way = f"torch, batch 1, {HERE}"
    assert (fact["networks"][way], fact["faster"][way]) == (2, 3)
    assert (fact["faster_low"][way], fact["faster_high"][way]) == (1.5, 5)
    assert (fact["memory"][way], fact["size"][way], fact["parent_size"][way]) == (2e6, 1000, 4000)
    assert way not in fact["parent_memory"], "it is not known"
    assert other["faster"] == other["verdict"] == {}


@pytest.mark.parametrize(
    ("ratios", "text", "verdict"),
    [
        ([(2, 1.5, 3), (4, 3, 5)], "3.00", "faster"),
        ([SLOW, SLOW], "0.50 slower", "slower"),
        ([(2, 1.5, 3), SLOW], "~1.25", "not told apart"),
        ([(2, 1.5, 3), UNCLEAR], "~1.55", "not told apart"),
    ],
)
def test_a_row_is_called_faster_or_slower_where_all_its_networks_are(
    ratios: list[tuple[float, float, float]], text: str, verdict: str
) -> None:
    found = {("imp", seed): [measurement(faster=ratio)] for seed, ratio in enumerate(ratios)}
    assert shown(found)[1][0]["torch, 1"] == text
    assert list(board_facts(board(found))[0]["verdict"].values()) == [verdict]


@pytest.mark.parametrize(
    ("other", "place"),
    [
        ({"where": {"processor": "two"}}, "two, 1 thread"),
        ({"where": {"processor": "one", "torch": "2.15.0"}}, "one, 1 thread, torch 2.15.0"),
        ({"where": {"processor": "one", "device": "cuda:1"}}, "one, 1 thread, device cuda:1"),
        ({"where": {"processor": "one", "backend": "cpu"}}, "one, 1 thread, backend cpu"),
        ({"threads": 2}, "one, 2 threads"),
    ],
)
def test_other_machines_threads_and_versions_have_columns_of_their_own(other: dict[str, Any], place: str) -> None:
    found = {("imp", 0): [measurement()], ("imp", 1): [measurement(faster=SLOW, **other)]}
    title, [imp, _] = shown(found)
    first, second = sorted([HERE, place])
    assert title.endswith(f"measured on (1) {first}; (2) {second}")
    ours = 1 + (first != HERE)
    assert imp[f"torch, 1 ({ours})"] == "2.00"
    assert imp[f"torch, 1 ({3 - ours})"] == "0.50 slower"
    assert "torch, 1" not in imp


def test_the_view_of_speed_has_a_table_for_every_place_and_rows_that_were_measured_there() -> None:
    there = measurement("csr", faster=SLOW, where={"processor": "two"})
    found = {("imp", 0): [measurement()], ("imp", 1): [measurement(faster=(4, 3, 5))], ("snip", 0): [there]}
    tables, facts = speed(records(), lambda name, options: name, lookup(found))
    [(one, [imp]), (two, [snip])] = tables.items()
    assert one.endswith(f"measured on {HERE}")
    assert two.endswith("measured on two, 1 thread")
    assert (imp["algorithm"], imp["measured"], imp["torch, 1"]) == ("imp", "2 of 3", "3.00")
    assert (snip["algorithm"], snip["csr, 1"]) == ("snip", "0.50 slower")
    assert [(fact["label"], fact["faster"]["median"]) for fact in facts] == [("imp", 2), ("imp", 4), ("snip", 0.5)]


def test_a_view_of_nothing_measured_says_how_to_measure() -> None:
    with pytest.raises(UsageError, match="bench measure KEY"):
        speed(records(), lambda name, options: name, lookup({}))


# --- commands and the page --------------------------------------------------------------------------------------------


def known(html: str) -> dict[str, Any]:
    text = html.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    read: dict[str, Any] = json.loads(text)
    return read


def test_the_page_has_the_cells_of_the_board_with_their_numbers() -> None:
    plain = page(records(), [], NAMES, draw=False)
    assert "worth" not in known(plain)["tables"][0]
    assert page(records(), [], NAMES, draw=False, measured=lookup({})) == plain
    found = lookup({("imp", 0): [measurement(), measurement("csr", faster=SLOW)]})
    [table] = known(page(records(), [], NAMES, draw=False, measured=found))["tables"]
    heads = ["measured", "csr, 1", "torch, 1", "csr, MB", "torch, MB", "csr, kB", "torch, kB"]
    assert table["worth"]["heads"] == heads
    assert table["worth"]["about"].endswith(f"measured on {HERE}")
    imp, snip = table["rows"]
    assert imp["worth"][:3] == [["1 of 3", None], ["0.50 slower", 0.5], ["2.00", 2]]
    assert imp["worth"][3:5] == [["2.0/?", 2e6]] * 2
    assert snip["worth"] == [["", None]] * 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Records of which one was measured."""
    for record in records():
        Store(tmp_path).put(record)
    add(tmp_path, cell("imp", 0), [measurement("csr", faster=SLOW)])
    return tmp_path


def test_every_format_has_what_was_measured(folder: Path, bench: Bench) -> None:
    out = {form: bench("leaderboard", "--results", folder, "--format", form).out for form in ("md", "csv", "json")}
    assert "| csr, 1 " in out["md"]
    assert "| 0.50 slower" in out["md"]
    way = f"csr, batch 1, {HERE}"
    imp, snip = csv.DictReader(io.StringIO(out["csv"]))
    assert (imp[f"faster.{way}"], imp[f"verdict.{way}"], imp[f"size.{way}"]) == ("0.5", "slower", "1000")
    assert (snip[f"faster.{way}"], snip[f"verdict.{way}"]) == ("", "")
    assert [row["faster"] for row in json.loads(out["json"])] == [{way: 0.5}, {}]


@pytest.mark.runs
def test_what_is_built_has_it_too(folder: Path, bench: Bench, tmp_path: Path) -> None:
    for form in ("md", "html"):
        ended = bench("leaderboard", "build", "--results", folder, "--format", form, "--out", tmp_path / "out")
        assert ended.code == 0, ended.err
    assert "0.50 slower" in (tmp_path / "out" / "README.md").read_text()
    [table] = known((tmp_path / "out" / "index.html").read_text())["tables"]
    assert table["rows"][0]["worth"][1] == ["0.50 slower", 0.5]


def test_a_file_that_cannot_be_read_costs_a_warning(folder: Path, bench: Bench) -> None:
    (folder / "measured" / "odd.json").write_text("[1]")
    ended = bench("leaderboard", "--results", folder)
    assert ended.code == 0
    assert "0.50 slower" in ended.out
    assert "Warning: skipped" in ended.err
    assert "odd.json" in ended.err
