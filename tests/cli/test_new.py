"""`bench new`: what it writes installs, is listed, runs, and keeps the contract."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmark.errors import UsageError
from benchmark.plugins import new_package
from benchmark.plugins.plugin import Kind
from tests.support.command import assert_one_clear_line, bench_here, bench_process

NAMES: dict[Kind, str] = {"algorithm": "half-way", "task": "biopsies-2", "experiment": "early-size"}


@pytest.mark.parametrize("kind", NAMES)
def test_the_new_name_stands_everywhere(kind: Kind, tmp_path: Path) -> None:
    name = NAMES[kind]
    ended = bench_here("new", kind, name, "--into", tmp_path)
    assert ended.code == 0
    assert ended.out.splitlines()[:2] == [f"cd {tmp_path / name}", "pip install -e '.[dev]'"]
    assert f"bench check {name}" in ended.out
    files = {str(file.relative_to(tmp_path / name)) for file in (tmp_path / name).rglob("*") if file.is_file()}
    module = name.replace("-", "_")
    assert files == {
        f"{module}.py",
        "pyproject.toml",
        "README.md",
        "tests/test_contract.py",
        ".github/workflows/test.yml",
        ".gitignore",
    }
    told = tomllib.loads((tmp_path / name / "pyproject.toml").read_text())["project"]
    assert told["entry-points"] == {f"prunebench.{kind}s": {name: f"{module}:{module}"}}
    text = "".join((tmp_path / name / file).read_text() for file in files)
    assert not any(new_package.STANDS_FOR[kind].replace("-", mark) in text for mark in "-_")


@pytest.mark.runs
def test_what_its_commands_leave_behind_is_ignored_by_git(tmp_path: Path) -> None:
    folder = new_package.write("algorithm", "half-way", tmp_path)
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for file in (
        "results/records/new.json",
        "half_way.egg-info/PKG-INFO",
        "__pycache__/half_way.pyc",
        ".venv/pyvenv.cfg",
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    told = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.removeprefix("?? ") for line in told.stdout.splitlines()}
    assert names == {
        ".github/workflows/test.yml",
        ".gitignore",
        "README.md",
        "half_way.py",
        "pyproject.toml",
        "tests/test_contract.py",
    }


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Mine", "'Mine' cannot be the name of a plug-in: use lower-case letters, digits and single '-'"),
        ("../mine", "cannot be the name of a plug-in"),
        ("class", "cannot be the name of a plug-in"),
        ("snip", "the name 'snip' is taken by the algorithm of prunebench"),
        ("digits", "the name 'digits' is taken by the task of prunebench"),
        ("statistics", "there is a module 'statistics' already, which 'statistics' would hide"),
        ("there", "exists already; choose another name, or another folder with --into"),
    ],
)
def test_a_name_that_will_not_do_is_told_and_nothing_is_written(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert_one_clear_line(bench_here("new", "algorithm", name, "--into", tmp_path), 2, says)
    assert [*tmp_path.rglob("*")] == [tmp_path / "there"]


def test_what_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, text: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UsageError, match="No space left on device"):
        new_package.write("algorithm", "mine", tmp_path)
    assert not [*tmp_path.iterdir()]


RUNS = {
    "algorithm": ("run", "--algo", "half-way,magnitude", "--task", "digits", "--budget", "smoke"),
    "task": ("run", "--algo", "dense,magnitude", "--task", "biopsies-2", "--budget", "smoke"),
    "experiment": ("experiment", "early-size:budget=smoke"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NAMES)
def test_it_installs_is_listed_runs_and_passes_its_own_tests(kind: Kind, tmp_path: Path) -> None:
    name, site = NAMES[kind], tmp_path / "site"
    folder = new_package.write(kind, name, tmp_path)
    quietly = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", "install", *quietly, "--target", site, folder], check=True)
    there = {"PYTHONPATH": site, "PRUNEBENCH_RESULTS": tmp_path / "results"}
    assert f"{name} 0.1.0" in bench_process("list", **there).out
    ran = bench_process(*RUNS[kind], **there)
    assert ran.code == 0, ran.err
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder / "tests"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
