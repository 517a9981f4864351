"""The house stands as planned: imports go one way, reading verbs start without torch, the wheel holds the packages."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmark.leaderboard.page.render import SCRIPTS
from benchmark.plugins import catalog
from benchmark.results.cell import Cell
from benchmark.results.record import Ranking, failure
from benchmark.results.store import Store
from benchmark.sweep import sweep_file
from tests.support import documents
from tests.support.command import ROOT, bench_process

PACKAGES = ("benchmark", "algorithms", "tasks", "experiments")


def module_name(file: Path) -> str:
    """As it is imported: the folders of plug-ins are parts of `benchmark`, too."""
    parts = [part for part in file.relative_to(ROOT).with_suffix("").parts if part != "__init__"]
    return ".".join(parts if parts[0] == "benchmark" else ["benchmark", *parts])


FILES = {module_name(file): file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))}


def imported(node: ast.AST, module: str) -> Iterator[str]:
    """The modules that an import statement names. `from a import b` names a.b where that is a module, and else a."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        home = node.module or ""
        if node.level:
            package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
            home = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
        for alias in node.names:
            yield inner if (inner := f"{home}.{alias.name}") in FILES else home


def is_for_types_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement that runs on import."""
    for inner in ast.iter_child_nodes(node):
        if is_for_types_alone(inner) or isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield inner
        yield from statements(inner)


@cache
def imports(module: str) -> frozenset[str]:
    """What a module names in any import: in functions and for types alone, too."""
    tree = ast.parse(FILES[module].read_text())
    return frozenset({name for node in ast.walk(tree) for name in imported(node, module)} - {module})


@cache
def loads(module: str) -> frozenset[str]:
    """What a module imports when it is imported."""
    tree = ast.parse(FILES[module].read_text())
    return frozenset({name for node in statements(tree) for name in imported(node, module)} - {module})


@cache
def reached(module: str) -> frozenset[str]:
    """What a module loads, directly or through modules of the house, the packages around them included."""
    seen: set[str] = set()
    frontier = {module}
    while frontier:
        found = {name.rpartition(".")[0] for name in frontier if "." in name}
        for name in frontier & FILES.keys():
            found |= loads(name)
        frontier = found - seen
        seen |= found
    return frozenset(seen - {module})


def top(name: str) -> str:
    return name.partition(".")[0]


def part(module: str) -> str:
    """The folder of `benchmark` that a module lies in, or the file that it is; of the package itself, `face`."""
    return module.split(".")[1] if "." in module else "face"


# --- the layering -----------------------------------------------------------------------------------------------------

GROUND = {"errors", "files", "machine", "random_streams"}
PLUGINS = {"algorithms", "tasks", "experiments"}
FACE = {"face", "graphs", "scores", "schedules"}
"""What is public. `scores` and `schedules` are files of their own."""

TRAINING = {"data", "pruning", "graphs", *GROUND}
BELOW_PLUGINS = {"training", "results", *TRAINING}
BELOW_HARNESS = {"plugins", "leaderboard", *BELOW_PLUGINS}
BELOW_SWEEP = {"harness", *BELOW_HARNESS}
BELOW_STUDIES = {"sweep", *BELOW_SWEEP}

MAY_IMPORT: dict[str, set[str]] = {
    "__main__": {"cli"},
    "templates": FACE | {"contract"},
    "notebook": {"cli", *BELOW_STUDIES, "studies"},
    "cli": {"studies", "contract", "launchers", "deployment", *BELOW_STUDIES},
    "deployment": BELOW_STUDIES,
    "launchers": BELOW_STUDIES,
    "studies": BELOW_STUDIES,
    "sweep": BELOW_SWEEP,
    "contract": {"studies", *BELOW_STUDIES},
    "harness": BELOW_HARNESS,
    "plugins": BELOW_PLUGINS,
    "leaderboard": {"results", "errors", "files"},
    "training": TRAINING,
    "results": {"pruning", "errors", "files"},  # counts of patterns; what reads imports no torch, see below
    "data": {"errors", "files"},
    "pruning": {"errors"},
    "graphs": set(),
    "errors": set(),
    "files": {"errors"},
    "machine": {"errors"},
    "random_streams": {"errors"},
    "face": {
        "notebook",
        "studies",
        "leaderboard",
        "plugins",
        "training",
        "data",
        "pruning",
        "graphs",
        "scores",
        "schedules",
        "errors",
        "files",
        "machine",
    },
    "scores": {"pruning", "errors"},
    "schedules": {"errors"},
    "algorithms": FACE,
    "tasks": FACE,
    "experiments": FACE,
}
"""The folders of the house, from the top, and the ground: which others each may import, be it for types alone."""


def forbidden(module: str) -> set[str]:
    """What a module imports of the house though the table does not let it."""
    own = part(module)
    names = {name for name in imports(module) if top(name) == "benchmark"}
    return {name for name in names if part(name) != own and part(name) not in MAY_IMPORT[own]}


def test_every_part_of_the_house_is_in_the_table() -> None:
    assert {part(module) for module in FILES} <= MAY_IMPORT.keys()


def test_a_module_imports_what_its_folder_may() -> None:
    found = {module: forbidden(module) for module in FILES}
    assert {module: names for module, names in found.items() if names} == {}, "MAY_IMPORT says what a folder may import"


def test_a_plugin_imports_no_other_plugin() -> None:
    for module in (module for module in FILES if part(module) in PLUGINS):
        for name in imports(module):
            assert top(name) != "tests", module
            if part(name) == part(module) and not FILES[name].name.startswith("_"):
                inside = FILES[name].parent.name in HELPERS or FILES[name].name == "__init__.py"
                assert inside, f"{module} imports {name}: what two share goes to a _ file"


HELPERS = {"graphs"}
"""Folders beside the plug-ins in which there is none."""


def test_the_core_knows_nothing_of_the_command_line() -> None:
    for module in FILES:
        if part(module) != "cli":
            assert not {"click", "rich"} & {top(name) for name in imports(module)}, module


def a_cycle(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """Nodes that lead to each other in a ring; empty where there is none."""
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


def test_no_files_import_each_other_in_a_ring() -> None:
    assert a_cycle({module: imports(module) for module in FILES}) == []


def test_no_folders_import_each_other_in_a_ring() -> None:
    inside = {module for module in FILES if folder(module) != "benchmark"}
    graph: dict[str, set[str]] = {folder(module): set() for module in inside}
    for module in inside:
        names = imports(module) & inside
        graph[folder(module)] |= {folder(name) for name in names} - {folder(module)}
    assert a_cycle({place: frozenset(names) for place, names in graph.items()}) == []


def folder(module: str) -> str:
    """As a module: of a package, the package itself."""
    return module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_a_ring_would_be_found() -> None:
    ring = {"a": frozenset("b"), "b": frozenset("cd"), "c": frozenset(), "d": frozenset("ab")}
    assert a_cycle(ring) == ["a", "b", "d", "a"]


# --- torch ------------------------------------------------------------------------------------------------------------

LIGHT = {
    *("cli", "leaderboard", "results", "errors", "files", "machine"),
    *("plugins.catalog", "plugins.registry", "plugins.algorithm", "plugins.task", "sweep.fork_server"),
}
HEAVY = {"torch", "torchvision", "sklearn", "scipy", "pandas", "matplotlib", "torch_geometric"}


def is_light(module: str) -> bool:
    return module == "benchmark" or any(f"{module}.".startswith(f"benchmark.{name}.") for name in LIGHT)


def reaching(packages: set[str], modules: Iterable[str]) -> list[str]:
    """The modules among these whose import brings one of the packages."""
    return [module for module in modules if packages & {top(name) for name in reached(module)}]


def test_what_only_reads_imports_no_torch_on_its_way() -> None:
    assert reaching(HEAVY, filter(is_light, FILES)) == []


def test_timm_is_loaded_by_nobody_who_does_not_ask() -> None:
    assert reaching({"timm"}, FILES) == []


def test_tasks_of_images_begin_without_torchvision_and_scikit_learn() -> None:
    images = [module for module in FILES if module.startswith("benchmark.tasks.images.")]
    assert images
    assert reaching({"torchvision", "sklearn"}, images) == []


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a record in it, so that there is something to read."""
    folder = tmp_path_factory.mktemp("results")
    cell = Cell(algorithm="imp", task="digits", model="mlp", sparsity=0.9, budget="smoke", seed=0)
    Store(folder).put(failure(cell, Ranking(metric="accuracy", direction="max"), "failed", "a reason"))
    return folder


WITHOUT_TORCH = """
import json, os, sys
from benchmark.cli import main
from benchmark.leaderboard.page.render import SCRIPTS

def ended(words):
    try:
        main(words)
    except SystemExit as end:
        return end.code

for words in json.loads(sys.argv[1]):
    read, write = os.pipe()
    if not os.fork():  # each has a process of its own, as it would have in a terminal
        os.dup2(write, 1)
        code = ended(words)
        heavy = sorted({"torch", "sklearn", "scipy.stats", "pandas", "matplotlib"} & set(sys.modules))
        print("\\n", json.dumps([code, heavy]), flush=True)
        os._exit(0)
    os.close(write)
    print(json.dumps(os.fdopen(read).read()), flush=True)
    os.wait()
"""
READING = ["--help", "--version", "list", "list --format json", "leaderboard", "compare -h", "plot -h", "show a"]


@pytest.fixture(scope="module", params=[False, True], ids=["built-in plug-ins", "and one from outside"])
def read(results: Path, request: pytest.FixtureRequest) -> tuple[bool, dict[str, str]]:
    """Whether there is a plug-in from outside; by verb, what it prints, and then its exit code and what it loaded."""
    where = os.environ | {"PRUNEBENCH_RESULTS": str(results)}
    if request.param:
        where["PYTHONPATH"] = str(request.getfixturevalue("example_plugin"))
    verbs = [words.replace("show a", f"show {next(iter(Store(results))).key}").split() for words in READING]
    command = [sys.executable, "-c", WITHOUT_TORCH, json.dumps(verbs)]
    done = subprocess.run(command, env=where, capture_output=True, text=True, check=True)
    return request.param, dict(zip(READING, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.runs
@pytest.mark.parametrize("words", READING)
def test_torch_is_not_loaded(words: str, read: tuple[bool, dict[str, str]]) -> None:
    outside, printed = read
    assert json.loads(printed[words].splitlines()[-1]) == [0, []]
    if outside and words.startswith("list"):
        assert "drift" in printed[words]


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
def test_the_wheel_installs_one_import_name_that_holds_every_module(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in tops if not name.endswith((".dist-info", ".data"))} == {"benchmark"}
    modules = {name for name in wheel.namelist() if name.endswith(".py")}
    assert modules == {packed(file) for file in FILES.values()}
    parts = {"page.html", "style.css", "results.md", *(f"script/{name}.js" for name in SCRIPTS)}
    typed = {f"benchmark/{folder}py.typed" for folder in ("", "algorithms/", "tasks/")}
    assert typed | {f"benchmark/leaderboard/page/{part}" for part in parts} <= set(wheel.namelist())


def packed(file: Path) -> str:
    """Where a file of the checkout lies in the wheel."""
    place = file.relative_to(ROOT).as_posix()
    return place if place.startswith("benchmark/") else f"benchmark/{place}"


@pytest.mark.slow
def test_the_wheel_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    [script] = [name for name in wheel.namelist() if name.endswith(".data/scripts/bench")]
    assert wheel.read(script).startswith(b"#!python\n"), "what an installer puts the interpreter for"
    assert wheel.getinfo(script).external_attr >> 16 & 0o111 == 0o111, "it can be executed"
    assert [name for name in wheel.namelist() if name.endswith("licenses/LICENSE")]


@pytest.mark.slow
def test_the_wheel_works_without_the_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    code = "import benchmark, benchmark.tasks.images.digits as digits; print(benchmark.__path__, digits.__file__)"
    where = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    places = subprocess.run(command, cwd=tmp_path, env=where, capture_output=True, text=True, check=True)
    home = tmp_path / "benchmark"
    assert places.stdout.split() == [f"['{home}']", str(home / "tasks" / "images" / "digits.py")]
    ended = bench_process("list", "--format", "json", PYTHONPATH=tmp_path)
    assert {"dense", "imp", "digits", "mnist"} <= {row["name"] for row in json.loads(ended.out)}


# --- documents --------------------------------------------------------------------------------------------------------


PAGES: dict[catalog.Kind, str] = {"algorithm": "methods.md", "task": "tasks.md", "experiment": "experiments/README.md"}


@pytest.mark.parametrize("kind", PAGES)
def test_the_documents_name_every_plugin(kind: catalog.Kind) -> None:
    text = (ROOT / "docs" / PAGES[kind]).read_text()
    names = [name for name, plugin in catalog.plugins(kind).items() if plugin.distribution == "prunebench"]
    assert not [name for name in names if not re.search(rf"`{name}\b", text)]


def test_the_readme_counts_the_plugins() -> None:
    counts = {kind: len(catalog.plugins(kind)) for kind in PAGES}
    told = f"{counts['algorithm']} methods, {counts['task']} tasks and {counts['experiment']} experiments"
    assert told in (ROOT / "README.md").read_text()


def test_every_experiment_has_a_page() -> None:
    names = [name for name, plugin in catalog.plugins("experiment").items() if plugin.distribution == "prunebench"]
    assert not [name for name in names if not (ROOT / "docs" / "experiments" / f"{name}.md").exists()]


@pytest.mark.parametrize("document", documents.PAGES, ids=lambda file: file.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert not [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.runs
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no checkout")
def test_what_a_run_writes_leaves_the_checkout_clean() -> None:
    folders = ("records/digits/imp", "points/rfss", "code", "masks/digits", "logs/digits", "leases", "endings", "jobs")
    files = [f"results/{folder}/new.json" for folder in folders]
    ignored = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ignored.stdout.split() == files
    tables = subprocess.run(["git", "check-ignore", "results/records/new.jsonl"], cwd=ROOT, check=False)
    assert tables.returncode == 1, "tables are committed"


YAML_FILES = sorted(
    file for place in (".github", "docs", "benchmark", "results") for file in (ROOT / place).rglob("*.y*ml")
)


@pytest.mark.parametrize("file", YAML_FILES, ids=lambda file: file.name)
def test_workflows_forms_and_sweeps_can_be_read(file: Path) -> None:
    content = YAML(typ="safe", pure=True).load(file.read_text())
    if "jobs" in content:
        assert all("runs-on" in job and job["steps"] for job in content["jobs"].values())
    elif "body" in content:
        assert all({"type", "attributes"} <= part.keys() for part in content["body"])
    elif file.name != "config.yml":
        assert sweep_file.read(file)
