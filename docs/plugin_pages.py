"""The pages of methods, tasks and experiments: what `bench info` says of each, and what is written of it by hand.

A page that is written by hand lies where the page of its plug-in goes, as docs/algorithms/snip.md, and is part of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.cli.info import INFO, common_options, option_rows, recipes_of
from benchmark.harness.network import sketch
from benchmark.plugins import catalog, registry
from benchmark.plugins.plugin import BUILT_IN, Kind
from benchmark.results.spelling import Choice
from benchmark.studies.experiment import named
from benchmark.training.recipe import Recipe
from benchmark.training.task import Task

DOCS = Path(__file__).parent
ROOT = DOCS.parent
PAPERS = {
    "arXiv:": "https://arxiv.org/abs/",
    "doi:": "https://doi.org/",
    "openreview:": "https://openreview.net/forum?id=",
}
DIFFERENCES = "## Differences from the authors' code"
TOLD_ABOVE = """None is recorded of this method alone, beyond what is said above.
[What all methods share](../methods.md#differences-from-the-authors-code) applies to it, too."""
"""Where nothing else is written of them by hand."""

FEW = 4
"""So many files of a task's data are named; of more, the folder is."""


def path_of(kind: Kind, name: str) -> str:
    """Where the page of a plug-in goes, from the repository's root."""
    return f"docs/{kind}s/{name}.md"


def built_in(kind: Kind) -> list[str]:
    """The names of the plug-ins of a kind that have a page."""
    plugins = sorted(catalog.plugins(kind).items())
    return [name for name, plugin in plugins if plugin.distribution == BUILT_IN and not plugin.problem]


def pages(kind: Kind) -> Iterator[tuple[str, str]]:
    """The path and the text of the page of each plug-in of a kind."""
    page = {"algorithm": _algorithm, "task": _task, "experiment": _experiment}[kind]
    for name in built_in(kind):
        yield path_of(kind, name), "\n\n".join(filter(None, page(name))) + "\n"


def by_hand(kind: Kind, name: str) -> str:
    """What is written of a plug-in by hand; empty if nothing is."""
    file = ROOT / path_of(kind, name)
    return file.read_text().strip() if file.is_file() else ""


# --- the three kinds --------------------------------------------------------------------------------------------------


def _algorithm(name: str) -> Iterator[str]:
    method, (_, told) = registry.algorithm(name), INFO["algorithm"](Choice(name))
    title, _, more = by_hand("algorithm", name).partition("\n")
    yield title or f"# {name}"
    yield _text(method.function)
    yield more.strip()
    if told["paper"] and DIFFERENCES not in more:
        yield f"{DIFFERENCES}\n\n{TOLD_ABOVE}"
    facts = {
        "paper": _paper(told["paper"]),
        "prunes": told["prunes"],
        "pattern": f"{method.only} alone" if method.only else "",
        "when": told["family"],
        "with all weights kept": told["with all weights kept"],
        "cost": f"{told['cost']}, at default options on a small task" if told["cost"] else "",
        "source": _source("algorithm", name),
    }
    yield _table("## Facts", ("property", "value"), facts.items())
    yield f"## Use\n\n{_sh(f'bench run --algo {name} --task {_example(name)}')}"
    yield _options("## Options", told["options"])
    yield _code(method.function)


def _example(name: str) -> str:
    """A task that comes with prunebench, and that a method can be tried on at once."""
    needed = registry.algorithm(name).prunes | registry.algorithm(name).needs
    return "split-digits" if "streams" in needed else "planted-partition" if "edges" in needed else "digits"


def _experiment(name: str) -> Iterator[str]:
    experiment, (_, told) = named(name), INFO["experiment"](Choice(name))
    use = _sh(f"bench experiment {name}\nbench experiment {name} --size full")
    yield by_hand("experiment", name) or f"# {name}\n\n{_text(experiment.function)}\n\n{use}"
    facts = {"asks": told["summary"], "paper": _paper(told["paper"]), "source": _source("experiment", name)}
    yield _table("## Facts", ("property", "value"), facts.items())
    sized = [option | {"tiny": option["default"], "full": _full(told, option)} for option in told["options"]]
    yield _options("## Options", sized, ("tiny", "full"))
    yield _code(experiment.function)


def _full(told: dict[str, Any], option: dict[str, Any]) -> str:
    return str(told["full"].get(option["option"], option["default"]))


def _task(name: str) -> Iterator[str]:
    task, family, plugin = registry.task(name), registry.family(name), catalog.find("task", name)
    alone = inspect.isroutine(family.function) and family.function.__name__ == "<lambda>"
    title, _, more = by_hand("task", name).partition("\n")
    yield title or f"# {name}"
    yield plugin.summary if alone else _text(family.function)
    yield more.strip()
    facts = {
        "paper or source": data_of()[name]["paper or source"],
        "metrics": ", ".join(f"{metric} ({way})" for metric, way in task.metrics.items()) + "; the first one ranks",
        "default sparsity": f"{task.sparsity:g}",
        "can be pruned": ", ".join(sorted(task.prunes, reverse=True)),
        "stream": f"parts of {task.stream.classes} classes, one after the other" if task.stream else "",
        **_data(name, task),
        "source": _source("task", name),
    }
    yield _table("## Facts", ("property", "value"), facts.items())
    yield f"## Use\n\n{_sh(f'bench run --algo dense,magnitude --task {name}{_root(task)}')}"
    yield _networks(task)
    yield _recipes(task)
    yield _options("## Options", option_rows(family.options.values()))
    yield _options("## Options of every task", common_options())


def _root(task: Task) -> str:
    return " --data-root DIR" if task.source.files else ""


# --- what a task is made of -------------------------------------------------------------------------------------------


@cache
def data_of() -> dict[str, dict[str, str]]:
    """What docs/data.md says of the data of each task, by the headings of its table."""
    rows = [line for line in (DOCS / "data.md").read_text().splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    told = [dict(zip(head, cells, strict=True)) for cells in body]
    return {name: row for row in told for name in re.findall(r"`([^`]+)`", row["task"])}


def _data(name: str, task: Task) -> dict[str, str]:
    """The facts of a task's data: how many there are, how they are split, where they lie and come from."""
    row, source = data_of()[name], task.source
    return {
        "training / validation / test": row["training / validation / test"],
        "split": row["split"],
        "files": _files(source.files) if source.files else "none: the data are embedded, or made by code",
        "download": ", ".join(f"<{one.url}>" for one in source.downloads[:FEW]) or _fetched(name, task),
    }


def _files(files: tuple[str, ...]) -> str:
    if len(files) <= FEW:
        return ", ".join(f"`{file}`" for file in files)
    folders = sorted({file.rpartition("/")[0] for file in files})
    return f"{len(files)} files in {', '.join(f'`{folder}`' for folder in folders)}"


def _fetched(name: str, task: Task) -> str:
    return f"`bench data fetch {name}`" if task.source.fetch else ""


def _networks(task: Task) -> str:
    """How many weights each network has. They are built without values."""
    rows = []
    for model in task.models:
        network = sketch(task, model)
        if network is None:
            raise ValueError(f"network '{model}' cannot be built")
        sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
        prunable = sum(sizes[name] for name in task.prunable(network))
        rows.append((f"`{model}`", f"{prunable:,}", f"{sum(sizes.values()):,}"))
    further = ", ".join(f"`{zoo}:NAME`" for zoo in task.model_zoos)
    table = _table("## Networks", ("network", "prunable weights", "parameters"), rows)
    return f"{table}\n\nThe first one is the default.{f' Also {further}.' if further else ''}"


def _recipes(task: Task) -> str:
    rows = [(model, budget, *_recipe(recipe)) for model, budget, recipe in recipes_of(task)]
    head = ("network", "budget", "steps", "batch", "optimizer", "rate", "schedule", "momentum", "weight decay")
    return _table("## Budgets", head, rows)


def _recipe(recipe: Recipe) -> tuple[str, ...]:
    momentum = f"{recipe.momentum:g}{', Nesterov' if recipe.nesterov else ''}" if recipe.optimizer == "sgd" else ""
    return (
        f"{recipe.steps:,}",
        str(recipe.batch_size),
        recipe.optimizer,
        f"{recipe.rate:g}",
        _schedule(recipe),
        momentum,
        f"{recipe.weight_decay:g}",
    )


def _schedule(recipe: Recipe) -> str:
    """How the rate changes, in words."""
    falls = "to 0 along a cosine" if recipe.cosine else "to 0 along a line" if recipe.linear else "constant"
    if recipe.milestones and not (recipe.cosine or recipe.linear):
        falls = f"times {recipe.gamma:g} at {' and '.join(f'{step:,}' for step in recipe.milestones)}"
    return f"{falls}; grows over {recipe.warmup:,} steps" if recipe.warmup else falls


# --- parts of pages ---------------------------------------------------------------------------------------------------


def _text(function: Any) -> str:
    """A docstring without its section of options, which have a table."""
    return re.sub(r"\n\s*Options:\n.*", "", inspect.getdoc(function) or "", flags=re.DOTALL)


def _table(title: str, head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table under its title. Rows whose second cell is empty are left out; without rows there is nothing."""
    lines = [_row(cell.replace("|", "\\|") for cell in row) for row in rows if row[1]]
    return "\n".join([title, "", _row(head), _row(["---"] * len(head)), *lines]) if lines else ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _options(title: str, options: list[dict[str, Any]], sizes: tuple[str, ...] = ("default",)) -> str:
    """A table of options, with their values at each size."""
    rows = [
        (f"`{one['option']}`", *(_value(one[size]) for size in sizes), one["values"], one["meaning"]) for one in options
    ]
    return _table(title, ("option", *sizes, "values", "meaning"), rows)


def _value(text: str) -> str:
    """The value of an option; one that is an empty text is said to be."""
    return f"`{text}`" if text else "(empty)"


def _paper(paper: str) -> str:
    """A paper, linked where it says where it is."""
    for start, address in PAPERS.items():
        if paper.startswith(start):
            return f"[{paper}]({address}{paper.removeprefix(start)})"
    return f"[doi:{paper}](https://doi.org/{paper})" if paper.startswith("10.") else paper


def _source(kind: Kind, name: str) -> str:
    """The file of a plug-in, from the repository's root."""
    return f"`{catalog.find(kind, name).module.removeprefix('benchmark.').replace('.', '/')}.py`"


def _sh(command: str) -> str:
    return f"```sh\n{command}\n```"


def _code(function: Any) -> str:
    return f"## Source\n\n```python\n{inspect.getsource(function).rstrip()}\n```"
