"""Puts the site together: the repository's pages where they lie, and a page for each plug-in, command and public name.

A hook of mkdocs. What is made comes from docstrings and declarations, so that it says what the code says.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import benchmark
from benchmark.cli import main
from benchmark.errors import UsageError
from benchmark.plugins import catalog, registry
from benchmark.plugins.options import Option
from benchmark.studies.experiment import named

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "C*.md", "docs/**/*.md", "results/**/*.md", "docs/**/*.svg", "results/**/*.svg")
PAPERS = {"arXiv:": "https://arxiv.org/abs/", "doi:": "https://doi.org/", "10.": "https://doi.org/10."}
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
    there = sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})
    kept = [File(str(path.relative_to(ROOT)), str(ROOT), config.site_dir, config.use_directory_urls) for path in there]
    reference = _reference()
    made = {"docs/notebook.md": _notebook(ROOT / "docs" / "notebook.ipynb"), **reference}
    for file in (ROOT / "docs" / "examples").glob("*.py"):
        made[f"docs/examples/{file.stem}.md"] = f"# {file.name}\n\n```python\n{file.read_text()}```\n"
    sections: dict[str, list[str]] = {title: [] for title in ("Methods", "Tasks", "Experiments", "Results")}
    sections["Reference"] = [page for page in reference if page.startswith("docs/reference/python-")]
    for kind, title in (("algorithm", "Methods"), ("task", "Tasks"), ("experiment", "Experiments")):
        for name, content in _plugins(kind):
            made[f"docs/{kind}s/{name}.md"] = content
            sections[title].append(f"docs/{kind}s/{name}.md")
    sections["Experiments"] += [str(path.relative_to(ROOT)) for path in there if _is_of(path, "docs/experiments")]
    sections["Results"] += [str(path.relative_to(ROOT)) for path in there if _is_of(path, "results")]
    for entry in config.nav or []:
        for title, pages in entry.items():
            entry[title] = pages + sections.get(title, []) if isinstance(pages, list) else pages
    return Files([*theme, *kept, *(File.generated(config, uri, content=text) for uri, text in made.items())])


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


def _is_of(path: Path, folder: str) -> bool:
    return path.suffix == ".md" and path.is_relative_to(ROOT / folder) and path.name != "README.md"


# --- a page for each plug-in ------------------------------------------------------------------------------------------


def _plugins(kind: Any) -> Iterator[tuple[str, str]]:
    """The pages of the built-in plug-ins of a kind, by name."""
    page = {"algorithm": _algorithm, "task": _task, "experiment": _experiment}[kind]
    for name, plugin in sorted(catalog.plugins(kind).items()):
        if plugin.distribution == catalog.BUILT_IN and not plugin.problem:
            yield name, f"# {name}\n\n{page(name)}\n"


def _algorithm(name: str) -> str:
    method = registry.algorithm(name)
    facts = {
        "prunes": ", ".join(sorted(method.prunes)) or "nothing",
        "when": method.family,
        "paper": _paper(method.paper),
        "with all weights kept": "dense training, bit for bit" if method.trains_once else "not dense training",
        "pattern": f"{method.only} alone" if method.only else "",
    }
    use = f"bench run --algo {name} --task digits"
    return "\n\n".join(
        [_text(method.function), _facts(facts), _sh(use), _options(method.options), _code(method.function)]
    )


def _task(name: str) -> str:
    plugin = catalog.find("task", name)
    family = registry.family(name)
    whole = plugin.summary if inspect.isroutine(family.function) and family.function.__name__ == "<lambda>" else ""
    use = f"bench run --algo dense,magnitude --task {name}\nbench info {name}"
    return "\n\n".join([whole or _text(family.function), _sh(use), _options(family.options), _budgets(name)])


def _budgets(name: str) -> str:
    """The models of a task, and how long each budget trains them. Empty for a task that needs an option."""
    try:
        task = registry.task(name)
    except UsageError:
        return ""
    rows = ["## Models and budgets", "", f"Models: {', '.join(f'`{model}`' for model in task.models)}.", ""]
    rows += ["| model | budget | steps | batch | optimizer | rate |", "| --- | --- | --- | --- | --- | --- |"]
    every = {"every other" if task.model_recipes else "every": task.recipes} | dict(task.model_recipes)
    for model, recipes in every.items():
        for budget, recipe in recipes.items():
            cells = (model, budget, f"{recipe.steps:,}", recipe.batch_size, recipe.optimizer, f"{recipe.rate:g}")
            rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def _experiment(name: str) -> str:
    experiment = named(name)
    own = ROOT / "docs" / "experiments" / f"{name}.md"
    more = f"[What is measured, and what came out](../experiments/{name}.md)" if own.is_file() else ""
    use = f"bench experiment {name}"
    parts = [_text(experiment.function), more, _facts({"paper": _paper(experiment.paper)}), _sh(use)]
    return "\n\n".join([*filter(None, parts), _options(experiment.options), _code(experiment.function)])


def _text(function: Any) -> str:
    """A docstring without its section of options, which have a table."""
    return re.sub(r"\n\s*Options:\n.*", "", inspect.getdoc(function) or "", flags=re.DOTALL)


def _facts(facts: dict[str, str]) -> str:
    rows = [f"| {name} | {value} |" for name, value in facts.items() if value]
    return "\n".join(["| | |", "| --- | --- |", *rows]) if rows else ""


def _options(options: dict[str, Option]) -> str:
    rows = [
        f"| `{one.name}` | {_cell(f'`{one.default}`')} | {_cell(one.values)} | {_cell(one.meaning)} |"
        for one in options.values()
    ]
    head = ["## Options", "", "| option | default | values | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows]) if rows else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _paper(paper: str) -> str:
    """A paper, linked where it says where it is."""
    for start, address in PAPERS.items():
        if paper.startswith(start):
            return f"[{paper}]({address}{paper.removeprefix(start)})"
    return paper


def _sh(command: str) -> str:
    return f"```sh\n{command}\n```"


def _code(function: Any) -> str:
    return f"## Source\n\n```python\n{inspect.getsource(function).rstrip()}\n```"


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


# --- the notebook -----------------------------------------------------------------------------------------------------


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
