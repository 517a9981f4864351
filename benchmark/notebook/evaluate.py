"""`evaluate`: run pruners on tasks from a notebook or a script."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.notebook.frames import Folder, Names, Numbers, Runs, frame, several
from benchmark.notebook.process import answered
from benchmark.notebook.standalone import put
from benchmark.plugins import catalog, registry
from benchmark.plugins.algorithm import Algorithm
from benchmark.plugins.in_files import known, remember
from benchmark.results.spelling import choices
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.plan import Rerun


def evaluate(
    *pruners: Algorithm | str,
    task: Names,
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

    The runs are those of `bench run`: workers, referee and records are the same, and what has a record is not run
    again, unless the source of its pruner or task has changed since.

    Args:
        pruners: functions under `@algorithm(...)`, wherever they are defined; or, as after `--algo`, names with options
            and files: `"imp:rewind=0.1,snip"`, `"./my_pruner.py"`. A function that is neither built in nor an entry
            point is written to `results/code/NAME.py` with all that it uses of its notebook or script, and can then be
            named with options: `evaluate(my_pruner, "my-pruner:rounds=3", ...)`.
        task, sparsity, model, pattern, prunable, control, edges, budget, epochs, steps, start, finetune: as after the
            options of `bench run`; one value or several.
        seeds: how many, or which.
        results: the folder of the records.
        data_root: the folder of the data sets.
        jobs, device, engine, timeout, stall: as after the options of `bench run`; `jobs=0` has one process for all.
        rerun: which cells are run though they have a record: `missing`, `failed`, `stale` or `all`.

    Raises:
        UsageError: an unknown name, a wrong option, or nothing that can run.
        PluginError: a pruner, a task, or this machine cannot be used.
        DataMissing: a data set is not on this machine.
    """
    folder = Path(results).resolve()
    named = [_named(pruner, folder) if isinstance(pruner, Algorithm) else pruner for pruner in pruners]
    words = {
        "algo": named,
        "task": several(task),
        "model": several(model),
        "sparsity": [float(one) for one in several(sparsity)],
        "pattern": several(pattern),
        "prunable": several(prunable),
        "control": several(control),
        "edges": several(edges),
        "budget": budget,
        "epochs": epochs,
        "steps": steps,
        "start": several(start),
        "finetune": [str(one) for one in several(finetune)],
        "seeds": seeds if isinstance(seeds, int) else list(seeds),
    }
    root = None if data_root is None else os.fspath(data_root)
    means = {"jobs": jobs, "device": device, "timeout": timeout, "stall": stall, "rerun": rerun, "engine": engine}
    keys = answered(words, folder, means | {"data_root": root})
    known(choices(named))
    found = {record.key: record for record in Store(folder).records()}
    return frame([found[key] for key in keys], results)


def _named(pruner: Algorithm, results: Path) -> str:
    """The name of a pruner, by which a process of its own can find it."""
    plugin = catalog.found("algorithm", pruner.name)
    if plugin and not plugin.file and not plugin.problem and registry.load(plugin) is pruner:
        return pruner.name
    return remember(put(pruner, results / "code"))
