"""Built-in plug-ins are read from their files, several to a file, and a broken file takes no other with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.errors import PluginError
from benchmark.plugins import catalog, described, registry
from tests.support.command import Bench

ROWS = """
'''Two rows.'''
from benchmark import Run, algorithm
import benchmark

def algorithm_like(f): return f

@algorithm(family="dense")
def first_row(run: Run, *, rounds: int = 3) -> None:
    '''First: of two.'''

@benchmark.algorithm()
def second(run: Run) -> None:
    '''Second: of two.'''

@algorithm()
def _private(run: Run) -> None: ...

@algorithm_like
def helper(run: Run) -> None: ...
"""
TASKS = """
'''Spots: a task without options.'''
from benchmark import Task, task

spots = Task(models={})
_template = Task(models={})
table = dict(a=1)

@task
def stripes(*, width: int = 2) -> Task:
    '''Stripes: a task with an option.'''
"""


ASKED = """
@experiment(paper="arXiv:0000.00000")
def first_question(study, *, seeds: int = 3):
    \"\"\"First: a question.\"\"\"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the folders of plug-ins are looked for, with some plug-ins in it."""
    for name, source in {"algorithms/inner/rows": ROWS, "tasks/both": TASKS, "experiments/asked": ASKED}.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True)
        file.write_text(source)
    monkeypatch.setattr("benchmark.plugins.sources.PACKAGE", tmp_path)
    catalog.plugins.cache_clear()
    yield tmp_path
    catalog.plugins.cache_clear()


def test_a_file_holds_several_plugins_and_their_helpers(folder: Path) -> None:
    listed = catalog.plugins("algorithm")
    assert [name for name, plugin in listed.items() if plugin.distribution == "prunebench"] == ["first-row", "second"]
    first = listed["first-row"]
    assert (first.module, first.attribute) == ("benchmark.algorithms.inner.rows", "first_row")
    assert (first.summary, first.defaults, first.family) == ("First: of two.", {"rounds": 3}, "dense")


def test_a_task_is_a_value_or_a_function_of_options(folder: Path) -> None:
    listed = {name: p for name, p in catalog.plugins("task").items() if p.distribution == "prunebench"}
    assert {name: plugin.summary for name, plugin in listed.items()} == {
        "spots": "Spots: a task without options.",
        "stripes": "Stripes: a task with an option.",
    }


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (b"def broken(run:\n", "SyntaxError"),
        (b"name = '\xff'\n", "UnicodeDecodeError"),
        (b"x = 1\0\n", "null bytes"),
    ],
)
def test_a_broken_file_is_listed_with_its_problem(source: bytes, problem: str, folder: Path, bench: Bench) -> None:
    (folder / "algorithms" / "broken_file.py").write_bytes(source)
    catalog.plugins.cache_clear()
    assert problem in catalog.plugins("algorithm")["broken-file"].problem
    assert catalog.plugins("algorithm")["second"].problem == ""
    assert bench("list").code == 0
    with pytest.raises(PluginError, match="algorithm 'broken-file' of prunebench cannot be used: "):
        registry.algorithm("broken-file")


def test_an_experiment_is_listed_with_its_question(folder: Path) -> None:
    listed = catalog.plugins("experiment")["first-question"]
    assert (listed.summary, listed.problem, listed.defaults) == ("First: a question.", "", {"seeds": 3})
    assert catalog.kinds_of("first-question") == ["experiment"]


def test_a_file_that_imports_what_is_not_installed_is_listed_with_its_problem(folder: Path) -> None:
    (folder / "tasks" / "far.py").write_text(f"import nowhere_to_be_found\n{TASKS}".replace("stripes", "dots"))
    catalog.plugins.cache_clear()
    assert catalog.plugins("task")["dots"].problem == "it imports 'nowhere_to_be_found', which is not installed"
    assert catalog.plugins("task")["stripes"].problem == ""


def test_the_extra_that_brings_what_is_not_installed_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tasks" / "far.py").write_text(f"import nowhere_to_be_found\n{TASKS}".replace("stripes", "dots"))
    needs = ["click>=8", "Nowhere-To-Be-Found>=1 ; extra == 'dev'", 'nowhere-to-be-found>=1; extra == "far"']
    monkeypatch.setattr(described, "requires", lambda name: needs)
    catalog.plugins.cache_clear()
    problem = "it needs 'nowhere_to_be_found': pip install 'prunebench[far]'"
    assert catalog.plugins("task")["dots"].problem == problem
