"""prunebench is one import name, `benchmark`: foreign packages of the names of its folders do not disturb it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import ROOT, Ended

pytestmark = pytest.mark.runs

SESSION = "import sys\nfrom benchmark.cli import main\nmain(sys.argv[1:])"
WAYS = {
    "script": ["bench"],
    "module": ["-m", "benchmark"],
    "module of the command line": ["-m", "benchmark.cli"],
    "session": ["-c", SESSION],
}
"""How the command is started: as the script that an installation puts on the PATH, and from Python itself."""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with packages of its own under the names of our folders, which must not be imported."""
    for name in ("algorithms", "tasks", "experiments"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the package of the repository was imported')")
        (tmp_path / name / "digits.py").write_text("raise RuntimeError('a module of the repository was imported')")
    shutil.copy(ROOT / "benchmark" / "__main__.py", tmp_path / "bench")
    return tmp_path


def started(way: str, folder: Path, *words: str) -> Ended:
    """The command in a folder that stands on the path before everything else."""
    where = os.environ | {
        "PYTHONPATH": os.pathsep.join((".", str(ROOT))),
        "PRUNEBENCH_RESULTS": str(folder / "results"),
    }
    command = [sys.executable, *WAYS[way], *words]
    done = subprocess.run(command, cwd=folder, env=where, capture_output=True, text=True, check=False, timeout=300)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("way", WAYS)
def test_the_built_ins_are_listed_beside_foreign_packages_of_their_names(way: str, repository: Path) -> None:
    ended = started(way, repository, "list", "--format", "json")
    assert ended.code == 0, ended.err
    assert {"random", "dense", "digits", "cora"} <= {row["name"] for row in json.loads(ended.out)}


def test_a_task_is_loaded_beside_a_foreign_package_of_its_name(repository: Path) -> None:
    ended = started("session", repository, "info", "digits", "--format", "json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["name"] == "digits"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["script", "session"])
def test_workers_run_beside_foreign_packages(way: str, repository: Path) -> None:
    words = ("run", "--algo", "random", "--task", "digits", "--budget", "smoke", "--jobs", "1")
    ended = started(way, repository, *words)
    assert ended.code == 0, ended.err
    [file] = (repository / "results" / "records").rglob("*.json")
    assert json.loads(file.read_text())["status"] == "ok"


@pytest.mark.parametrize("file", ["benchmark/__init__.py", "benchmark.py"])
def test_another_benchmark_in_the_way_is_one_line_that_names_it(file: str, repository: Path) -> None:
    (repository / file).parent.mkdir(exist_ok=True)
    (repository / file).write_text("print('the other benchmark was imported')")
    ended = started("script", repository, "list")
    assert ended.code == 3
    [line] = ended.err.splitlines()
    assert line.startswith("Error: another 'benchmark' is found before that of prunebench: ")
    assert file in line
    assert "PYTHONPATH" in line
    assert ended.out == ""


def test_a_folder_of_that_name_without_code_is_not_in_the_way(repository: Path) -> None:
    (repository / "benchmark").mkdir()
    assert started("script", repository, "list").code == 0


def test_help_calls_the_command_bench(repository: Path) -> None:
    for way in ("script", "module", "module of the command line"):
        assert started(way, repository, "--help").out.startswith("Usage: bench ")
