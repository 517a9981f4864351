"""Expands a selection of algorithms, tasks and settings into cells, and finds those that have no record yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any, Literal

import rfc8785
from pydantic import ValidationError

from benchmark.errors import PluginError, UsageError
from benchmark.harness.network import Sketched
from benchmark.harness.question import why_not
from benchmark.plugins import catalog, registry
from benchmark.plugins.asked import NOTHING
from benchmark.plugins.code import changes
from benchmark.results.cell import Cell
from benchmark.results.outcome import Outcome
from benchmark.results.spelling import Choice, spelled
from benchmark.results.starts import Finetuning
from benchmark.results.store import Store
from benchmark.sweep.apart import Declared
from benchmark.sweep.estimate import Times
from benchmark.sweep.sources import Sources
from benchmark.sweep.sparsities import of_edges, of_weights
from benchmark.training.task import Task

Rerun = Literal["missing", "failed", "stale", "all"]
"""The cells to run: those without a record, also those that failed or were made by other code, or all of them."""


@dataclass(frozen=True)
class Selection:
    """What to compare, as selected on the command line. Without models or sparsities, each task's defaults are used."""

    algorithms: Sequence[Choice]
    tasks: Sequence[Choice]
    budget: str
    seeds: Sequence[int]
    models: Sequence[str] = ()
    sparsities: Sequence[float] = ()
    patterns: Sequence[str] = ("global",)
    controls: Sequence[str] = ()
    edges: Sequence[str] = ()
    prunables: Sequence[str] = ("all",)
    starts: Sequence[str] = ("",)
    finetunes: Sequence[Finetuning | None] = (None,)


@dataclass(frozen=True)
class Plan:
    """The cells of a selection: those to run, and those that have a record already.

    Args:
        run: the cells to run.
        reused: the records of the other cells.
        known: all records on the same tasks and networks, from which the time of cells is estimated.
        algorithms: by name.
        tasks: by `Cell.setting`.
    """

    run: list[Cell]
    reused: list[Outcome]
    known: list[Outcome]
    algorithms: Mapping[str, Declared]
    tasks: Mapping[str, Task]

    @classmethod
    def whole(cls, parts: Sequence[Plan]) -> Plan:
        """The plan for several selections. What two of them select is run once."""
        cells = sorted(dict.fromkeys(cell for part in parts for cell in part.run), key=lambda cell: cell.seed)
        reused = {one.key: one for part in parts for one in part.reused}
        known = {one.key: one for part in parts for one in part.known}
        algorithms = {name: declared for part in parts for name, declared in part.algorithms.items()}
        tasks = {setting: task for part in parts for setting, task in part.tasks.items()}
        return cls(cells, [*reused.values()], [*known.values()], algorithms, tasks)

    def times(self) -> Times:
        """How long the cells take, by what is known."""
        return Times(self.known, self._steps)

    def _steps(self, cell: Cell) -> int | None:
        """The steps of one training of a cell; None where only the data tell."""
        try:
            steps = self.tasks[cell.setting].recipe(cell.budget, cell.model).steps
        except (UsageError, ValueError):
            return None
        return round(steps * cell.finetune.share) if cell.finetune else steps

    @property
    def stale(self) -> list[Outcome]:
        """Those of the reused records that were made by other code than there is now."""
        return [record for record in self.reused if changes(record)]

    @property
    def cells(self) -> list[Cell]:
        """All cells, those to run last."""
        return [record.cell for record in self.reused] + self.run


def _unfit(error: ValidationError) -> UsageError:
    """The error for a value that no cell can have."""
    first = error.errors()[0]
    what = {"options": "options of a method", "task_options": "options of a task"}.get(str(first["loc"][0]))
    return UsageError(
        f"{what or first['loc'][0]}, {first['input']!r}: {first['msg'].removeprefix('Value error, ')}; give another"
    )


def plan(
    selection: Selection, store: Store, rerun: Rerun, load: Callable[[str], Declared] | None = None
) -> tuple[Plan, list[PluginError]]:
    """Return the plan for a selection, and the errors of the plug-ins that could not be loaded.

    The store is read once, here.

    Args:
        load: returns the algorithm of a name, by default imported; `Declarations.algorithm` imports none from outside.

    Raises:
        UsageError: an unknown name, a wrong option, or nothing that can run.
        PluginError: no cell is left without the plug-ins that could not be loaded.
    """
    broken: list[PluginError] = []
    algorithms = _load([choice.name for choice in selection.algorithms], load or registry.algorithm, broken)
    tasks = _tasks(selection.tasks, broken)
    try:  # sorted by seed, so that every row of a table has its first seed before any has its second
        cells = sorted(dict.fromkeys(_cells(selection, algorithms, tasks, Sources(store))), key=lambda cell: cell.seed)
    except ValidationError as error:
        raise _unfit(error) from None
    except rfc8785.CanonicalizationError as error:
        raise UsageError(f"a number that cannot be written to a record: {error}") from None
    if not cells and broken:
        raise broken[0]
    if not cells:
        raise UsageError(NOTHING)
    if selection.controls and not any(cell.control for cell in cells):
        raise UsageError("--control changes one thing about a method that prunes; none of these does")
    if selection.edges and not any(algorithms[cell.algorithm].edges for cell in cells):
        raise UsageError("--edges is for methods that edit edges; none of these does (bench list)")
    loaded = {setting: task for setting, (_, task) in tasks.items()}
    if all(why_not(algorithms[cell.algorithm], loaded[cell.setting]) for cell in cells):
        raise UsageError(_nothing_fits(cells[0], algorithms))
    networks = {(cell.setting, cell.network) for cell in cells}
    known = [one for one in store.outcomes() if (one.cell.setting, one.cell.network) in networks]
    keys = {cell.key for cell in cells}
    usable = {one.key: one for one in known if one.key in keys and _usable(one, rerun)}
    reused = [usable[cell.key] for cell in cells if cell.key in usable]
    return Plan([c for c in cells if c.key not in usable], reused, known, algorithms, loaded), broken


def _usable(record: Outcome, rerun: Rerun) -> bool:
    """Return whether a record answers its cell, so that it is not run again."""
    answers = {"missing": True, "failed": record.status == "ok", "all": False}
    return answers[rerun] if rerun in answers else not changes(record)


def _load(names: Iterable[str], load: Any, broken: list[PluginError]) -> dict[str, Any]:
    """Load plug-ins by name, and append the errors of those that cannot be loaded to `broken`."""
    loaded = {}
    for name in dict.fromkeys(names):
        try:
            loaded[name] = load(name)
        except PluginError as error:
            broken.append(error)
    return loaded


def _tasks(chosen: Iterable[Choice], broken: list[PluginError]) -> dict[str, tuple[Choice, Task]]:
    """Load tasks: by `Cell.setting`, the task's name with the options of a cell, and the task."""
    loaded = {}
    for choice in chosen:
        try:
            family = registry.family(choice.name)
            options = family.written(family.resolve(choice.options))
            loaded[spelled(choice.name, options)] = Choice(choice.name, options), registry.task(choice.name, options)
        except PluginError as error:
            broken.append(error)
    return loaded


def _cells(
    selection: Selection,
    algorithms: Mapping[str, Declared],
    tasks: Mapping[str, tuple[Choice, Task]],
    sources: Sources,
) -> Iterable[Cell]:
    chosen = list(_with_edges(selection, algorithms))
    subjects = [choice for choice in chosen if algorithms[choice.name].prunes]
    chosen += [choice.having(f"control={control}") for choice in subjects for control in selection.controls]
    resolved = {id(choice): algorithms[choice.name].resolve(choice.options) for choice in chosen}
    options = {id(choice): sources.named(resolved[id(choice)], algorithms[choice.name]) for choice in chosen}
    network = cache(lambda setting, model: Sketched(tasks[setting][0], model))
    parts = product(tasks.values(), chosen, selection.patterns, selection.prunables)
    for (setting, task), choice, pattern, prunable in parts:
        algorithm, (values, found) = algorithms[choice.name], options[id(choice)]
        if "weights" in algorithm.prunes:
            sparsities = of_weights(selection.sparsities, task, pattern, prunable, found)
        else:
            pattern, prunable = "global", "all"  # noqa: PLW2901
            sparsities = of_edges(selection.sparsities, algorithm, values)
        begins = list(product(selection.starts, selection.finetunes))
        for model, sparsity, seed, (start, finetune) in product(
            selection.models or [next(iter(task.models))], sparsities, selection.seeds, begins
        ):
            task.model(model)
            task.recipe(selection.budget, model, examples=1)  # known to be one; its length is not asked
            yield Cell(
                algorithm=choice.name,
                options=algorithm.written(values, network(spelled(setting.name, setting.options), model)),
                task=setting.name,
                task_options=dict(setting.options),
                model=model,
                pattern=pattern,
                prunable=prunable,
                sparsity=sparsity,
                budget=selection.budget,
                seed=seed,
                start=start,
                finetune=finetune,
            )


def _with_edges(selection: Selection, algorithms: Mapping[str, Declared]) -> Iterable[Choice]:
    """The chosen algorithms; each one that edits edges, once for every value of `--edges`."""
    for choice in selection.algorithms:
        if choice.name in algorithms:
            option = algorithms[choice.name].edges
            yield from [choice.having(f"{option}={edges}") for edges in selection.edges if option] or [choice]


def _nothing_fits(cell: Cell, algorithms: Mapping[str, Declared]) -> str:
    """The message for a selection in which no algorithm can run on any task, for its first cell."""
    algorithm = algorithms[cell.algorithm]
    loadable = [name for name, p in catalog.plugins("task").items() if not p.problem]
    fits = [name for name in loadable if not why_not(algorithm, registry.task(name))]
    needed = ", ".join(sorted((algorithm.prunes | algorithm.needs) - {"weights"}))
    return (
        f"task '{cell.task}' has no {needed}; '{cell.algorithm}' works on {needed}. "
        f"Tasks it can run: {', '.join(fits) or 'none here'}"
    )
