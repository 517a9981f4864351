"""The house stands as planned: imports go one way, reading verbs start without torch, the wheel holds the packages."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from benchmark.plugins import catalog
from benchmark.records.cell import Cell
from benchmark.records.record import Ranking, failure
from benchmark.records.store import Store
from tests.support.command import ROOT, bench_process

PACKAGES = ("benchmark", "algorithms", "tasks")


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names. `from a import b` names a.b where that is a module, and a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute, so that they can be read"
        assert node.module is not None
        yield node.module
        yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in FILES)


def is_for_types_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST, *, inside_functions: bool) -> Iterator[ast.AST]:
    """Every statement that runs: on import, or ever."""
    for inner in ast.iter_child_nodes(node):
        if is_for_types_alone(inner):
            continue
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside_functions:
            continue
        yield inner
        yield from statements(inner, inside_functions=inside_functions)


@cache
def imports(module: str, *, inside_functions: bool) -> frozenset[str]:
    """What a module imports when it is imported, or ever."""
    tree = ast.parse(FILES[module].read_text())
    found = {name for node in statements(tree, inside_functions=inside_functions) for name in imported(node)}
    return frozenset(found - {module})


@cache
def reached(module: str, *, inside_functions: bool = False) -> frozenset[str]:
    """What a module imports, directly or through modules of the house, the packages around it included."""
    seen: set[str] = set()
    frontier = {module}
    while frontier:
        found = {name.rpartition(".")[0] for name in frontier if "." in name}
        for name in frontier & FILES.keys():
            found |= imports(name, inside_functions=inside_functions)
        frontier = found - seen
        seen |= found
    return frozenset(seen - {module})


def top(name: str) -> str:
    return name.partition(".")[0]


# --- the layering -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [module for module in FILES if top(module) == "benchmark"])
def test_the_harness_knows_no_algorithm_and_no_task(module: str) -> None:
    assert not {"algorithms", "tasks"} & {top(name) for name in imports(module, inside_functions=True)}


@pytest.mark.parametrize("module", [module for module in FILES if top(module) != "benchmark"])
def test_a_plugin_imports_the_harness_and_helpers_of_its_own_kind(module: str) -> None:
    for name in imports(module, inside_functions=True):
        if top(name) in ("algorithms", "tasks"):
            assert top(name) == top(module), "never from algorithms to tasks, or back"
            assert name == top(name) or name.rpartition(".")[2].startswith("_"), "what two share goes to a _ file"
    assert "tests" not in {top(name) for name in imports(module, inside_functions=True)}


def test_the_core_knows_nothing_of_the_command_line() -> None:
    for module in FILES:
        if not module.startswith("benchmark.cli"):
            names = imports(module, inside_functions=True)
            assert not [name for name in names if name.startswith("benchmark.cli") or name in ("click", "rich")], module


def is_part(module: str, part: str) -> bool:
    """Whether a module is `benchmark.<part>`, or lies in it."""
    return f"{module}.".startswith(f"benchmark.{part}.")


FLOORS = [
    {"cli"},
    {"replay"},
    {"check", "launch", "sweep", "trial"},
    {"harness"},
    {"control", "watch"},
    {"run"},
    {"engine", "guard", "shared"},
    {"chain", "folders", "leaderboard", "limits", "listing", "merge", "published", "registry", "toy", "toy_graph"},
    {"audit", "capture", "channels", "edits", "effective", "meter", "objective", "patterns", "target", "units"},
    {"command", "define", "download", "record", "selection", "server", "soundness", "store", "task"},
    {"bits", "budgets", "data", "files", "graphs", "masks", "options", "provenance", "rewiring", "statistics"},
    {"errors", "interrupts", "streams"},
]
"""The floors of the house, top to bottom: what stands on one knows its own floor and those below."""


def test_every_module_has_its_floor() -> None:
    parts = {module.split(".")[1] for module in FILES if module.startswith("benchmark.")}
    assert parts == set().union(*FLOORS)
    assert len(parts) == sum(map(len, FLOORS))


@pytest.mark.parametrize("floor", range(1, len(FLOORS)), ids=[min(parts) for parts in FLOORS[1:]])
def test_no_floor_knows_one_above(floor: int) -> None:
    above = set().union(*FLOORS[:floor])
    for module in (module for module in FILES if any(is_part(module, part) for part in FLOORS[floor])):
        back = [n for n in imports(module, inside_functions=True) if any(is_part(n, part) for part in above)]
        assert not back, f"{module} imports {back}"


def test_records_statistics_and_leaderboards_know_of_no_run() -> None:
    run = {"run", "harness", "engine", "task", "target", "meter", "audit", "data", "masks"}
    for module in FILES:
        if any(is_part(module, part) for part in ("record", "statistics", "leaderboard")):
            found = [n for n in reached(module, inside_functions=True) if any(is_part(n, part) for part in run)]
            assert not found, module


def a_cycle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Modules that import each other in a ring; empty where there is none."""
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module not in done:
            for name in sorted(graph[module] & graph.keys()):
                if ring := walk(name, [*path, module]):
                    return ring
            done.add(module)
        return []

    return next((ring for module in graph if (ring := walk(module, []))), [])


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = {module: imports(module, inside_functions=False) for module in FILES}
    assert a_cycle(graph) == []


def test_a_ring_would_be_found() -> None:
    ring = {"a": frozenset("b"), "b": frozenset("cd"), "c": frozenset(), "d": frozenset("ab")}
    assert a_cycle(ring) == ["a", "b", "d", "a"]


# --- torch ------------------------------------------------------------------------------------------------------------

LIGHT = ("record", "listing", "registry", "published", "statistics", "leaderboard", "cli", "server", "errors", "define")
HEAVY = {"torch", "torchvision", "sklearn", "scipy", "pandas", "matplotlib", "torch_geometric"}


@pytest.mark.parametrize("module", [m for m in FILES if m == "benchmark" or any(is_part(m, part) for part in LIGHT)])
def test_what_only_reads_imports_no_torch_on_its_way(module: str) -> None:
    assert not HEAVY & {top(name) for name in reached(module)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a record in it, so that there is something to read."""
    folder = tmp_path_factory.mktemp("results")
    cell = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    Store(folder).put(failure(cell, Ranking(metric="accuracy", direction="max"), "failed", "a reason"))
    return folder


WITHOUT_TORCH = """
import json, sys
from benchmark.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    code = end.code
print(json.dumps([code, sorted({"torch", "sklearn", "scipy.stats", "pandas", "matplotlib"} & set(sys.modules))]))
"""


@pytest.mark.parametrize("plugin", [False, True], ids=["built-in plug-ins", "and one from outside"])
@pytest.mark.parametrize(
    "words", ["--help", "--version", "list", "list --format json", "leaderboard", "compare -h", "plot -h", "show a"]
)
def test_torch_is_not_loaded(
    words: str, plugin: bool, results: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRUNEBENCH_RESULTS", str(results))
    if plugin:
        monkeypatch.setenv("PYTHONPATH", str(request.getfixturevalue("example_plugin")))
    words = words.replace("show a", f"show {next(iter(Store(results))).key}")
    command = [sys.executable, "-c", WITHOUT_TORCH, *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, []]
    if plugin and words.startswith("list"):
        assert "drift" in done.stdout


# --- the wheel --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    quietly = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *quietly, "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
    )
    [file] = folder.glob("prunebench-*.whl")
    return zipfile.ZipFile(file)


@pytest.mark.slow
def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {top(name.partition("/")[0].partition("-")[0]) for name in wheel.namelist()}
    assert tops == {*PACKAGES, "prunebench"}
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel.namelist())
    modules = {name for name in wheel.namelist() if name.endswith(".py")}
    assert modules == {file.relative_to(ROOT).as_posix() for file in FILES.values()}
    parts = {"page.html", "script.js", "style.css", "results.md"}
    assert {f"benchmark/leaderboard/page/{part}" for part in parts} <= set(wheel.namelist())


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    [entry_points] = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    assert "bench = benchmark.cli:main" in wheel.read(entry_points).decode()
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "import benchmark, algorithms, tasks; print(benchmark.__file__, algorithms.__file__, tasks.__file__)"
    where = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    places = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=True)
    assert places.stdout.split() == [str(tmp_path / package / "__init__.py") for package in PACKAGES]
    ended = bench_process("list", "--format", "json", PYTHONPATH=tmp_path)
    assert {"dense", "imp", "digits", "mnist"} <= {row["name"] for row in json.loads(ended.out)}


# --- the README -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["algorithm", "task"])
def test_the_readme_names_every_plugin(kind: catalog.Kind) -> None:
    text = (ROOT / "README.md").read_text()
    names = [name for name, plugin in catalog.plugins(kind).items() if plugin.distribution == "prunebench"]
    assert not [name for name in names if not re.search(rf"`{name}\b|--task \S*\b{name}\b", text)]
