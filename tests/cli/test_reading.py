"""The verbs that read records: every view in every format, comparisons, pictures, and clear words where there are none.

The expected output lies in tests/golden; GOLDEN=write makes it again, to be read in a diff.
"""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.leaderboard.figures.by_name import PICTURES
from benchmark.results.mask_files import digest, pack
from benchmark.results.record import Edits, Record, Verification, failure
from benchmark.results.store import Store
from tests.support.command import ROOT, Bench, assert_one_clear_line
from tests.support.generated import NAMES, cell, generated, ran

GOLDEN = ROOT / "tests" / "golden"
SEEN = Verification(when="2026-01-01T00:00:00+00:00", how="bit-equal")


def small() -> list[Record]:
    """Two methods at two sparsities on two tasks, dense, a control; one run diverged, and some were verified."""
    records = []
    for (task, top), seed in ((pair, seed) for pair in (("digits", 0.95), ("mnist", 0.98)) for seed in range(4)):
        wave = (0.001, -0.001, 0.0005, 0.0)[seed]
        spent = {"trainings": 1, "training_flops": 1e9, "seconds": 2}
        records.append(ran(cell("dense", seed, task=task, sparsity=0.0), top, validation=top, **spent))
        for sparsity, fall in ((0.8, 0.01), (0.95, 0.05)):
            for name, step, flops in (("imp", 0.0, 3e9), ("snip", 0.02, 2e8)):
                of = cell(name, seed, task=task, sparsity=sparsity)
                score = round(top - fall - step + wave * (1 + 2 * step), 5)
                if (name, task, sparsity, seed) == ("snip", "digits", 0.95, 3):
                    records.append(failure(of, records[0].ranking, "diverged", "the loss is NaN"))
                else:
                    records.append(
                        ran(of, score, validation=score - 0.01, trainings=1, training_flops=flops, seconds=1)
                    )
                if (name, task) == ("imp", "mnist") and (sparsity, seed) != (0.95, 0):
                    records[-1] = records[-1].model_copy(update={"verified": SEEN})
            of = cell("snip", seed, task=task, sparsity=sparsity, options={"control": "shuffle"})
            records.append(ran(of, round(top - fall - 0.03 + wave / 2, 5), training_flops=2e8))
    return records


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("small") / "results"
    for record in small():
        Store(place).put(record)
    return place


VIEWS = {
    "plain": ["leaderboard"],
    "compute": ["leaderboard", "--view", "compute", "--task", "mnist"],
    "controls": ["leaderboard", "--view", "controls"],
    "profile": ["leaderboard", "--view", "profile"],
    "compare": ["compare", "imp", "snip", "dense", "--task", "digits"],
    "best": ["compare", "on", "leaderboard"],
}


def same(found: Any, known: Any) -> bool:
    """Equal, numbers but for rounding: libraries of other versions differ in the last digit."""
    if isinstance(known, float) and isinstance(found, float):
        return found == pytest.approx(known, rel=1e-9, abs=1e-15)
    if isinstance(known, dict) and isinstance(found, dict):
        return list(found) == list(known) and all(same(found[key], known[key]) for key in known)
    if isinstance(known, list) and isinstance(found, list):
        return len(found) == len(known) and all(same(a, b) for a, b in zip(found, known, strict=True))
    return bool(found == known)


def parsed(text: str, form: str) -> Any:
    """Numbers as numbers."""
    if form == "json":
        return json.loads(text)
    if form == "csv":
        return [[_number(piece) for piece in line] for line in csv.reader(io.StringIO(text))]
    return [line.rstrip() for line in text.splitlines()]


def _number(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


KEPT = [(name, form) for name in VIEWS for form in ("table", "md", "json")]
KEPT += [(name, form) for name in ("plain", "compare") for form in ("csv", "latex")]


@pytest.mark.parametrize(("name", "form"), KEPT)
def test_the_output_is_as_it_was(name: str, form: str, folder: Path, bench: Bench) -> None:
    ended = bench(*VIEWS[name], "--results", folder, "--format", form)
    assert (ended.code, ended.err) == (0, "")
    kept = GOLDEN / f"{name}.{'txt' if form == 'table' else 'tex' if form == 'latex' else form}"
    if os.environ.get("GOLDEN") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text("".join(f"{line.rstrip()}\n" for line in ended.out.splitlines()))
    assert same(parsed(ended.out, form), parsed(kept.read_text(), form)), ended.out


# --- what is selected -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["--algo", "snip"], {"snip:control=None", "snip", "snip:control=shuffle"}),
        (["--algo", "snip:control=shuffle"], {"snip"}),
        (["--task", "mnist", "--sparsity", "0.95", "--algo", "imp,dense"], {"imp", "dense"}),
        (
            ["--pattern", "global", "--budget", "short", "--model", "mlp"],
            {"dense", "imp", "snip", "snip:control=shuffle"},
        ),
    ],
)
def test_filters_narrow_every_verb_alike(words: list[str], labels: set[str], folder: Path, bench: Bench) -> None:
    rows = json.loads(bench("leaderboard", *words, "--results", folder, "--format", "json").out)
    assert {row["label"] for row in rows} <= labels
    assert {row["algorithm"] for row in rows} == {label.partition(":")[0] for label in labels}


def test_an_option_is_compared_as_a_value(tmp_path: Path, bench: Bench) -> None:
    for value in (0.1, 0.2):
        Store(tmp_path).put(ran(cell("imp", options={"rewind": value, "late": True}), value))
    found = bench("leaderboard", "--algo", "imp:rewind=1e-1,late=true", "--results", tmp_path, "--format", "json")
    assert [row["options"]["rewind"] for row in json.loads(found.out)] == [0.1]


def test_nothing_that_fits_says_what_there_is(folder: Path, bench: Bench) -> None:
    for verb in (["leaderboard"], ["compare"], ["plot", "pareto", "--out", folder / "x.svg"]):
        ended = bench(*verb, "--algo", "grannet", "--results", folder)
        assert_one_clear_line(ended, 2, "no record in", "it holds task digits, mnist and algorithm dense, imp, snip")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path, bench: Bench) -> None:
    for verb in (["leaderboard"], ["compare"], ["plot", "pareto", "--out", tmp_path / "x.svg"]):
        assert_one_clear_line(
            bench(*verb, "--results", tmp_path / "none"), 2, f"there is no folder {tmp_path / 'none'}"
        )


# --- compare ----------------------------------------------------------------------------------------------------------


def pairs(bench: Bench, folder: Path, *words: str) -> list[tuple[str, str, float]]:
    ended = bench("compare", *words, "--results", folder, "--format", "json")
    assert ended.code == 0, ended.err
    return [(row["a"], row["b"], row["sparsity"]) for row in json.loads(ended.out)]


def test_names_are_compared_at_every_sparsity_in_their_order(folder: Path, bench: Bench) -> None:
    assert pairs(bench, folder, "snip", "imp", "--task", "mnist") == [("snip", "imp", 0.8), ("snip", "imp", 0.95)]


def test_a_single_name_is_compared_with_every_other(tmp_path: Path, bench: Bench) -> None:
    for record in generated(NAMES[:3], (0.9,), ("first",)):
        Store(tmp_path).put(record)
    assert pairs(bench, tmp_path, "granet") == [
        ("granet", "dense", 0.9),
        ("granet", "imp", 0.9),
        ("granet", "gmp", 0.9),
    ]


def test_a_control_is_compared_where_it_is_named(folder: Path, bench: Bench) -> None:
    words = ["snip", "snip:control=shuffle", "--task", "mnist", "--sparsity", "0.8"]
    assert pairs(bench, folder, *words) == [("snip", "snip:control=shuffle", 0.8)]


@pytest.mark.parametrize("words", [[], ["on", "leaderboard"]])
def test_without_names_it_is_everything_against_the_best_or_all(words: list[str], tmp_path: Path, bench: Bench) -> None:
    for record in generated(NAMES[:3], (0.9,), ("first",)):
        Store(tmp_path).put(record)
    best = [("imp", "granet", 0.9), ("imp", "gmp", 0.9)]
    assert pairs(bench, tmp_path, *words) == best
    assert pairs(bench, tmp_path, *words, "--against", "all") == [*best, ("granet", "gmp", 0.9)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["grannet", "imp"], "no record here matches 'grannet'"),
        (["imp", "snip", "--against", "all"], "--against cannot be combined with names"),
        (["dense"], ""),
        (["imp", "imp"], "nothing to compare"),
        (["imp:k=1", "snip"], "no record here matches 'imp' with these options"),
    ],
)
def test_what_cannot_be_compared_is_said(words: list[str], told: str, folder: Path, bench: Bench) -> None:
    ended = bench("compare", *words, "--results", folder)
    if told:
        assert_one_clear_line(ended, 2, told)
    else:
        assert ended.code == 0, "dense is compared with all"


def test_bars_lie_where_their_intervals_do(folder: Path, bench: Bench) -> None:
    out = bench("compare", "imp", "snip", "--task", "mnist", "--results", folder).out
    [header] = [line for line in out.splitlines() if "95% interval" in line]
    bars = [line for line in out.splitlines() if "●" in line]
    assert len(bars) == 2
    assert all(line.index("│") == header.rindex("0") < line.index("●") for line in bars), "imp is better"


# --- views ------------------------------------------------------------------------------------------------------------


def test_levels_of_cost_can_be_asked_for(folder: Path, bench: Bench) -> None:
    words = ["leaderboard", "--view", "compute", "--task", "mnist", "--sparsity", "0.8", "--results", folder]
    rows = json.loads(bench(*words, "--flops", "1e8,5e8,4e9", "--format", "json").out)
    assert {row["label"]: row["best_at_flops"] for row in rows} == {"dense": [4e9], "imp": [4e9], "snip": [5e8, 4e9]}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--flops", "1e9"], "--flops is for --view compute"),
        (["--view", "compute", "--flops", "0"], "--flops must be numbers above 0"),
        (["--view", "controls", "--algo", "imp"], "no method here has a control"),
        (["--view", "profile", "--algo", "imp"], "no two methods here share"),
    ],
)
def test_what_a_view_lacks_is_said(words: list[str], told: str, folder: Path, bench: Bench) -> None:
    assert_one_clear_line(bench("leaderboard", *words, "--results", folder), 2, told)


def test_the_view_of_edits_tells_what_was_done_to_the_graphs(folder: Path, bench: Bench, tmp_path: Path) -> None:
    """Means over two runs, of 4 and 2 edits in 0.6 seconds each."""
    store = Store(tmp_path / "results")
    for seed, (asked, deleted, gap) in enumerate([(5, 4, 0.3), (5, 2, 0.1)]):
        options = {"edges": 5}
        made = ran(cell("spectral", seed, task="cora", model="gcn", sparsity=0.0, options=options), 0.5 + seed / 10)
        told = Edits(
            graphs=1,
            before=100,
            asked=asked,
            deleted=deleted,
            added=0,
            looked_at=1,
            gap={"loops 0": (0.0, 0.0), "loops 1": (0.1, gap)},
            components=(1, 1),
            bridges=(7, 9),
            inter_class=0.5,
            seconds=0.6,
        )
        store.put(made.model_copy(update={"edits": told}))
    words = ("leaderboard", "--view", "edits", "--results", store.root, "--format")
    [row] = json.loads(bench(*words, "json").out)
    assert (row["algorithm"], row["n"], row["mean"]) == ("spectral", 2, 0.55)
    assert (row["edges"], row["asked"], row["deleted"], row["added"]) == (100, 5, 3, 0)
    assert row["gap"] == pytest.approx([0.1, 0.2])
    assert (row["bridges"], row["inter_class"], row["seconds_per_edit"]) == ([7, 9], 0.5, pytest.approx(0.2))
    told_in_words = bench(*words, "md").out
    assert "| 100     | 5       | 3" in told_in_words
    assert "200.0" in told_in_words
    assert_one_clear_line(bench("leaderboard", "--view", "edits", "--results", folder), 2, "no run here edited a graph")


# --- plot -------------------------------------------------------------------------------------------------------------


@pytest.mark.runs
@pytest.mark.parametrize("kind", ["accuracy-sparsity", "pareto", "profile"])
def test_a_picture_is_drawn(kind: str, folder: Path, bench: Bench, tmp_path: Path) -> None:
    ended = bench("plot", kind, "--out", tmp_path / "picture.svg", "--results", folder)
    assert (ended.code, ended.out, ended.err) == (0, "", f"{tmp_path / 'picture.svg'}\n")
    assert (tmp_path / "picture.svg").read_text().startswith("<?xml")


@pytest.mark.runs
def test_the_overlap_of_masks_is_drawn_where_they_lie(folder: Path, bench: Bench, tmp_path: Path) -> None:
    store, masks = Store(tmp_path / "results"), {"fc.weight": np.arange(10) % 2 == 0}
    for record in (record for record in small() if record.cell.sparsity == 0.8 and record.cell.task == "digits"):
        store.put(record.model_copy(update={"mask_digest": digest(masks)}))
    words = ("plot", "overlap", "--out", tmp_path / "picture.svg", "--results", store.root)
    assert_one_clear_line(bench(*words), 4, "makes its network again")
    for record in store:
        file = store.masks(record.cell)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pack(masks))
    assert bench(*words).code == 0
    assert (tmp_path / "picture.svg").read_text().startswith("<?xml")


@pytest.mark.runs
def test_controls_are_drawn_where_they_are_asked_for(folder: Path, bench: Bench, tmp_path: Path) -> None:
    sizes = []
    for words in ([], ["--controls"]):
        out = tmp_path / f"{len(words)}.svg"
        assert bench("plot", "accuracy-sparsity", *words, "--out", out, "--results", folder).code == 0
        sizes.append(out.stat().st_size)
    assert sizes[1] > sizes[0]


@pytest.mark.runs
def test_the_methods_that_are_asked_for_are_in_colour(folder: Path, bench: Bench, tmp_path: Path) -> None:
    pictures = {}
    for words in ((), ("imp",), ("imp,snip",), ("imp", "snip")):
        out, flags = tmp_path / "picture.svg", [flag for word in words for flag in ("--highlight", word)]
        assert bench("plot", "accuracy-sparsity", *flags, "--out", out, "--results", folder).code == 0
        pictures[words] = out.read_bytes()
    plain, one, together, apart = pictures.values()
    assert together == apart
    assert one not in (plain, together)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pareto", "--out", "x.bmp"], "pictures cannot be written as '.bmp'"),
        (["pareto", "--out", "x"], "pictures cannot be written as ''"),
        (["pareto", "--out", "there/is/none/x.svg"], "there is no folder there/is/none"),
        (["pareto", "--out", "x.svg", "--controls"], "--controls is for accuracy-sparsity, layers, overlap"),
        (["pareto", "--out", "x.svg", "--highlight", "ipm"], "'ipm' cannot be highlighted: what is drawn is "),
        (["layers", "--out", "x.svg"], "no record of a pruned network has its layers"),
        (["critical-difference", "--out", "x.svg"], "a critical difference takes 3 methods"),
    ],
)
def test_a_picture_that_cannot_be_is_said(words: list[str], told: str, folder: Path, bench: Bench) -> None:
    assert_one_clear_line(bench("plot", *words, "--results", folder), 2, told)


# --- how fast it starts -----------------------------------------------------------------------------------------------

HEAVY = """
import sys
from benchmark.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print(sorted({"torch", "pandas", "matplotlib", "seaborn", "scipy.stats"} & set(sys.modules)))
"""


@pytest.mark.runs
@pytest.mark.parametrize("words", [["leaderboard"], ["leaderboard", "--view", "controls"], ["compare", "imp", "snip"]])
def test_tables_load_neither_plots_nor_frames(words: Sequence[str], folder: Path) -> None:
    command = [sys.executable, "-c", HEAVY, *words, "--results", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_picture_has_a_line_of_help(bench: Bench) -> None:
    told = bench("plot", "--help").out
    assert all(f"  {kind} " in told for kind in PICTURES)


def test_an_option_is_selected_where_its_absence_means_the_same(bench: Bench, own: Store) -> None:
    """Records of GMP from before powerpropagation have no option `power`, and are shown as gmp:power=1.0."""
    for power, score in (({}, 0.9), ({"power": 2.0}, 0.8)):
        for seed in range(3):
            of = cell("gmp", seed)
            own.put(ran(of.model_copy(update={"options": of.options | power}), score + seed / 1000))
    told = json.loads(bench("leaderboard", "--algo", "gmp:power=1", "--format", "json").out)
    assert [row["mean"] for row in told if row["algorithm"] == "gmp"] == [pytest.approx(0.901)]
    compared = bench("compare", "gmp:power=2.0", "gmp:power=1.0")
    assert (compared.code, "-0.1000" in compared.out) == (0, True), compared.err
