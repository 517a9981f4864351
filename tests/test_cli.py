"""The command line as a user meets it: the main job, every error with its exit code, and output for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support import Bench, Ended, bench_process, plant

from benchmark.contract import check
from benchmark.records.cell import Cell
from benchmark.records.record import Ranking, Record, Status, failure
from benchmark.records.store import Store
from benchmark.sweep import workers

SMOKE = ("--task", "digits", "--budget", "smoke")
VERBS = ["run", "leaderboard", "compare", "plot", "show", "list", "info", "check", "doctor"]


def assert_one_clear_line(ended: Ended, code: int, *words: str) -> None:
    """An error that says what and why: the exit code, one line that begins with Error, no traceback."""
    assert ended.code == code, ended.err
    errors = [line for line in ended.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, ended.err
    for word in words:
        assert word in errors[0]
    assert "Traceback" not in ended.err + ended.out


# --- the main job -----------------------------------------------------------------------------------------------------

MAIN_JOB = ["run", "--algo", "dense,imp,snip,random,magnitude", *SMOKE, "--seeds", "2", "--jobs", "2"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("main-job") / "results"


@pytest.fixture(scope="module")
def main_job(results: Path) -> Ended:
    return bench_process(*MAIN_JOB, PRUNEBENCH_RESULTS=results)


@pytest.fixture
def filled(main_job: Ended, results: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The records of the main job, where every verb looks for them."""
    assert main_job.code == 0
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(results))
    return Store(results)


def test_the_main_job_ends_well_with_a_line_for_each_cell(main_job: Ended) -> None:
    assert main_job.code == 0, main_job.err
    first, *lines = [line for line in main_job.err.splitlines() if line]  # older versions of rich end with an empty one
    assert first.startswith("10 cells: 0 answered already, 10 to run on c")
    assert len(lines) == 10
    for line in lines:
        assert re.fullmatch(
            r"ok +\w+ +digits/mlp global 0(\.9)? seed [01]  accuracy \d\.\d{4}  .* s  [0-9a-f]{8}", line
        )


def test_the_main_job_prints_its_leaderboard(main_job: Ended) -> None:
    assert "digits / mlp, budget smoke: accuracy on the test split (higher is better)" in main_job.out
    for name in ("dense", "imp", "snip", "random", "magnitude"):
        assert re.search(rf"^ +[\d-]* +{name} ", main_job.out, re.MULTILINE)


def test_the_main_job_leaves_its_records_and_nothing_else(main_job: Ended, filled: Store) -> None:
    records = list(filled)
    assert filled.problems == []
    assert {(r.cell.algorithm, r.cell.seed) for r in records} == {
        (name, seed) for name in ("dense", "imp", "snip", "random", "magnitude") for seed in (0, 1)
    }
    assert all(r.status == "ok" and r.audit is not None and r.audit.passed for r in records)
    files = [file for file in filled.root.rglob("*") if file.is_file()]
    assert len(files) == 20  # masks beside each record


def test_the_main_job_again_is_a_no_op_that_says_so(filled: Store, bench: Bench) -> None:
    before = {file: file.stat().st_mtime_ns for file in filled.root.rglob("*.json")}
    ended = bench(*MAIN_JOB)
    assert ended.code == 0
    assert ended.err == "10 cells: 10 answered already, 0 to run\n"
    assert "magnitude" in ended.out
    assert {file: file.stat().st_mtime_ns for file in filled.root.rglob("*.json")} == before


# --- what is run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty results folder, where every verb looks."""
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(tmp_path / "own"))
    return Store(tmp_path / "own")


def here(bench: Bench, algorithms: str, *words: str | Path) -> Ended:
    """A short run in this process."""
    return bench("run", "--algo", algorithms, *SMOKE, "--jobs", "0", *words)


def stamps(store: Store) -> dict[str, int]:
    return {record.cell.algorithm: store.path(record.cell).stat().st_mtime_ns for record in store}


def test_rerun_says_which_answers_to_give_again(own: Store, bench: Bench) -> None:
    assert here(bench, "dense,random").code == 0
    [dense, random] = sorted(own, key=lambda record: record.cell.algorithm)
    own.put(failure(random.cell, random.ranking, "failed", "a bad day"))
    first = stamps(own)

    again = here(bench, "dense,random")
    assert again.code == 1, "a failure that is kept is still a failure"
    assert again.err.startswith("2 cells: 2 answered already, 0 to run")
    assert stamps(own) == first

    mended = here(bench, "dense,random", "--rerun", "failed")
    assert mended.code == 0
    assert mended.err.startswith("2 cells: 1 answered already, 1 to run")
    second = stamps(own)
    assert second["dense"] == first["dense"]
    assert second["random"] != first["random"]
    assert [record.status for record in own] == ["ok", "ok"]

    anew = here(bench, "dense,random", "--rerun", "all")
    assert anew.err.startswith("2 cells: 0 answered already, 2 to run")
    assert own.get(dense.cell) is not None
    assert all(stamps(own)[name] != second[name] for name in second)


def test_a_dry_run_prints_the_cells_and_writes_nothing(own: Store, bench: Bench) -> None:
    ended = bench("run", "--algo", "dense,snip", *SMOKE, "--sparsity", "0.8,0.9", "--seeds", "2", "--dry-run")
    assert ended.code == 0
    assert ended.err.startswith("6 cells: 0 answered already, 6 to run")
    assert len(ended.out.splitlines()) == 6
    assert not own.root.exists()


def cells(bench: Bench, *words: str) -> list[str]:
    """The cells of a selection, as a dry run prints them."""
    ended = bench("run", *words, "--dry-run")
    assert ended.code == 0, ended.err
    return ended.out.splitlines()


def test_options_stand_behind_their_algorithm(own: Store, bench: Bench) -> None:
    imp, snip = cells(bench, "--algo", "imp:fraction=0.5,rewind=0.1,snip", "--task", "digits")
    assert imp.startswith("imp:fraction=0.5,rewind=0.1,")
    assert imp.endswith("on digits/mlp at 0.9 global, short, 0")
    assert snip.startswith("snip:batches=1")


def test_flags_repeat_and_take_commas(own: Store, bench: Bench) -> None:
    spread = cells(bench, "--algo", "snip", "--algo", "random", "--task", "digits", "--seed", "3", "--seed", "5,7")
    assert spread == cells(bench, "--algo", " snip , random,", "--task", "digits", "--seed", "3,5,7")
    assert len(spread) == 6


def test_the_same_cell_asked_twice_is_one_cell(own: Store, bench: Bench) -> None:
    assert len(cells(bench, "--algo", "snip,snip:batches=1", "--task", "digits,digits", "--sparsity", "0.9,0.90")) == 1


def test_dense_is_one_cell_whatever_the_sparsity(own: Store, bench: Bench) -> None:
    [only] = cells(bench, "--algo", "dense", "--task", "digits", "--sparsity", "0.5,0.9", "--pattern", "global,layer")
    assert only == "dense on digits/mlp at 0 global, short, 0"


def test_a_pattern_of_n_in_m_brings_its_sparsity(own: Store, bench: Bench) -> None:
    [only] = cells(bench, "--algo", "random", "--task", "digits", "--pattern", "2:4")
    assert "at 0.5 2:4" in only
    assert cells(bench, "--algo", "random", "--task", "digits", "--pattern", "2:4", "--sparsity", "0.5") == [only]


def test_a_run_whose_cell_fails_says_so_and_ends_with_1(own: Store, bench: Bench) -> None:
    ended = here(bench, "snip,dense", "--sparsity", "0.9999999")
    assert ended.code == 1
    [failed] = [line for line in ended.err.splitlines() if line.startswith("failed ")]
    assert "density 1e-07 keeps none of 11,900 weights" in failed
    assert sorted(record.status for record in own) == ["failed", "ok"]
    assert "1 failed" in ended.out


@pytest.mark.parametrize("method", ["edge-popup", "magnitude:when=init"])
def test_a_layer_that_collapses_is_told_and_the_network_is_tested_all_the_same(
    own: Store, bench: Bench, method: str
) -> None:
    assert here(bench, method, "--pattern", "layer", "--sparsity", "0.9998").code == 0
    [record] = own
    assert record.status == "ok"
    assert all(math.isfinite(value) for value in [*record.metrics.values(), *record.validation.values()])
    assert [layer.kept for layer in record.layers.values()] == [1, 1, 0]
    told = [line.split() for line in bench("show", record.key).out.splitlines() if "collapsed" in line]
    assert [(words[0], words[-1]) for words in told] == [("fc3.weight", "collapsed")]


EDGES = """
    from benchmark import Run, algorithm

    @algorithm(prunes="edges")
    def edge_cutter(run: Run) -> None:
        '''Edge cutter: needs a graph (Nobody, 2026).'''
"""


def test_a_task_without_edges_is_skipped_among_others(
    own: Store, bench: Bench, tmp_path: Path, known: Callable[[Path], None]
) -> None:
    plant(tmp_path, "algorithm", "edge_cutter", EDGES, target="edge_cutter_plugin:edge_cutter")
    (tmp_path / "dist_of_edge_cutter-1.0.dist-info" / "entry_points.txt").write_text(
        "[prunebench.algorithms]\nedge-cutter = edge_cutter_plugin:edge_cutter\n"
    )
    known(tmp_path)
    alone = here(bench, "edge-cutter")
    assert_one_clear_line(alone, 2, "task 'digits' has no edges; 'edge-cutter' works on edges. Tasks it can run: ")
    among = here(bench, "edge-cutter,dense")
    assert among.code == 0, "a skip is no failure"
    [skipped] = [record for record in own if record.status == "skipped"]
    assert skipped.error == "'edge-cutter' works on edges, and the task has none"


# --- errors -----------------------------------------------------------------------------------------------------------

ERRORS: list[tuple[str, list[str], str]] = [
    ("unknown algorithm", ["--algo", "magnitud"], "no algorithm named 'magnitud'. Did you mean 'magnitude'? (bench"),
    ("unknown task", ["--algo", "dense", "--task", "digit"], "no task named 'digit'. Did you mean 'digits'? (bench"),
    ("unknown model", ["--algo", "dense", "--model", "vgg"], "no model named 'vgg' for this task; it has: mlp, cnn"),
    ("unknown budget", ["--algo", "dense", "--budget", "long"], "no budget named 'long' for this task; it has: smoke,"),
    ("unknown option", ["--algo", "snip:batchs=2"], "no option of 'snip' named 'batchs'. Did you mean 'batches'?"),
    ("option of none", ["--algo", "dense:x=1"], "no option of 'dense' named 'x'. (its options: it has none)"),
    ("wrong value", ["--algo", "snip:batches=0"], "option 'batches' of 'snip' cannot be '0'; it takes whole number"),
    ("not a number", ["--algo", "imp:fraction=nan"], "option 'fraction' of 'imp' cannot be 'nan'; it takes number in"),
    ("no value", ["--algo", "imp:fraction"], "option 'fraction' of 'imp' has no value; write imp:OPTION=VALUE"),
    ("option first", ["--algo", "fraction=0.5,imp"], "option 'fraction=0.5' comes before any name"),
    ("nothing", ["--algo", ","], "nothing selected: name at least one --algo and one --task (bench list)"),
    ("percent", ["--algo", "snip", "--sparsity", "90"], "sparsity must lie in [0, 1), got 90; 90% of the weights"),
    ("everything", ["--algo", "snip", "--sparsity", "1"], "sparsity must lie in [0, 1), got 1"),
    ("nan", ["--algo", "snip", "--sparsity", "nan"], "sparsity must lie in [0, 1), got nan"),
    ("text", ["--algo", "snip", "--sparsity", "0.9x"], "'0.9x' is not a list of numbers; write 0.8,0.9 for instance"),
    ("unknown pattern", ["--algo", "snip", "--pattern", "5:4"], "no pattern named '5:4'; there are global, layer"),
    ("conflict", ["--algo", "snip", "--pattern", "2:4", "--sparsity", "0.9"], "pattern 2:4 is sparsity 0.5; leave"),
    ("device", ["--algo", "dense", "--device", "tpu"], "no device named 'tpu'; give cpu, cuda, cuda:1 or auto"),
    ("data root", ["--algo", "dense", "--data-root", "/nowhere/at/all"], "Directory '/nowhere/at/all' does not exist"),
    ("seeds", ["--algo", "dense", "--seeds", "0"], "0 is not in the range x>=1"),
    ("nothing to control", ["--algo", "dense", "--control", "shuffle"], "--control changes one thing about a method"),
    ("no edges to edit", ["--algo", "snip", "--edges", "50"], "--edges is for methods that edit edges; none of these"),
    ("no worker to end", ["--algo", "dense", "--timeout", "9"], "--timeout ends workers, and with --jobs 0 there are"),
    ("timeout", ["--algo", "dense", "--timeout", "0"], "0.0 is not in the range x>0"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), [error[1:] for error in ERRORS], ids=[error[0] for error in ERRORS])
def test_a_wrong_selection_is_one_clear_line_and_exit_code_2(
    own: Store, bench: Bench, words: list[str], says: str
) -> None:
    task = [] if "--task" in words else ["--task", "digits"]
    assert_one_clear_line(bench("run", *words, *task, "--jobs", "0"), 2, says)
    assert not own.root.exists()


NUMBERS = [
    ["dense", "--seed", "-1"],
    ["dense", "--seed", "9007199254740993"],
    ["snip:batches=99999999999999999999"],
    ["snip", "--pattern", "1:99999999999999999999"],
]


@pytest.mark.parametrize("words", NUMBERS, ids=" ".join)
def test_a_number_that_no_cell_can_hold_is_one_clear_line(own: Store, bench: Bench, words: list[str]) -> None:
    assert_one_clear_line(bench("run", "--algo", words[0], "--task", "digits", *words[1:], "--dry-run"), 2)


def test_missing_data_are_one_clear_error_with_the_remedy_and_exit_code_4(
    own: Store, bench: Bench, tmp_path: Path
) -> None:
    ended = bench("run", "--algo", "dense", "--task", "mnist", "--data-root", tmp_path, "--jobs", "0")
    assert_one_clear_line(ended, 4, f"data set 'mnist' is not in {tmp_path}", "MNIST/raw/train-images-idx3-ubyte")
    assert "bench run ... --data-root DIR" in ended.err
    assert not own.root.exists()


def test_corrupt_data_are_one_clear_error_and_exit_code_4(own: Store, bench: Bench, tmp_path: Path) -> None:
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{part}-ubyte").write_bytes(b"not an image")
    ended = bench("run", "--algo", "dense", "--task", "mnist", "--data-root", tmp_path, "--jobs", "0")
    assert_one_clear_line(ended, 4, "mnist")


def test_a_results_folder_that_cannot_be_written_is_one_clear_error(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert_one_clear_line(here(bench, "dense", "--results", tmp_path / "file" / "results"), 3)


@pytest.mark.parametrize("words", [["frobnicate"], ["run"], ["list", "cats"], ["leaderboard", "--format", "xml"]])
def test_wrong_usage_is_one_clear_line_and_exit_code_2(own: Store, bench: Bench, words: list[str]) -> None:
    assert_one_clear_line(bench(*words), 2)


def test_an_empty_leaderboard_says_how_to_fill_it(own: Store, bench: Bench) -> None:
    assert_one_clear_line(bench("leaderboard"), 2, f"there is no folder {own.root}; fill one with: bench run --algo ")
    own.root.mkdir()
    assert_one_clear_line(bench("leaderboard"), 2, f"no record in {own.root} fits; fill it with: bench run --algo ")


def test_an_interrupt_ends_with_130(own: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(cells: object, settings: object, done: Callable[[Record], None]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workers, "run_inline", interrupted)
    ended = here(bench, "dense")
    assert ended.code == 130
    assert "0 of 1 cells are finished and kept" in ended.err
    assert "Traceback" not in ended.err


# --- output that programs read ----------------------------------------------------------------------------------------

READING = [
    ["list"],
    ["list", "tasks"],
    ["info", "imp"],
    ["info", "digits"],
    ["leaderboard"],
    ["leaderboard", "--algo", "imp,snip", "--sparsity", "0.9"],
    ["leaderboard", "--view", "compute"],
    ["leaderboard", "--view", "profile"],
    ["compare"],
    ["compare", "imp", "snip"],
    ["doctor"],
]


def any_key(store: Store) -> str:
    return next(iter(store)).key


@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_json_on_stdout_is_nothing_but_json(filled: Store, bench: Bench, words: list[str]) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out, parse_constant=pytest.fail)


@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_csv_has_a_value_in_every_column_of_every_row(filled: Store, bench: Bench, words: list[str]) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", "csv")
    header, *rows = csv.reader(io.StringIO(ended.out))
    assert rows
    assert all(len(row) == len(header) for row in rows)
    assert len(set(header)) == len(header)


@pytest.mark.parametrize("form", ["table", "md", "latex"])
@pytest.mark.parametrize("words", [*READING, ["show"]], ids=" ".join)
def test_every_reading_verb_prints_every_format(filled: Store, bench: Bench, words: list[str], form: str) -> None:
    ended = bench(*words, *([any_key(filled)] if words == ["show"] else []), "--format", form)
    assert ended.code == 0
    assert ended.err == ""
    if form == "latex":
        assert ended.out.count("\\begin{tabular}") == ended.out.count("\\end{tabular}") >= 1
    if form == "md":
        assert all(line.startswith(("|", "**")) for line in ended.out.splitlines() if line)


def test_the_leaderboard_as_json_has_every_number(filled: Store, bench: Bench) -> None:
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    wanted = "task model budget algorithm options pattern sparsity metric direction n mean std ci_low ci_high cost"
    assert all(set(wanted.split()) <= set(row) for row in rows)
    assert rows[0]["algorithm"] == "dense"
    assert {row["n"] for row in rows} == {2}
    means = [row["mean"] for row in rows if row["sparsity"] == 0.9]
    assert means == sorted(means, reverse=True)


def test_the_leaderboard_is_the_same_in_csv_as_in_json(filled: Store, bench: Bench) -> None:
    by_json = json.loads(bench("leaderboard", "--format", "json").out)
    by_csv = list(csv.DictReader(io.StringIO(bench("leaderboard", "--format", "csv").out)))
    for one, other in zip(by_json, by_csv, strict=True):
        assert float(other["mean"]) == one["mean"]
        assert json.loads(other["options"]) == one["options"]
        assert float(other["cost.training_steps"]) == one["cost"]["training_steps"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--algo", "imp"], {"imp"}),
        (["--sparsity", "0.9"], {"dense", "imp", "snip", "random", "magnitude"}),
        (["--sparsity", "0.5"], {"dense"}),
        (["--task", "digits", "--model", "mlp", "--budget", "smoke", "--pattern", "global", "--algo", "imp"], {"imp"}),
    ],
)  # fmt: skip
def test_the_leaderboard_can_be_narrowed(filled: Store, bench: Bench, words: list[str], names: set[str]) -> None:
    rows = json.loads(bench("leaderboard", *words, "--format", "json").out)
    assert {row["algorithm"] for row in rows} == names


def test_a_damaged_record_is_a_warning_beside_pure_json(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "copy")
    damaged = next((tmp_path / "copy").rglob("*.json"))
    damaged.write_text("{")
    ended = bench("leaderboard", "--results", tmp_path / "copy", "--format", "json")
    assert ended.code == 0
    assert ended.err.startswith(f"Warning: skipped {damaged}: not a record")
    assert sum(row["n"] for row in json.loads(ended.out)) == 9


def test_results_are_looked_for_in_the_flag_before_the_variable(filled: Store, bench: Bench, tmp_path: Path) -> None:
    assert bench("leaderboard").code == 0
    assert bench("leaderboard", "--results", tmp_path).code == 2


# --- show and info ----------------------------------------------------------------------------------------------------


def test_show_finds_a_record_by_the_first_digits_of_its_key_or_by_its_file(filled: Store, bench: Bench) -> None:
    record = next(iter(filled))
    for words in ([record.key], [record.key[:10]], [filled.path(record.cell)]):
        ended = bench("show", *words, "--format", "json")
        assert Record.model_validate_json(ended.out) == record


def test_show_finds_a_record_by_its_file_in_another_folder(filled: Store, bench: Bench, tmp_path: Path) -> None:
    record = next(iter(filled))
    assert bench("show", filled.path(record.cell), "--results", tmp_path).code == 0


def test_show_reads_a_file_wherever_it_lies(filled: Store, bench: Bench, tmp_path: Path) -> None:
    record = next(iter(filled))
    shutil.copy(filled.path(record.cell), tmp_path / "from-a-friend.json")
    ended = bench("show", tmp_path / "from-a-friend.json", "--format", "json")
    assert Record.model_validate_json(ended.out) == record


def test_show_says_density_audit_and_layers(filled: Store, bench: Bench) -> None:
    [record] = [r for r in filled if r.cell.algorithm == "imp" and r.cell.seed == 0]
    out = bench("show", record.key).out
    assert "weights 0.1," in out
    assert re.search(r"audit +passed", out)
    assert re.search(r"fc1\.weight +\d+ +6,400", out)


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
        bench("show", several), 2, f"'{several}' begins {first.count(several)} keys; give more digits"
    )


def test_info_tells_of_an_algorithm_and_its_options(bench: Bench) -> None:
    told = json.loads(bench("info", "imp", "--format", "json").out)
    assert told["paper"] == "arXiv:1803.03635"
    assert told["summary"].startswith("IMP: ")
    options = {option["option"]: option for option in told["options"]}
    assert options["fraction"]["default"] == "0.2"
    assert options["fraction"]["values"] == "number in (0, 1)"
    assert all(option["meaning"] for option in options.values())
    assert "--algo imp:fraction=VALUE" in bench("info", "imp").out


def test_info_tells_of_a_task_its_models_and_recipes(bench: Bench) -> None:
    told = json.loads(bench("info", "digits", "--format", "json").out)
    assert {model["model"]: model["prunable weights"] for model in told["models"]}["mlp"] == 64 * 100 + 100 * 50 + 500
    assert [recipe["budget"] for recipe in told["recipes"]] == ["smoke", "short", "full"]
    assert told["data"] == "embedded"


# --- doctor, check, help ----------------------------------------------------------------------------------------------


def test_a_healthy_machine_passes_doctor_even_without_data(own: Store, bench: Bench) -> None:
    ended = bench("doctor", "--format", "json")
    assert ended.code == 0
    findings = json.loads(ended.out)
    assert {"python", "torch", "device", "algorithms", "tasks", "data", "results"} <= {f["about"] for f in findings}
    [mnist] = [f for f in findings if f["about"] == "data" and "data set 'mnist' is not in" in f["what"]]
    assert not mnist["ok"]
    assert not own.root.exists(), "looking leaves nothing behind"


def test_doctor_finds_data_where_they_are(own: Store, bench: Bench, real_data: Path) -> None:
    findings = json.loads(bench("doctor", "--data-root", real_data, "--format", "json").out)
    assert {"about": "data", "ok": True, "what": f"mnist: in {real_data}"} in findings


def test_doctor_names_a_results_folder_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    ended = bench("doctor", "--results", "/proc/nowhere", "--format", "json")
    assert ended.code == 3
    [finding] = [f for f in json.loads(ended.out) if f["about"] == "results"]
    assert not finding["ok"]


def holds(name: str) -> None:
    """A rule that everything keeps."""


def breaks(name: str) -> None:
    raise check.Broken(f"{name} is not as it should be")


@pytest.mark.parametrize(("rule", "code", "problem"), [(holds, 0, ""), (breaks, 1, "dense is not as it should be")])
def test_check_ends_with_1_where_a_rule_is_broken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, rule: check.Rule, code: int, problem: str
) -> None:
    monkeypatch.setattr(check, "ALGORITHM_RULES", [rule])
    ended = bench("check", "dense", "--format", "json")
    assert ended.code == code
    assert json.loads(ended.out) == [{"name": "dense", "rule": rule.__name__, "problem": problem, "does not apply": ""}]


def test_check_has_one_thread(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def counts(name: str) -> None:
        raise check.Broken(f"{torch.get_num_threads()} threads")

    monkeypatch.setattr(check, "ALGORITHM_RULES", [counts])
    torch.set_num_threads(2)
    try:
        [row] = json.loads(bench("check", "dense", "--format", "json").out)
    finally:
        torch.set_num_threads(1)
    assert row["problem"] == "1 threads"


def test_check_of_a_task_without_its_data_ends_with_4(bench: Bench) -> None:
    assert_one_clear_line(bench("check", "mnist"), 4, "data set 'mnist' is not in")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(bench: Bench, verb: str) -> None:
    ended = bench(verb, "-h")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: bench {verb} ")
    assert verb in bench("--help").out


def test_the_version_is_that_of_the_distribution(bench: Bench) -> None:
    assert re.fullmatch(r"bench, version \d+\.\d+\.\d+\n", bench("--version").out)


# --- what a record says cannot do harm --------------------------------------------------------------------------------

MARKUP, QUOTES, LINES, PIPES = "[red]x[/red]", "a\"b'c,d;e", "one\ntwo\r\nthree", "a|b & c_d % e \\ $f {g}"
HOSTILE = {"markup": MARKUP, "unclosed": "[/nonsense", "quotes": QUOTES, "lines": LINES, "pipes": PIPES}


def hostile(text: str, *, seed: int = 0, status: Status = "failed") -> Record:
    cell = Cell(
        algorithm="imp", options={"name": text}, task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=seed
    )
    return failure(cell, Ranking(metric="accuracy", direction="max"), status, text)


@pytest.fixture(params=HOSTILE.values(), ids=HOSTILE)
def text(request: pytest.FixtureRequest, own: Store) -> str:
    """A text that stands as an option and as the error of a record; another record makes the option be shown."""
    own.put(hostile(request.param))
    own.put(hostile("plain"))
    return str(request.param)


def test_hostile_text_is_whole_in_json(own: Store, bench: Bench, text: str) -> None:
    told = json.loads(bench("show", hostile(text).key, "--format", "json").out)
    assert (told["error"], told["cell"]["options"]) == (text, {"name": text})
    rows = json.loads(bench("leaderboard", "--format", "json").out)
    assert {row["options"]["name"] for row in rows} == {text, "plain"}


def test_hostile_text_is_whole_in_csv(own: Store, bench: Bench, text: str) -> None:
    [told] = csv.DictReader(io.StringIO(bench("show", hostile(text).key, "--format", "csv").out, newline=""))
    assert told["error"] == text
    rows = list(csv.DictReader(io.StringIO(bench("leaderboard", "--format", "csv").out, newline="")))
    assert {json.loads(row["options"])["name"] for row in rows} == {text, "plain"}


def test_hostile_text_breaks_no_table(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        ended = bench(*words)
        assert ended.code == 0, ended.err
        for piece in text.split():
            assert piece in ended.out


def columns(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line))


def test_hostile_text_breaks_no_markdown(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        out = bench(*words, "--format", "md").out
        lines = [line for line in out.splitlines() if line and not line.startswith("**")]
        assert all(line.startswith("|") for line in lines)
        assert len({columns(line) for line in lines}) == 1


def test_hostile_text_breaks_no_latex(own: Store, bench: Bench, text: str) -> None:
    for words in (["show", hostile(text).key], ["leaderboard"]):
        out = bench(*words, "--format", "latex").out
        body = out.partition("\\midrule\n")[2].partition("\\bottomrule")[0].splitlines()
        width = out.partition("\\begin{tabular}{")[2].index("}")
        for line in body:
            assert line.endswith("\\\\")
            assert len(re.findall(r"(?<!\\)&", line)) == width - 1
            assert not re.search(r"(?<!\\)[%_#]", line)


def escaping(text: str) -> Any:
    return [character for character in text if ord(character) < 32 and character not in "\n\t"]


def test_no_escape_sequence_reaches_the_terminal(own: Store, bench: Bench) -> None:
    own.put(hostile("\x1b]0;owned\x07\x1b[2J"))
    own.put(hostile("plain"))
    for words in (["show", hostile("\x1b]0;owned\x07\x1b[2J").key], ["leaderboard"]):
        for form in ("table", "md", "latex"):
            assert not escaping(bench(*words, "--format", form).out)


def test_no_metric_name_leaves_its_latex_comment(own: Store, bench: Bench) -> None:
    cell = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    own.put(failure(cell, Ranking(metric="accuracy\n\\input{secrets}", direction="max"), "failed", "no reason"))
    lines = bench("leaderboard", "--format", "latex").out.splitlines()
    assert not [line for line in lines if line.startswith("\\input")]


LOUD = """
    from benchmark import Run, algorithm

    @algorithm()
    def loud(run: Run) -> None:
        raise ValueError("first [red]line[/red]\\n\\nsecond line")
"""


@pytest.fixture
def loud(tmp_path: Path, known: Callable[[Path], None]) -> None:
    plant(tmp_path, "algorithm", "loud", LOUD)
    known(tmp_path)


def test_markup_in_an_error_is_shown_as_it_is(own: Store, bench: Bench, loud: None) -> None:
    ended = here(bench, "loud")
    assert ended.code == 1
    assert "ValueError: first [red]line[/red]" in ended.err


def test_an_error_of_several_lines_is_one_line_per_cell(own: Store, bench: Bench, loud: None) -> None:
    [line] = [line for line in here(bench, "loud").err.splitlines() if line.startswith("failed ")]
    assert "second line" in line


@pytest.mark.parametrize("words", [["list"], ["leaderboard"], ["run", "--algo", "dense", *SMOKE, "--jobs", "0"]])
def test_no_color_means_no_colour_even_on_a_terminal(
    own: Store, bench: Bench, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    own.put(hostile("plain"))
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes everything for a terminal
    monkeypatch.setenv("NO_COLOR", "1")
    ended = bench(*words)
    assert ended.code == 0
    assert not re.search(r"\x1b\[[0-9;]*(3|4|9|10)[0-9]m", ended.out + ended.err)


def test_a_pipe_gets_no_escape_sequences(main_job: Ended) -> None:
    assert "\x1b" not in main_job.out + main_job.err


def test_info_tries_what_a_method_costs(bench: Bench) -> None:
    """IMP prunes a fifth of what is left ten times to a tenth, and trains once more."""
    facts = json.loads(bench("info", "imp", "--format", "json").out)
    assert facts["cost"] == "11 dense trainings at sparsity 0.9"
    assert json.loads(bench("info", "snip", "--format", "json").out)["cost"].startswith(
        "1 dense training and 1 scoring"
    )


def test_masks_are_compared_by_algorithm_over_common_seeds(filled: Store, bench: Bench) -> None:
    """Random masks overlap as chance has it; a method's masks with themselves entirely."""
    found = json.loads(bench("compare", "--masks", "snip", "random", "--format", "json").out)
    assert [(row["sparsity"], row["n"]) for row in found] == [(0.9, 2)]
    assert abs(found[0]["beyond chance"]) < 0.1
    assert json.loads(bench("compare", "--masks", "snip", "snip", "--format", "json").out)[0]["beyond chance"] == 1.0


def test_masks_of_two_records_are_compared_layer_by_layer(filled: Store, bench: Bench) -> None:
    records = [record for record in filled if record.cell.algorithm in ("snip", "magnitude") and record.cell.seed == 0]
    found = json.loads(bench("compare", "--masks", *(record.key[:12] for record in records), "--format", "json").out)
    assert [row["layer"] for row in found] == [*records[0].layers, "all"]
    assert [row["first"] for row in found[:-1]] == [layer.kept for layer in records[0].layers.values()]
    assert found[-1]["weights"] == sum(layer.total for layer in records[0].layers.values())


def test_masks_of_a_name_that_means_several_methods_are_not_mixed(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "results")
    store = Store(tmp_path / "results")
    one = next(record for record in store if record.cell.algorithm == "snip")
    other = Cell.model_validate(one.cell.model_dump() | {"options": {**one.cell.options, "batches": 7}})
    store.put(one.model_copy(update={"key": other.key, "cell": other}), store.masks(one.cell).read_bytes())
    ended = bench("compare", "--masks", "snip", "random", "--results", store.root)
    assert_one_clear_line(ended, 2, "'snip' means several records here; say which", "batches=7")


def test_damaged_masks_are_told(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root, tmp_path / "results")
    for file in (tmp_path / "results" / "masks").rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:-40])
    ended = bench("compare", "--masks", "snip", "random", "--results", tmp_path / "results")
    assert_one_clear_line(ended, 4, "the masks of record", "are damaged")


def test_masks_that_are_not_there_are_told(filled: Store, bench: Bench, tmp_path: Path) -> None:
    shutil.copytree(filled.root / "records", tmp_path / "records")
    words = ("compare", "--masks", "snip", "random", "--results", tmp_path)
    assert_one_clear_line(bench(*words), 4, "the masks of record", "--rerun all")
    assert_one_clear_line(bench("compare", "--masks", "snip"), 2, "two records, or two algorithms")
