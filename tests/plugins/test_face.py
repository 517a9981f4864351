"""What a plug-in needs is on the face: typed, documented, in `dir()`, loaded on first use, and all that ours import."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import benchmark
from benchmark import schedules, scores
from benchmark.contract import ALGORITHM_RULES, TASK_RULES
from tests.support.command import ROOT

PUBLIC = ("benchmark", "benchmark.scores", "benchmark.schedules", "benchmark.graphs")
SOURCES = [file for folder in ("algorithms", "tasks") for file in sorted((ROOT / folder).rglob("*.py"))]
EXAMPLE = sorted((ROOT / "tests" / "plugin").rglob("*.py"))


def names_for_types() -> set[str]:
    """What type checkers see: the imports of the block `if TYPE_CHECKING`."""
    tree = ast.parse(Path(benchmark.__file__).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    return {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def ours(file: Path) -> set[str]:
    """The modules of the house that a file imports by their full name."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    names |= {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name for name in names if name.partition(".")[0] in ("benchmark", "algorithms", "tasks", "experiments")}


def test_dir_shows_the_face_and_nothing_else() -> None:
    assert dir(benchmark) == sorted(benchmark.__all__)
    assert names_for_types() == set(benchmark.__all__)


@pytest.mark.parametrize("name", benchmark.__all__)
def test_every_name_loads_and_is_documented(name: str) -> None:
    value = getattr(benchmark, name)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)


@pytest.mark.parametrize("module", [schedules, scores], ids=["schedules", "scores"])
def test_public_functions_are_documented(module: object) -> None:
    functions = [f for name, f in inspect.getmembers(module, inspect.isfunction) if not name.startswith("_")]
    assert functions
    assert all(inspect.getdoc(function) for function in functions)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'benchmark' has no attribute 'keep_tops'"):
        benchmark.keep_tops  # noqa: B018


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_a_built_in_plugin_imports_the_face_alone(file: Path) -> None:
    private = {name for name in ours(file) if name not in PUBLIC and not name.startswith("benchmark.graphs.")}
    assert not private, "import from benchmark, or relatively"


def test_the_example_plugin_imports_the_face_and_the_contract() -> None:
    assert set().union(*map(ours, EXAMPLE)) == {"benchmark", "benchmark.contract"}


def test_the_contract_is_importable_as_plugins_need_it() -> None:
    assert ALGORITHM_RULES
    assert TASK_RULES


@pytest.mark.runs
def test_importing_the_face_and_looking_at_it_loads_no_torch() -> None:
    code = (
        "import sys, benchmark, benchmark.schedules, benchmark.contract; dir(benchmark); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_the_geometric_schedule_is_that_of_the_target(progress: float) -> None:
    assert schedules.geometric(1.0, 0.1, progress) == benchmark.Target(0.1).at_progress(progress).density
    assert schedules.geometric(0.8, 0.2, 0.5) == pytest.approx(0.4)
