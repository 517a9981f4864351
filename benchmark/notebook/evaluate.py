"""`evaluate`: run pruners on tasks from a notebook or a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmark.errors import UsageError
from benchmark.notebook.frames import Folder, Names, Numbers, Runs, frame, several
from benchmark.notebook.process import answered
from benchmark.notebook.standalone import put
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.plugins.in_files import known, remember
from benchmark.plugins.task import Family
from benchmark.results.spelling import choices
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.plan import Rerun


def evaluate(
    *pruners: Algorithm | str,
    task: Family | str | Sequence[Family | str],
    sparsity: Numbers = (),
    seeds: int | Sequence[int] = 1,
    model: Names = (),
    pattern: Names = (),
    prunable: Names = (),
    control: Names = (),
    edges: Names = (),
    budget: str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    start: Names = (),
    finetune: Names | float = (),
    results: Folder = "results",
    data_root: Folder | None = None,
    jobs: int | None = None,
    device: str = "auto",
    engine: str = "auto",
    timeout: float | None = None,
    stall: float = 900.0,
    rerun: Rerun = "stale",
) -> Runs:
    """Run pruners on tasks, and return a row per run; a notebook shows their leaderboard.

    The runs are those of `bench run`: workers, referee and records are the same, and a cell that has a record is not
    run again, unless the source of its pruner or task has changed since.

    Args:
        pruners: functions under `@algorithm(...)`, wherever they are defined; or names with options, or files, as for
            `--algo`: `"imp:rewind=0.1,snip"`, `"./my_pruner.py"`. A function that is neither built in nor an entry
            point is written to `results/code/NAME.py` with everything that it uses from its notebook or script, and can
            then be named with options: `evaluate(my_pruner, "my-pruner:rounds=3", ...)`.
        task: names with options, or files, as for `--task`; or functions under `@task`, which are written to
            `results/code/` as pruners are.
        sparsity, model, pattern, prunable, control, edges, budget, epochs, steps, start, finetune: as for the options
            of `bench run`; one value or several.
        seeds: how many, or which ones.
        results: the folder of the records.
        data_root: the folder of the data sets.
        jobs, device, engine, timeout, stall: as for the options of `bench run`; `jobs=0` runs all cells in one process.
        rerun: which cells are run again although they have a record: `missing`, `failed`, `stale` or `all`.

    Raises:
        UsageError: an unknown name, a wrong option, or nothing that can run.
        PluginError: a pruner, a task, or this machine cannot be used.
        DataMissing: a data set is not on this machine.
    """
    folder = Path(results).resolve()
    algorithms = [_named(pruner, "algorithm", folder) for pruner in pruners]
    tasks = [_named(one, "task", folder) for one in several(task)]
    words = {
        "algo": algorithms,
        "task": tasks,
        "model": several(model),
        "sparsity": _numbers("sparsity", sparsity),
        "pattern": several(pattern),
        "prunable": several(prunable),
        "control": several(control),
        "edges": several(edges),
        "budget": budget,
        "epochs": epochs,
        "steps": steps,
        "start": several(start),
        "finetune": [str(one) for one in several(finetune)],
        "seeds": _seeds(seeds),
    }
    root = None if data_root is None else os.fspath(data_root)
    means = {"jobs": jobs, "device": device, "timeout": timeout, "stall": stall, "rerun": rerun, "engine": engine}
    keys = answered(words, folder, means | {"data_root": root})
    known(choices(algorithms), "algorithm")
    known(choices(tasks), "task")
    found = {record.key: record for record in Store(folder).records()}
    return frame([found[key] for key in keys], results)


KINDS: dict[str, type[Algorithm] | type[Family]] = {"algorithm": Algorithm, "task": Family}
"""The type of functions under the decorator of each kind."""


def _named(one: object, kind: Literal["algorithm", "task"], results: Path) -> str:
    """The name of a pruner or task, by which another process can find it.

    Raises:
        UsageError: it is neither a name nor a function under the decorator of its kind, or it cannot be written to a
            file.
    """
    if isinstance(one, str):
        return one
    if not isinstance(one, KINDS[kind]):
        what = f"the {kind} {getattr(one, '__name__', None) or f'of type {type(one).__name__}'}"
        under = "@algorithm(...)" if kind == "algorithm" else "@task"
        raise UsageError(f"{what} has no name: write a function under {under}, or give a name (bench list) or a file")
    plugin = catalog.found(kind, one.name)
    if plugin and not plugin.file and not plugin.problem and registry.load(plugin) is one:
        return one.name
    return remember(put(one, results / "code"), kind)


def _numbers(name: str, given: Numbers) -> list[float]:
    try:
        return [float(one) for one in several(given)]
    except (TypeError, ValueError):
        raise UsageError(f"{name} takes one number or several, got {given!r}") from None


def _seeds(given: int | Sequence[int]) -> int | list[int]:
    if isinstance(given, int) and given < 1:
        raise UsageError(f"seeds says how many there are, 1 at least, or which; got {given}")
    return given if isinstance(given, int) else list(given)
