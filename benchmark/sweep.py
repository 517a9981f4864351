"""From what was asked on the command line to the cells that answer it, and which of them are still open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import rfc8785
from pydantic import ValidationError

from benchmark import registry
from benchmark.define import Algorithm
from benchmark.errors import PluginError, UsageError
from benchmark.harness import unfit
from benchmark.record import Cell, Record, Store
from benchmark.target import NofM, pattern_named
from benchmark.task import Task

Rerun = Literal["missing", "failed", "all"]


@dataclass(frozen=True)
class Choice:
    """A name with options, as in `imp:rewind=0.1`."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Selection:
    """What is to be compared. Where models or sparsities are empty, each task's default stands."""

    algorithms: Sequence[Choice]
    tasks: Sequence[str]
    budget: str
    seeds: Sequence[int]
    models: Sequence[str] = ()
    sparsities: Sequence[float] = ()
    patterns: Sequence[str] = ("global",)
    controls: Sequence[str] = ()


@dataclass(frozen=True)
class Plan:
    """The cells of a selection: those to run, and those whose record is there already."""

    run: list[Cell]
    reused: list[Record]
    algorithms: Mapping[str, Algorithm]
    tasks: Mapping[str, Task]

    @property
    def cells(self) -> list[Cell]:
        """All of them."""
        return [record.cell for record in self.reused] + self.run


def choices(texts: Iterable[str]) -> list[Choice]:
    """`granet:init_density=0.5,end=0.6,snip` is granet with two options, and snip.

    Raises:
        UsageError: an option without a value, or before any name.
    """
    found: list[Choice] = []
    for piece in filter(None, (piece.strip() for text in texts for piece in text.split(","))):
        name, _, option = piece.partition(":")
        if "=" in name and not found:
            raise UsageError(f"option '{piece}' comes before any algorithm; write NAME:{piece}")
        if "=" in name:  # a further option of the algorithm before
            found[-1] = _with(found[-1], piece)
        else:
            found.append(_with(Choice(name), option) if option else Choice(name))
    return found


def _with(choice: Choice, option: str) -> Choice:
    key, _, value = option.partition("=")
    if not (key and value):
        raise UsageError(f"option '{option}' of '{choice.name}' has no value; write {choice.name}:OPTION=VALUE")
    return Choice(choice.name, {**choice.options, key: value})


def plan(selection: Selection, store: Store, rerun: Rerun) -> tuple[Plan, list[PluginError]]:
    """The cells of a selection, split into open and answered ones, and the plug-ins that could not be loaded.

    Raises:
        UsageError: an unknown name, a wrong option, or nothing that can run.
    """
    broken: list[PluginError] = []
    algorithms = _load([choice.name for choice in selection.algorithms], registry.algorithm, broken)
    tasks = _load(selection.tasks, registry.task, broken)
    try:  # whole rows first
        cells = sorted(dict.fromkeys(_cells(selection, algorithms, tasks)), key=lambda cell: cell.seed)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]} {first['input']!r}: {first['msg']}") from None
    except rfc8785.CanonicalizationError as error:
        raise UsageError(f"a number that no record can hold: {error}") from None
    if not cells and broken:
        raise broken[0]
    if not cells:
        raise UsageError("nothing selected: name at least one --algo and one --task (bench list)")
    if all(unfit(algorithms[cell.algorithm], tasks[cell.task]) for cell in cells):
        raise UsageError(_nothing_fits(cells[0], algorithms))
    answered = {cell: record for cell in cells if (record := store.get(cell))}
    kept = {c: r for c, r in answered.items() if rerun == "missing" or (rerun == "failed" and r.status == "ok")}
    return Plan([c for c in cells if c not in kept], list(kept.values()), algorithms, tasks), broken


def estimate(cells: Sequence[Cell], records: Iterable[Record], jobs: int) -> float | None:
    """Seconds that these cells should take, from records that differ in the seed alone; None where one is unknown."""
    seen: dict[str, list[float]] = {}
    for record in records:
        if record.status == "ok":
            seen.setdefault(record.cell.group, []).append(record.cost.seconds)
    if not all(cell.group in seen for cell in cells):
        return None
    return sum(sum(times) / len(times) for times in (seen[cell.group] for cell in cells)) / jobs


def _load(names: Iterable[str], load: Any, broken: list[PluginError]) -> dict[str, Any]:
    loaded = {}
    for name in dict.fromkeys(names):
        try:
            loaded[name] = load(name)
        except PluginError as error:
            broken.append(error)
    return loaded


def _cells(selection: Selection, algorithms: Mapping[str, Algorithm], tasks: Mapping[str, Task]) -> Iterable[Cell]:
    chosen = [choice for choice in selection.algorithms if choice.name in algorithms]
    subjects = [choice for choice in chosen if algorithms[choice.name].prunes]
    chosen += [_with(choice, f"control={control}") for choice in subjects for control in selection.controls]
    options = {id(choice): algorithms[choice.name].resolve(choice.options) for choice in chosen}
    for name, choice, pattern in product((t for t in selection.tasks if t in tasks), chosen, selection.patterns):
        task, algorithm = tasks[name], algorithms[choice.name]
        task.recipe(selection.budget)
        for model, sparsity, seed in product(
            selection.models or [next(iter(task.models))], _sparsities(selection, task, pattern), selection.seeds
        ):
            task.model(model)
            dense = not algorithm.prunes  # it keeps everything, whatever is asked: one cell for all
            yield Cell(
                algorithm=choice.name,
                options=options[id(choice)],
                task=name,
                model=model,
                pattern="global" if dense else pattern,
                sparsity=0.0 if dense else sparsity,
                budget=selection.budget,
                seed=seed,
            )


def _sparsities(selection: Selection, task: Task, name: str) -> Sequence[float]:
    try:
        pattern = pattern_named(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if not isinstance(pattern, NofM):
        return selection.sparsities or [task.sparsity]
    fixed = round(1 - pattern.n / pattern.m, 10)
    if any(abs(sparsity - fixed) > 1e-9 for sparsity in selection.sparsities):
        raise UsageError(f"pattern {name} is sparsity {fixed:g}; leave --sparsity out")
    return [fixed]


def _nothing_fits(cell: Cell, algorithms: Mapping[str, Algorithm]) -> str:
    algorithm = algorithms[cell.algorithm]
    there = [name for name, p in registry.plugins("task").items() if not p.problem]
    fits = [name for name in there if not unfit(algorithm, registry.task(name))]
    what = ", ".join(sorted(algorithm.prunes))
    return (
        f"task '{cell.task}' has no {what}; '{cell.algorithm}' prunes {what}. "
        f"Tasks it can run: {', '.join(fits) or 'none here'}"
    )
