"""The site loses nothing that is written by hand, and its pages say what the code and the data are."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from benchmark.cli import info
from benchmark.data.splits import Data
from benchmark.plugins import catalog, registry
from tests.support.command import ROOT

DOCS = ROOT / "docs"
KINDS: tuple[catalog.Kind, ...] = ("algorithm", "task", "experiment")
BY_HAND = [(kind, file.stem) for kind in KINDS for file in sorted((DOCS / f"{kind}s").glob("[!R]*.md"))]

QUICK = ("digits", "mnist", "texas", "cora", "planted-partition")
"""Tasks whose splits are there at once; those of others take seconds, and some minutes."""


@pytest.fixture
def plugin_pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of docs/, which tries no method for its cost."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.setattr(info, "_cost", lambda name: "1 dense training")
    return importlib.import_module("plugin_pages")


@pytest.fixture
def site(plugin_pages: ModuleType) -> ModuleType:
    """The hook of mkdocs, which calls it by its path."""
    pytest.importorskip("mkdocs", reason="needs the extra docs")
    spec = importlib.util.spec_from_file_location("docs_site", DOCS / "site.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.runs
def test_what_is_written_by_hand_stands_in_the_page_that_takes_its_place(
    plugin_pages: ModuleType, site: ModuleType
) -> None:
    assert BY_HAND
    made = dict(plugin_pages.pages("experiment")) | dict(plugin_pages.pages("algorithm"))
    there = [plugin_pages.path_of(kind, name) for kind, name in BY_HAND]
    assert set(there) <= made.keys(), "a file has the name of no plug-in"
    site.require_nothing_lost(made, ROOT, there)
    assert "What came out here" in made["docs/experiments/lottery.md"]


def test_a_page_that_would_replace_a_file_is_refused(site: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mine.md").write_text("# Mine\n\nWhat was found.\n")
    there = ["docs/mine.md"]
    site.require_nothing_lost(
        {"docs/mine.md": "# Mine\n\nMade.\n\nWhat was found.\n", "docs/new.md": ""}, tmp_path, there
    )
    with pytest.raises(site.PluginError, match=r"docs/mine\.md takes the place .* loses of it: What was"):
        site.require_nothing_lost({"docs/mine.md": "# Mine\n\nMade.\n"}, tmp_path, there)


NO_SCORE = {"alone", "dense", "dropedge", "sequential", "ticket"}
"""Methods that rank nothing."""


def test_every_method_that_ranks_has_its_formula(plugin_pages: ModuleType) -> None:
    names = plugin_pages.built_in("algorithm")
    assert {name for name in names if "## Formula" not in plugin_pages.by_hand("algorithm", name)} == NO_SCORE


@pytest.mark.runs
@pytest.mark.parametrize("kind", KINDS)
def test_pages_say_what_bench_info_says(kind: catalog.Kind, plugin_pages: ModuleType) -> None:
    for path, text in plugin_pages.pages(kind):
        assert text.startswith("# "), path
        assert not re.search(r"^\|( +\|)+$", text, re.MULTILINE), f"{path}: a table with an empty head"
        assert not re.search(r"\| `` \|", text), f"{path}: an empty value in quotes"
        wanted = {"algorithm": ["| cost |"], "task": ["| metrics |", "prunable weights", "| split |"], "experiment": []}
        assert not [words for words in [*wanted[kind], "| source |"] if words not in text], path


def test_every_task_has_a_row_of_data(plugin_pages: ModuleType) -> None:
    names = [name for name, plugin in catalog.plugins("task").items() if plugin.distribution == catalog.BUILT_IN]
    assert sorted(plugin_pages.data_of()) == sorted(names)


def examples(data: Data) -> int:
    """As docs/data.md counts them: of a single graph, the nodes that have a label in this split."""
    nodes = data.node_classes if len(data) == 1 else None
    return len(data) if nodes is None else int((nodes >= 0).sum())


SIZED = re.findall(
    r"^\| `([\w-]+)` \| [^|]+ \| ([\d,]+) / ([\d,]+) / ([\d,]+) ", (DOCS / "data.md").read_text(), re.MULTILINE
)


@pytest.mark.runs
@pytest.mark.parametrize(
    ("name", "told"),
    [pytest.param(name, told, marks=[pytest.mark.slow] * (name not in QUICK)) for name, *told in SIZED],
)
def test_the_sizes_of_splits_are_those_of_the_data(name: str, told: list[str], real_data: Path) -> None:
    source = registry.task(name).source
    if not all((real_data / file).exists() for file in source.files):
        pytest.skip("the data are not here")
    splits = source.splits(real_data, 0)
    found = [examples(data) for data in (splits.train, splits.validation, splits.test)]
    assert found == [int(number.replace(",", "")) for number in told]
