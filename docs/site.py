"""Puts the site together: the repository's pages where they lie, and a page for each plug-in, command and public name.

A hook of mkdocs. What is made comes from docstrings and declarations, so that it says what the code says. The pages of
plug-ins are made by plugin_pages.py, and have what is written of them by hand in docs/, as docs/experiments/rfss.md.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from plugin_pages import pages

import benchmark
from benchmark.cli import main
from benchmark.plugins.plugin import Kind

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "C*.md", "docs/**/*.md", "results/**/*.md", "docs/**/*.svg", "results/**/*.svg")
SECTIONS: dict[str, Kind] = {"Methods": "algorithm", "Tasks": "task", "Experiments": "experiment"}
"""The sections of the site that have a page for each plug-in of a kind."""

GROUPS = {
    "Notebooks and scripts": ("evaluate", "records", "board", "plot"),
    "A method": ("algorithm", "Run", "Step", "Snapshot", "Part", "StreamPart", "Group"),
    "Masks and targets": ("benchmark.pruning",),
    "A task": (
        "task",
        "Task",
        "from_module",
        "Recipe",
        "Stream",
        "benchmark.data",
        "shortened",
        "before_last_layer",
        "by_class",
        "cut",
    ),
    "An experiment": ("experiment", "Study", "Trained", "benchmark.studies", "panels"),
    "Options": ("benchmark.plugins.options",),
    "Errors and files": ("benchmark.errors", "benchmark.files", "benchmark.machine"),
}
"""The public names by what they are for: names, or the rooms that they come from."""

BESIDE = {"A method": ["benchmark.plugins.algorithm.Algorithm"]}
"""What a group of names refers to, and nobody imports."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the whole repository that are pages, and add the pages that are made."""
    theme = [file for file in files if not str(file.abs_src_path).startswith(config.docs_dir)]
    plugins = {title: dict(pages(kind)) for title, kind in SECTIONS.items()}
    made = {"docs/notebook.md": _notebook(ROOT / "docs" / "notebook.ipynb"), **_reference(), **_examples()}
    for of_kind in plugins.values():
        made |= of_kind
    there = sorted({path.relative_to(ROOT).as_posix() for pattern in PAGES for path in ROOT.glob(pattern)})
    require_nothing_lost(made, ROOT, there)
    _extend_navigation(config, plugins, [*there, *made])
    kept = [path for path in there if path not in made]
    read = [File(path, str(ROOT), config.site_dir, config.use_directory_urls) for path in kept]
    return Files([*theme, *read, *(File.generated(config, path, content=text) for path, text in made.items())])


def require_nothing_lost(made: Mapping[str, str], root: Path, there: Iterable[str]) -> None:
    """Raise PluginError if a page that is made takes the place of a file and lacks a paragraph of it."""
    for path in (path for path in there if path in made):
        paragraphs = (root / path).read_text().strip().split("\n\n")
        if lost := [text for text in paragraphs if text not in made[path]]:
            raise PluginError(f"the page made for {path} takes the place of that file, and loses of it: {lost[0]}")


def _extend_navigation(config: MkDocsConfig, plugins: dict[str, dict[str, str]], paths: list[str]) -> None:
    """Add the pages that are many to the sections of mkdocs.yml."""
    results = [path for path in paths if path.startswith("results/") and path.endswith(".md")]
    more = {title: [*made] for title, made in plugins.items()}
    more["Results"] = [path for path in results if not path.endswith("README.md")]
    more["Reference"] = [path for path in paths if path.startswith("docs/reference/python-")]
    for entry in config.nav or []:
        for title, listed in entry.items():
            entry[title] = listed + more.get(title, []) if isinstance(listed, list) else listed


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave the text of links that lead to files of the repository that are no pages, such as sources."""
    folder = Path(page.file.src_uri).parent

    def linked(found: re.Match[str]) -> str:
        target = found[2].partition("#")[0]
        place = Path(os.path.normpath(ROOT / folder / target))
        inside = files.get_file_from_path(place.relative_to(ROOT).as_posix())
        page = place.relative_to(ROOT).with_suffix(".md").as_posix()
        if target.endswith((".ipynb", ".py")) and files.get_file_from_path(page):
            return f"[{found[1]}]({Path(target).with_suffix('.md').as_posix()})"
        return found[0] if not target or "://" in target or inside else found[1]

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", linked, markdown)


# --- the reference ----------------------------------------------------------------------------------------------------


def _reference() -> dict[str, str]:
    groups = _grouped()
    listed = "".join(f"- [{title}](python-{_slug(title)}.md): {_names(names)}\n" for title, names in groups.items())
    modules = {name: [f"benchmark.{name}"] for name in ("scores", "schedules")}
    modules["graphs"] = [f"benchmark.graphs.{one.name}" for one in iter_modules(benchmark.graphs.__path__)]
    more = "".join(f"- [benchmark.{name}](python-{name}.md)\n" for name in modules)
    pages = {
        "docs/reference/commands.md": "# Commands\n\n" + "\n\n".join(_commands(main, "bench")),
        "docs/reference/python.md": f"# Python\n\n`from benchmark import ...`\n\n{listed}{more}",
    }
    for title, names in groups.items():
        places = [*(f"{_home(name)}.{name}" for name in names), *BESIDE.get(title, [])]
        shown = "\n\n".join(f"::: {place}" for place in places)
        pages[f"docs/reference/python-{_slug(title)}.md"] = f"# {title}\n\n{shown}\n"
    for name, parts in modules.items():
        shown = "\n\n".join(f"::: {part}" for part in parts)
        pages[f"docs/reference/python-{name}.md"] = f"# benchmark.{name}\n\n{shown}\n"
    return pages


def _commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """What `--help` says of a command and of those in it."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, **command.context_settings)
    yield f"## {name}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _commands(command.get_command(context, inner), f"{name} {inner}", context)


def _grouped() -> dict[str, list[str]]:
    """The public names by group. A name goes to the first group that names it, or its room."""
    names = [name for name in benchmark.__all__ if name not in ("graphs", "schedules", "scores", "Doc")]
    groups: dict[str, list[str]] = {}
    for title, wanted in GROUPS.items():
        of_rooms = [name for name in names if any(_home(name).startswith(room) for room in wanted if "." in room)]
        groups[title] = [name for name in (*wanted, *of_rooms) if name in names]
        names = [name for name in names if name not in groups[title]]
    if names:
        raise ValueError(f"docs/site.py: public names are in no group: {', '.join(names)}")
    return groups


def _home(name: str) -> str:
    return next(module for module, names in benchmark._HOME.items() if name in names)


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _slug(title: str) -> str:
    return title.lower().replace(" ", "-")


# --- the examples and the notebook ------------------------------------------------------------------------------------


def _examples() -> dict[str, str]:
    """A page for each file of docs/examples."""
    files = sorted((ROOT / "docs" / "examples").glob("*.py"))
    return {f"docs/examples/{file.stem}.md": f"# {file.name}\n\n```python\n{file.read_text()}```\n" for file in files}


def _notebook(file: Path) -> str:
    """A notebook as a page: its text, its code, and what that showed when it was run."""
    cells = json.loads(file.read_text())["cells"]
    return "\n\n".join(part for cell in cells for part in _shown(cell)) + "\n"


def _shown(cell: dict[str, Any]) -> Iterator[str]:
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            yield f'<img alt="figure" src="data:image/png;base64,{"".join(data["image/png"]).replace(chr(10), "")}">'
        elif "text/html" in data:
            yield f"<div>{_without_blank_lines(''.join(data['text/html']))}</div>"
        elif "text/plain" in data:
            yield f"<pre>{escape(''.join(data['text/plain']))}</pre>"


def _without_blank_lines(html: str) -> str:
    return "\n".join(line.strip() for line in html.splitlines() if line.strip())
