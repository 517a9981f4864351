"""The verbs that read what there is: list, info, show."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from benchmark import listing, registry
from benchmark.cli.output import emit, format_option, results_option
from benchmark.errors import UsageError
from benchmark.options import Choice, choices, spelled
from benchmark.record import Record
from benchmark.store import Store, complaint

if TYPE_CHECKING:
    from benchmark.define import Algorithm, Family
    from benchmark.task import Task


@click.command("list")
@click.argument("kind", type=click.Choice(["algorithms", "tasks"]), required=False)
@format_option
def list_(kind: str | None, form: str) -> None:
    """Algorithms and tasks, built-in and installed."""
    kinds: tuple[listing.Kind, ...] = ("algorithm", "task")
    found = [p for k in kinds if kind in (None, f"{k}s") for p in listing.plugins(k).values()]
    tables: dict[str, list[dict[str, Any]]] = {}
    for plugin in found:
        summary = f"broken: {plugin.problem}" if plugin.problem else plugin.summary
        row = {"name": plugin.name, "what": summary, "from": plugin.distribution}
        tables.setdefault(f"{plugin.kind}s", []).append(row)
    emit(form, tables, [asdict(plugin) for plugin in found])


@click.command()
@click.argument("name")
@format_option
def info(name: str, form: str) -> None:
    """What an algorithm or a task is, and the options it has; a task may stand with options, as for run."""
    asked = choices([name])
    if len(asked) != 1:
        raise UsageError(f"'{name}' names {len(asked)} plug-ins; bench info tells of one")
    if "+" not in asked[0].name and listing.kind_of(asked[0].name) == "task":
        emit(form, *_task_info(asked[0]))
    else:
        emit(form, *_algorithm_info(name))


def _algorithm_info(name: str) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    algorithm, plugins = registry.algorithm(name), [listing.find("algorithm", part) for part in name.split("+")]
    options = _options(algorithm)
    prunes = ", ".join(sorted(algorithm.prunes)) or "nothing"
    facts = {
        "name": name,
        "summary": algorithm.summary,
        "paper": algorithm.paper,
        "prunes": prunes,
        "family": algorithm.family,
        "with all weights kept": "dense training, bit for bit" if algorithm.once else "maybe not dense training",
        "cost": _cost(name),
        "from": ", ".join(plugin.distribution for plugin in plugins),
        "source": ", ".join(plugin.module for plugin in plugins),
    }
    tables = {name: [{"": key, "what": value} for key, value in facts.items() if key != "name"]}
    if options:
        tables[f"options, as in --algo {name}:{options[0]['option']}=VALUE"] = options
    return tables, {**facts, "options": options}


def _cost(name: str) -> str:
    """What a tenth of the weights costs on the toy task, at the default options: tried, not claimed."""
    from benchmark import trial

    if "+" in name:
        return "those of the methods in it, one after the other"
    record = trial.record(name, sparsity=0.9, budget="smoke")
    if record.status != "ok":
        return f"unknown: on the toy task it ends as {record.status}: {record.error}"
    trainings, passes = record.cost.trainings, record.cost.scoring_passes
    scoring = f" and {passes} scoring {'pass' if passes == 1 else 'passes'}" if passes else ""
    return f"{trainings:g} dense {'training' if trainings == 1 else 'trainings'}{scoring} at sparsity 0.9"


def _options(plugin: Algorithm | Family) -> list[dict[str, Any]]:
    return [
        {"option": option.name, "default": str(option.default), "values": option.values, "meaning": option.meaning}
        for option in plugin.options.values()
    ]


def _task_info(choice: Choice) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    from benchmark.folders import DataFolders

    name = choice.name
    task, plugin = registry.task(name, choice.options), listing.find("task", name)
    options = _options(registry.family(name))
    folder = DataFolders().holding(task)
    facts = {
        "summary": plugin.summary,
        "metrics": ", ".join(f"{metric} ({way})" for metric, way in task.metrics.items()),
        "default sparsity": task.sparsity,
        "data": "embedded" if not task.files else str(folder or "not found; see bench doctor"),
        "from": plugin.distribution,
    }
    models, recipes = _model_rows(task), _recipe_rows(task)
    shown = ["model", *BUDGET] if task.special else [*BUDGET]
    spoken = [{BUDGET.get(key, key): recipe[key] for key in shown} for recipe in recipes]
    tables: dict[str, list[dict[str, Any]]] = {
        spelled(name, choice.options): [{"": key, "what": value} for key, value in facts.items()],
        "models, the first by default": models,
        "budgets": spoken,
    }
    if options:
        tables[f"options, as in --task {name}:{options[0]['option']}=VALUE"] = options
    return tables, {"name": name, **facts, "models": models, "recipes": recipes, "options": options}


BUDGET = {
    "budget": "budget",
    "steps": "steps",
    "batch_size": "batch",
    "optimizer": "optimizer",
    "rate": "rate",
    "momentum": "momentum",
    "weight_decay": "weight decay",
}
"""What a table tells of a recipe, and the heads of its columns."""


def _model_rows(task: Task) -> list[dict[str, Any]]:
    from benchmark.harness import build

    rows = []
    for model in task.models:
        network = build(task, model, 0)
        sizes = {n: p.numel() for n, p in network.named_parameters()}
        prunable = sum(sizes[n] for n in task.prunable(network))
        rows.append({"model": model, "prunable weights": prunable, "parameters": sum(sizes.values())})
    return rows


def _recipe_rows(task: Task) -> list[dict[str, Any]]:
    """Every recipe, whole; those of models that are trained otherwise than the others under their names."""
    by_model = {"every other" if task.special else "every": task.recipes} | dict(task.special)
    return [
        {"model": model, "budget": budget, **recipe.describe()}
        for model, group in by_model.items()
        for budget, recipe in group.items()
    ]


@click.command()
@click.argument("record")
@results_option
@format_option
def show(record: str, results: Path, form: str) -> None:
    """One record: RECORD is a file, or the first digits of a key."""
    store = Store(results)
    found = find_record(record, store)
    full = found.model_dump(mode="json", by_alias=True)
    facts = {
        "cell": str(found.cell),
        "key": found.key,
        "status": found.status + (f": {found.error}" if found.error else ""),
        "test": _pairs(found.metrics),
        "validation": _pairs(found.validation),
        "diagnosis": _pairs(found.diagnosis),
        "density": _pairs(found.density.model_dump(exclude_none=True)) if found.density else "",
        "cost": _pairs(found.cost.model_dump()),
        "audit": "not reached" if not found.audit else "; ".join(found.audit.breaches) or "passed",
        "mask digest": found.mask_digest or "",
        "verified": f"{found.verified.how}, {found.verified.when}" if found.verified else "",
        "where": _pairs({k: v for k, v in found.where.items() if not isinstance(v, dict)}),
        "log": str(store.log(found.cell)) if store.log(found.cell).exists() else "empty",
    }
    layers = [
        {"layer": name, "kept": f"{c.kept:,}", "of": f"{c.total:,}", "density": f"{c.kept / max(1, c.total):.4f}"}
        | {"on a live path": f"{c.effective:,}", "dead outputs": "" if c.dead is None else f"{c.dead:,}"}
        | {"": c.note or ("collapsed" if not c.kept else "")}
        for name, c in found.layers.items()
    ]
    tables = {found.cell.algorithm: [{"": name, "what": value} for name, value in facts.items() if value]}
    emit(form, tables | ({"layers": layers} if layers else {}), full)


def find_record(text: str, store: Store) -> Record:
    """By the first digits of its key, or by its file, wherever that lies."""
    file = record_file(text, store)
    try:
        return Record.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{file}: {complaint(error)}") from None


def record_file(text: str, store: Store) -> Path:
    """Where the record lies that a text means. Raises UsageError where it means none, or several."""
    if os.path.isfile(text):  # which says no to a text that is too long for a name; `Path.is_file` raises
        return Path(text)
    files = store.files(text)
    if not files:
        raise UsageError(f"no record '{text}' in {store.root}; give a file, or the first digits of a key")
    if len(files) > 1:
        raise UsageError(f"'{text}' begins {len(files)} keys; give more digits")
    return files[0]


def _pairs(values: Any) -> str:
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
