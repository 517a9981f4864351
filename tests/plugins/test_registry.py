"""Plug-ins from outside: one that is whole works as if it were built in, and no broken one takes others with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import PluginError, UsageError
from benchmark.plugins import catalog, registry
from tests.support.command import ROOT, Bench, Ended, assert_one_clear_line, bench_here, bench_process
from tests.support.outside import known_here, plant

pytestmark = pytest.mark.runs

# --- a whole one ------------------------------------------------------------------------------------------------------


def test_an_installed_plugin_is_listed_with_its_summary_and_distribution(example_plugin: Path) -> None:
    ended = bench_process("list", "--format", "json", PYTHONPATH=example_plugin)
    assert ended.code == 0
    rows = {row["name"]: row for row in json.loads(ended.out)}
    assert rows["drift"]["kind"] == "algorithm"
    assert rows["drift"]["distribution"] == "prunebench-example 1.0"
    assert rows["drift"]["summary"].startswith("Drift: keep the weights that training moves farthest")
    assert rows["breast-cancer"]["kind"] == "task"
    assert rows["breast-cancer"]["summary"].startswith("Breast cancer: 569 biopsies")
    assert {row["problem"] for row in rows.values()} == {""}


def test_an_installed_plugin_runs_and_its_record_names_the_distribution(
    example_plugin: Path, tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    known(example_plugin)
    words = ("run", "--algo", "drift:watch=0.5", "--task", "breast-cancer", "--budget", "smoke", "--jobs", "0")
    ended = bench(*words, "--results", tmp_path)
    assert ended.code == 0, ended.err
    [file] = (tmp_path / "records" / "breast-cancer" / "drift").glob("*.json")
    record = json.loads(file.read_text())
    assert record["status"] == "ok"
    assert record["cell"]["options"] == {"watch": 0.5}
    assert record["where"]["plugins"] == dict.fromkeys(("algorithm", "task"), "prunebench-example 1.0")


@pytest.mark.slow
def test_bench_check_passes_an_installed_plugin(example_plugin: Path) -> None:
    ended = bench_process("check", "drift", "breast-cancer", "--format", "json", PYTHONPATH=example_plugin)
    assert ended.code == 0, ended.out
    assert {row["name"] for row in json.loads(ended.out)} == {"drift", "breast-cancer"}


@pytest.mark.slow
def test_the_tests_of_the_plugin_pass(example_plugin: Path) -> None:
    where = {"cwd": ROOT / "tests" / "plugin", "env": os.environ | {"PYTHONPATH": str(example_plugin)}}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **where)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout


# --- broken ones ------------------------------------------------------------------------------------------------------

SOUND = """
    from benchmark import Run, algorithm

    @algorithm()
    def {name}(run: Run) -> None:
        '''Sound: trains (Nobody, 2026).'''
        run.train()
"""

AT_A_GLANCE: dict[str, tuple[str | None, str]] = {
    "imports-nothing": (
        "import nowhere_to_be_found.at_all\n",
        "it imports 'nowhere_to_be_found', which is not installed",
    ),
    "imports-from-nothing": (
        "from nowhere_to_be_found import thing\n",
        "it imports 'nowhere_to_be_found', which is not installed",
    ),
    "misspelt": ("def misspelt(run:\n", "SyntaxError"),
    "takes-two": ("def takes_two(run, masks): ...\n", "its signature must be takes_two(run, *, option"),
    "takes-none": ("def takes_none(): ...\n", "its signature must be takes_none(run, *, option"),
    "absent": (None, "there is no module 'absent_plugin'"),
    "Odd Name!": (SOUND.format(name="odd_name_"), "its name may hold lower-case letters, digits, '-' and '_'"),
}
"""What the source alone tells: by name, the module and the problem that `bench list` shows."""

ON_LOADING: dict[str, tuple[str, str]] = {
    "explodes": ("raise RuntimeError('boom at import')\n", "RuntimeError: boom at import"),
    "plain": ("def plain(run): ...\n", "plain_plugin:plain is not an algorithm; decorate it with @algorithm(...)"),
    "nameless": ("x = 1\n", "has no attribute 'nameless'"),
    "untyped": (
        "from benchmark import algorithm\n@algorithm()\ndef untyped(run, *, share=0.5): ...\n",
        "TypeError: untyped: option 'share' needs a type and a default",
    ),
    "homeless": (
        "from benchmark import algorithm\n@algorithm(family='tickets')\ndef homeless(run): ...\n",
        "homeless: family cannot be 'tickets'; it takes after training, before training, data edits, dense, during "
        "training, learned masks",
    ),
    "renamed": (
        "from benchmark import algorithm\n@algorithm()\ndef other(run): ...\nrenamed = other\n",
        "its function is called 'other'; name and function must agree",
    ),
}
"""What shows when the module is imported: by name, the module and the problem that `bench doctor` shows."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of broken plug-ins, each in a distribution of its own, and a sound one among them."""
    folder = tmp_path_factory.mktemp("broken")
    for name, (source, _) in (AT_A_GLANCE | ON_LOADING).items():
        plant(folder, "algorithm", name, source)
    plant(folder, "algorithm", "sound", SOUND.format(name="sound"))
    plant(folder, "algorithm", "snip", SOUND.format(name="snip"))
    plant(folder, "task", "no-task", "no_task = 'not at all'\n")
    return folder


@pytest.fixture(scope="module")
def listed(broken: Path) -> dict[str, dict[str, Any]]:
    ended = bench_process("list", "--format", "json", PYTHONPATH=broken)
    assert ended.code == 0, ended.err
    return {row["name"]: row for row in json.loads(ended.out)}


@pytest.fixture(scope="module")
def doctored(broken: Path) -> Ended:
    with known_here(broken):
        return bench_here("doctor", "--format", "json")


@pytest.mark.parametrize("name", AT_A_GLANCE)
def test_list_tells_what_is_wrong_without_importing(listed: dict[str, dict[str, Any]], name: str) -> None:
    assert AT_A_GLANCE[name][1] in listed[name]["problem"]


@pytest.mark.parametrize("name", ON_LOADING)
def test_list_shows_what_only_an_import_would_reveal(listed: dict[str, dict[str, Any]], name: str) -> None:
    assert listed[name]["problem"] == ""


def test_list_shows_the_sound_among_the_broken(listed: dict[str, dict[str, Any]]) -> None:
    assert listed["sound"]["summary"] == "Sound: trains (Nobody, 2026)."
    assert listed["imp"]["problem"] == ""


def test_a_built_in_keeps_its_name(listed: dict[str, dict[str, Any]]) -> None:
    assert listed["snip"]["distribution"] == "prunebench"
    assert listed["snip@dist-of-snip"]["problem"] == "the name 'snip' is taken by prunebench"


@pytest.mark.parametrize("name", [*AT_A_GLANCE, *ON_LOADING, "snip", "no-task"])
def test_doctor_names_every_broken_plugin_with_its_distribution(doctored: Ended, name: str) -> None:
    plain = "".join(letter if letter.isalnum() else "-" for letter in name).lower()
    found = [finding for finding in json.loads(doctored.out) if f"of dist-of-{plain} 1.0 " in finding["what"]]
    assert [finding["state"] for finding in found] == ["PROBLEM"]
    if name in AT_A_GLANCE | ON_LOADING:
        assert (AT_A_GLANCE | ON_LOADING)[name][1] in found[0]["what"]


def test_doctor_says_which_plugins_load_and_ends_with_3(doctored: Ended) -> None:
    assert doctored.code == 3
    [loading] = [f["what"] for f in json.loads(doctored.out) if f["about"] == "algorithms" and f["state"] == "ok"]
    assert {"dense", "imp", "sound"} <= set(loading.partition(": ")[2].split(", "))


def run_smoke(algorithms: str, results: Path, jobs: int) -> list[str | Path]:
    """The words of a short run."""
    return [
        "run",
        "--algo",
        algorithms,
        "--task",
        "digits",
        "--budget",
        "smoke",
        "--jobs",
        str(jobs),
        "--results",
        results,
    ]


def assert_dense_ran(ended: Ended, results: Path, *broken: str) -> None:
    """Warned of the broken plug-ins, ran dense, and said so in the exit code."""
    assert ended.code == 3, ended.err
    for name in broken:
        assert f"Warning: algorithm '{name}' of dist-of-{name} 1.0 cannot be used" in ended.err
    assert "Traceback" not in ended.err
    [file] = (results / "records").rglob("*.json")
    assert json.loads(file.read_text())["status"] == "ok"
    assert "dense" in ended.out


def test_a_run_goes_on_without_broken_plugins(
    broken: Path, tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    known(broken)
    ended = bench(*run_smoke("misspelt,explodes,absent,dense", tmp_path, jobs=0))
    assert_dense_ran(ended, tmp_path, "misspelt", "explodes", "absent")


def test_workers_run_without_a_plugin_that_cannot_be_imported(
    broken: Path, tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    known(broken)
    ended = bench(*run_smoke("explodes,dense", tmp_path, jobs=1))
    assert_dense_ran(ended, tmp_path, "explodes")


def test_a_run_of_broken_plugins_alone_is_one_line_and_exit_code_3(
    broken: Path, tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    known(broken)
    ended = bench(*run_smoke("misspelt", tmp_path, jobs=0))
    assert ended.code == 3
    assert ended.err.startswith("Error: algorithm 'misspelt' of dist-of-misspelt 1.0 cannot be used: SyntaxError")
    assert "Traceback" not in ended.err


def test_a_plugin_that_exits_at_import_does_not_take_doctor_with_it(
    tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    plant(tmp_path, "algorithm", "exits", "raise SystemExit(3)\n")
    known(tmp_path)
    assert "dist-of-exits 1.0" in bench("doctor").out


def test_an_entry_point_that_points_nowhere_does_not_stop_list(
    tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    plant(tmp_path, "algorithm", "garbled", SOUND.format(name="garbled"), target="not a module!!")
    known(tmp_path)
    assert "garbled" in bench("list").out


def test_two_outside_plugins_of_one_name_are_both_listed_and_the_first_is_used(
    tmp_path: Path, known: Callable[[Path], None], bench: Bench
) -> None:
    plant(tmp_path, "algorithm", "twin", SOUND.format(name="twin"))
    plant(tmp_path / "more", "algorithm", "twin", SOUND.format(name="twin"))
    info = tmp_path / "more" / "dist_of_twin-1.0.dist-info"
    info.rename(tmp_path / "late_twin-1.0.dist-info")
    (tmp_path / "late_twin-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: late-twin\nVersion: 2\n"
    )
    known(tmp_path)
    ended = bench("list", "algorithms", "--format", "json")
    rows = {row["name"]: row for row in json.loads(ended.out) if row["name"].startswith("twin")}
    assert len(rows) == 2
    assert rows["twin"]["problem"] == ""
    [other] = [row for name, row in rows.items() if name != "twin"]
    assert other["problem"] == f"the name 'twin' is taken by {rows['twin']['distribution']}"


def test_listing_imports_no_plugin(tmp_path: Path) -> None:
    plant(tmp_path, "algorithm", "loud", "print('imported!')\n" + SOUND.format(name="loud").replace("\n    ", "\n"))
    ended = bench_process("list", PYTHONPATH=tmp_path)
    assert "loud" in ended.out
    assert "imported!" not in ended.out + ended.err


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("algorithm", "magnitud", "no algorithm named 'magnitud'. Did you mean 'magnitude'? (bench list)"),
        ("task", "minst", "no task named 'minst'. Did you mean 'mnist'? (bench list)"),
        ("algorithm", "zzzz", "no algorithm named 'zzzz'. (bench list)"),
        ("task", "../digits", "no task named '../digits'. Did you mean 'digits'? (bench list)"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(kind: str, name: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        getattr(registry, kind)(name)
    assert str(error.value) == says
    assert error.value.exit_code == 2


def test_every_built_in_algorithm_is_called_as_its_file() -> None:
    files = {file.stem.replace("_", "-") for file in (ROOT / "algorithms").rglob("[a-z]*.py")}
    assert {p.name for p in catalog.plugins("algorithm").values() if p.distribution == "prunebench"} == files


def test_every_built_in_loads() -> None:
    for name, plugin in catalog.plugins("algorithm").items():
        assert registry.algorithm(name).name == name
        assert registry.algorithm(name).summary == plugin.summary
    for name in catalog.plugins("task"):
        assert registry.task(name).metrics


def test_a_plugin_error_has_exit_code_3() -> None:
    assert PluginError.exit_code == 3


def test_info_and_check_know_no_broken_names(bench: Bench) -> None:
    for verb in ("info", "check"):
        ended = bench(verb, "magnitud")
        assert ended.code == 2
        assert ended.err.strip() == (
            "Error: no algorithm, task or experiment named 'magnitud'. Did you mean 'magnitude'? (bench list)"
        )


@pytest.mark.parametrize(
    ("wanted", "there"),
    [(None, True), ("dist-of-mine", True), ("other, dist-of-mine", True), ("none", False), ("", False)],
)
def test_what_may_be_imported_from_outside_can_be_said(
    tmp_path: Path,
    known: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
    bench: Bench,
    wanted: str | None,
    there: bool,
) -> None:
    distribution = plant(tmp_path, "algorithm", "mine", SOUND.format(name="mine"))
    if wanted is not None:
        monkeypatch.setenv("PRUNEBENCH_PLUGINS", wanted)
    known(tmp_path)
    if there:
        assert registry.algorithm("mine").name == "mine"
        return
    told = f"PRUNEBENCH_PLUGINS={wanted} leaves out {distribution} 1.0"
    assert_one_clear_line(bench("run", "--algo", "mine", "--task", "digits", "--dry-run"), 3, told)
    assert "mine_plugin" not in sys.modules
    assert told in bench("list", "--format", "json").out
    assert registry.algorithm("snip").name == "snip"
