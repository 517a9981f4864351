"""`bench info`: what a plug-in is, and its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.completion import names_of
from benchmark.cli.output import emit, format_option
from benchmark.errors import PluginError, UsageError, one_line
from benchmark.leaderboard.tables.formats import plain
from benchmark.plugins import catalog, registry
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice, choices, spelled
from benchmark.studies.experiment import named

if TYPE_CHECKING:
    from benchmark.plugins.options import Option
    from benchmark.training.recipe import Recipe
    from benchmark.training.task import Task

Info = tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]
"""Tables by title, and all facts, for JSON."""


@click.command()
@click.argument("name", shell_complete=names_of("algorithm", "task", "experiment", several=False))
@format_option
@click.pass_context
def info(ctx: click.Context, name: str, form: str) -> None:
    """What an algorithm, a task or an experiment is, and its options. NAME may be ./my_file.py, or a task with options.

    Exit code 3 if a network of the task cannot be built; everything else is printed all the same.
    """
    asked = known(choices([name]), "algorithm", "task")
    if len(asked) != 1:
        raise UsageError(f"'{name}' names {len(asked)} plug-ins; bench info describes one")
    kinds: list[catalog.Kind] = ["algorithm"] if "+" in asked[0].name else catalog.kinds_of(asked[0].name)
    told = [INFO[kind](asked[0]) for kind in kinds]
    tables = {title: table for tables, _ in told for title, table in tables.items()}
    emit(form, tables, told[0][1] if len(told) == 1 else [full for _, full in told])
    broken = [row for _, full in told for row in full.get("models", ()) if "problem" in row]
    for row in broken:
        click.echo(f"Error: network '{row['model']}' of '{name}' cannot be built: {plain(row['problem'])}", err=True)
    ctx.exit(PluginError.exit_code if broken else 0)


def _algorithm_info(choice: Choice) -> Info:
    name = spelled(choice.name, choice.options)
    algorithm, plugins = registry.algorithm(name), [catalog.find("algorithm", part) for part in name.split("+")]
    options = option_rows(algorithm.options.values())
    prunes = ", ".join(sorted(algorithm.prunes)) or "nothing"
    rows = {
        "name": name,
        "summary": algorithm.summary,
        "paper": algorithm.paper,
        "prunes": prunes,
        "family": algorithm.family,
        "with all weights kept": "dense training, bit for bit"
        if algorithm.trains_once
        else "a result that may differ from dense training",
        "cost": _cost(name),
        "from": ", ".join(plugin.distribution for plugin in plugins),
        "source": ", ".join(plugin.file or plugin.module for plugin in plugins),
    }
    tables = {name: [{"": key, "what": value} for key, value in rows.items() if key != "name"]}
    if options:
        tables[f"options, as in --algo {name}:{options[0]['option']}=VALUE"] = options
    return tables, {**rows, "options": options}


def _cost(name: str) -> str:
    """Measure the cost of keeping a tenth of the weights, by a run on the toy task at default options."""
    from benchmark.contract import trial

    if "+" in name:
        return "those of the methods in it, one after the other"
    record = trial.record(name, sparsity=0.9, budget="smoke")
    if record.status != "ok":
        return f"unknown: on the toy task it ends as {record.status}: {record.error}"
    trainings, passes = record.cost.trainings, record.cost.scoring_passes
    scoring = f" and {passes} scoring {'pass' if passes == 1 else 'passes'}" if passes else ""
    return f"{trainings:g} dense {'training' if trainings == 1 else 'trainings'}{scoring} at sparsity 0.9"


def option_rows(options: Iterable[Option]) -> list[dict[str, Any]]:
    """A row for each option: name, default, valid values and meaning."""
    return [
        {"option": option.name, "default": str(option.default), "values": option.values, "meaning": option.meaning}
        for option in options
    ]


def _experiment_info(choice: Choice) -> Info:
    name = spelled(choice.name, choice.options)
    experiment, plugin = named(name), catalog.find("experiment", name)
    options = option_rows(experiment.options.values())
    full = {option: str(value) for option, value in experiment.full.items()}
    rows = {
        "summary": experiment.summary,
        "paper": experiment.paper,
        "from": plugin.distribution,
        "source": plugin.module,
    }
    tables = {f"experiment {name}": [{"": key, "what": value} for key, value in rows.items()]}
    if options:
        sized = [
            {"option": o["option"], "tiny": o["default"], "full": full.get(o["option"], o["default"])} for o in options
        ]
        told = [size | {key: o[key] for key in ("values", "meaning")} for size, o in zip(sized, options, strict=True)]
        tables[f"options, as in bench experiment {name}:{options[0]['option']}=VALUE"] = told
    return tables, {"name": name, **rows, "options": options, "full": full}


def common_options() -> list[dict[str, Any]]:
    """The options of every task, followed by those of the losses."""
    from benchmark.plugins.common_options import COMMON
    from benchmark.plugins.losses import OPTIONS

    of_losses = [
        {**row, "meaning": f"with loss={name}: {row['meaning']}"}
        for name, options in OPTIONS.items()
        for row in option_rows(options.values())
    ]
    return [*option_rows(COMMON.values()), *of_losses]


def _task_info(choice: Choice) -> Info:
    from benchmark.data.folders import DataFolders

    name = choice.name
    task, plugin = registry.task(name, choice.options), catalog.find("task", name)
    options, common = option_rows(registry.family(name).options.values()), common_options()
    folder = DataFolders().holding(task.source)
    rows = {
        "summary": plugin.summary,
        "metrics": ", ".join(f"{metric} ({way})" for metric, way in task.metrics.items()),
        "default sparsity": task.sparsity,
        **({"stream": f"parts of {task.stream.classes} classes, one after the other"} if task.stream else {}),
        "data": "embedded" if not task.source.files else str(folder or "not found; see bench doctor"),
        "from": plugin.distribution,
    }
    models, recipes = [_model_row(task, model) for model in task.models], _recipe_rows(task)
    shown = ["model", *BUDGET] if task.model_recipes else [*BUDGET]
    shown_recipes = [{BUDGET.get(key, key): recipe[key] for key in shown} for recipe in recipes]
    tables: dict[str, list[dict[str, Any]]] = {
        spelled(name, choice.options): [{"": key, "what": value} for key, value in rows.items()],
        "models, the first by default": [
            {key: row.get(key, "cannot be built") for key in ("model", "prunable weights", "parameters")}
            for row in models
        ],
        "budgets": shown_recipes,
    }
    if options:
        tables[f"options, as in --task {name}:{options[0]['option']}=VALUE"] = options
    tables[f"options of every task, as in --task {name}:rate=0.05"] = common
    told = {"name": name, **rows, "models": models, "recipes": recipes, "options": options, "common options": common}
    return tables, told


INFO: dict[catalog.Kind, Callable[[Choice], Info]] = {
    "algorithm": _algorithm_info,
    "task": _task_info,
    "experiment": _experiment_info,
}

BUDGET = {
    "budget": "budget",
    "steps": "steps",
    "batch_size": "batch",
    "optimizer": "optimizer",
    "rate": "rate",
    "momentum": "momentum",
    "weight_decay": "weight decay",
}
"""The fields of a recipe that a table shows, with their column headings."""


def _model_row(task: Task, model: str) -> dict[str, Any]:
    """The sizes of a network; if it cannot be built, why not."""
    from benchmark.harness.network import build

    try:
        network = build(task, model, 0)
        sizes = {n: p.numel() for n, p in network.named_parameters()}
        prunable = sum(sizes[n] for n in task.prunable(network))
    except Exception as error:  # it is a plug-in's code
        return {"model": model, "problem": f"{type(error).__name__}: {one_line(error)}"}
    return {"model": model, "prunable weights": prunable, "parameters": sum(sizes.values())}


def _recipe_rows(task: Task) -> list[dict[str, Any]]:
    """Return all recipes in full. Recipes of a particular model are listed under its name."""
    return [{"model": model, "budget": budget, **recipe.describe()} for model, budget, recipe in recipes_of(task)]


def recipes_of(task: Task) -> Iterator[tuple[str, str, Recipe]]:
    """The recipes of a task, each with the name of its model, or which models it is for, and of its budget."""
    by_model = {"every other" if task.model_recipes else "every": task.recipes} | dict(task.model_recipes)
    for model, group in by_model.items():
        for budget, recipe in group.items():
            yield model, budget, recipe
