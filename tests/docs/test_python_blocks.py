"""The Python in the README and the documents: methods are those that are built in, plug-ins are those of `bench new`.

The tasks of docs/plugins.md have tests of their own, tests/plugins/test_own_data.py.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from benchmark.contract import trial
from benchmark.plugins import new_package
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from tests.support.command import ROOT, bench_process
from tests.support.documents import Block, blocks, commands

pytestmark = pytest.mark.runs

ON_THE_TOY = {"rigl": {"interval": 3}}
"""Options that let a method move masks within the toy's few steps."""


def test_every_block_has_a_language_that_tests_know() -> None:
    assert {block.language for block in blocks()} == {"sh", "python", "toml", "yaml", "text"}
    shown = {block.page for block in blocks("text") if not block.page.startswith("docs/algorithms/")}  # formulas
    assert shown == {"docs/start.md", "docs/mistakes.md", "CONTRIBUTING.md"}
    pages = {"README.md", "docs/plugins.md", "docs/start.md", "docs/mistakes.md"}
    assert {block.page for block in blocks("python")} == pages


@pytest.mark.usefixtures("forgotten_files")
@pytest.mark.parametrize("block", blocks("python", "README.md"), ids=lambda block: block.text.split("def ")[1][:4])
def test_a_method_of_the_readme_is_the_built_in_one_bit_for_bit(block: Block, tmp_path: Path) -> None:
    [built_in] = re.findall(r"^def (\w+)\(run: Run", block.text, re.MULTILINE)
    file = tmp_path / f"readme_{built_in}.py"
    file.write_text(block.text.replace(f"def {built_in}(", f"def readme_{built_in}("))
    known([Choice(str(file))], "algorithm")
    shown, theirs = (trial.record(name, **ON_THE_TOY.get(built_in, {})) for name in (f"readme-{built_in}", built_in))
    assert shown.status == theirs.status == "ok", shown.error
    assert (shown.mask_digest, shown.metrics) == (theirs.mask_digest, theirs.metrics)


@pytest.mark.parametrize(
    ("page", "file"), [("docs/start.md", "algorithm/my_pruner.py"), ("docs/plugins.md", "experiment/my_question.py")]
)
def test_a_plug_in_of_the_documents_is_the_one_that_is_written(page: str, file: str) -> None:
    template = (new_package.TEMPLATES / file).read_text()
    assert [block for block in blocks("python", page) if template.endswith(block.text)]


def test_entry_points_are_those_that_are_written() -> None:
    [readme], [plugins] = blocks("toml", "README.md"), blocks("toml", "docs/plugins.md")
    told = tomllib.loads(plugins.text)["project"]["entry-points"]
    assert tomllib.loads(readme.text)["project"]["entry-points"].items() <= told.items()
    kinds = ("algorithm", "task", "experiment")
    written = [tomllib.loads((new_package.TEMPLATES / kind / "pyproject.toml").read_text()) for kind in kinds]
    assert [*told] == [group for project in written for group in project["project"]["entry-points"]]


def test_the_tree_of_the_house_is_that_of_the_repository() -> None:
    [tree] = blocks("text", "CONTRIBUTING.md")
    rooms = [line.split()[0].rstrip("/") for line in tree.text.splitlines()]
    hidden = {".github", ".ci"}
    there = {path.parts[0] for path in _committed() if len(path.parts) > 1} - hidden
    assert set(rooms) == there


def _committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout")
    return [*map(Path, listed.stdout.splitlines())]


MISTAKES = [*zip(blocks("python", "docs/mistakes.md"), blocks("text", "docs/mistakes.md"), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "said"), MISTAKES, ids=[said.text.split()[0] for _, said in MISTAKES])
def test_a_mistake_says_what_the_page_says(method: Block, said: Block, tmp_path: Path) -> None:
    [name] = re.findall(r"^def (\w+)\(run", method.text, re.MULTILINE)
    file = tmp_path / f"{name}.py"
    file.write_text(method.text)
    ended = bench_process("check", file, "--fast")
    told = (ended.out + ended.err).replace(str(tmp_path), "/home/you")
    assert told.splitlines() == said.text.splitlines()


@pytest.mark.slow
def test_the_check_of_the_tutorial_prints_what_it_says() -> None:
    file = new_package.TEMPLATES / "algorithm" / "my_pruner.py"
    ended = bench_process("check", file)
    [shown] = [block.text for block in blocks("text", "docs/start.md") if block.text.startswith("my-pruner\n")]
    assert (ended.out + ended.err).splitlines() == shown.splitlines()


@pytest.mark.slow
def test_the_cells_and_the_board_of_the_tutorial_are_those_of_its_command(own: Store, tmp_path: Path) -> None:
    [shown] = [block.text for block in blocks("text", "docs/start.md") if "cells:" in block.text]
    file = new_package.TEMPLATES / "algorithm" / "my_pruner.py"
    called = [words for block in blocks("sh", "docs/start.md") for words in commands(block.text, tmp_path)]
    [words] = [words for words in called if words[:2] == ["bench", "run"]]
    asked = [word.replace("my-pruner", str(file)) for word in words[1:]]
    planned = bench_process(*asked, "--dry-run", "--jobs", "2")
    assert planned.err.splitlines()[0] == shown.splitlines()[0]
