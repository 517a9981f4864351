"""What `bench run` is to compare: given by flags, or by a file with the same names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from benchmark.cli.completion import names_of, words
from benchmark.cli.output import Split, flat
from benchmark.errors import UsageError
from benchmark.files import write
from benchmark.plugins import catalog
from benchmark.plugins.algorithm import Control
from benchmark.plugins.asked import NOTHING, require_algorithm, require_task
from benchmark.plugins.in_files import known
from benchmark.pruning.pattern_counts import require_pattern
from benchmark.results.spelling import Choice, choices, spelled
from benchmark.results.starts import finetuning
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.sweep.plan import Selection

OPTIONS = [
    click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path)),
    click.option(
        "-a",
        "--algo",
        multiple=True,
        shell_complete=names_of("algorithm"),
        help="Algorithms: imp, or imp:rewind=0.1,snip, or ./my_pruner.py.",
    ),
    click.option(
        "-t",
        "--task",
        multiple=True,
        shell_complete=names_of("task"),
        help="Tasks: mnist, or NAME:OPTION=VALUE,mnist, or ./my_task.py.",
    ),
    click.option("-m", "--model", type=Split(), multiple=True, help="Models.  [default: the task's first]"),
    click.option("-s", "--sparsity", type=Split(float), multiple=True, help="In [0, 1).  [default: the task's]"),
    click.option(
        "-p",
        "--pattern",
        type=Split(),
        multiple=True,
        shell_complete=words("global", "layer", "2:4", "4:8", "blocks:4x4", "channels", "fan-in"),
        help="global, layer, N:M, blocks:RxC, channels or fan-in.  [default: global]",
    ),
    click.option(
        "--prunable",
        type=Split(),
        multiple=True,
        shell_complete=words("all", "no-first", "no-last", "no-ends"),
        help="all, no-first, no-last, no-ends, or names of matrices with *.  [default: all that the task prunes]",
    ),
    click.option(
        "--control",
        type=Split(),
        multiple=True,
        shell_complete=words(*get_args(Control)),
        help="Also run each method with one thing changed: " + ", ".join(get_args(Control)) + ".",
    ),
    click.option(
        "--edges", type=Split(), multiple=True, help="How many edges edge methods edit: a share (0.1) or a number (50)."
    ),
    click.option(
        "-b",
        "--budget",
        shell_complete=words("smoke", "short", "full"),
        help="Length of training: smoke, short or full.  [default: short]",
    ),
    click.option("--epochs", type=click.IntRange(1), help="Or this many passes through the training split."),
    click.option("--steps", type=click.IntRange(1), help="Or this many updates."),
    click.option(
        "--start",
        multiple=True,
        help="Begin with a trained network: the KEY of a record, files (of the task), timm:NAME, or FILE.safetensors.",
    ),
    click.option(
        "--finetune",
        type=Split(),
        multiple=True,
        help="Train it for this share of the budget only, at a tenth of the rate: 0.1, 0; or SHARE:RATE, as 0.1:0.5.",
    ),
    click.option("-n", "--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many: 0, 1, ..."),
    click.option("--seed", type=Split(int), multiple=True, help="These seeds instead."),
    click.option(
        "--save",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Also write these flags to a file, for bench run FILE.",
    ),
]


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def said(ctx: click.Context, file: Path | None, save: Path | None, **flags: Any) -> list[dict[str, Any]]:
    """The request, in the form of a sweep file: one part from flags, or the parts of the file.

    Raises:
        UsageError: both are given, or the file has names that a sweep does not know.
    """
    from benchmark.sweep.sweep_file import read, written

    if file is None:
        words = _words(flags)
        if save:
            _write(written(words), save)
        return [words]
    if given := [how for name in (*flags, "save") if (how := _given(ctx, name))]:
        raise UsageError(f"{file} says what to run, and so does {given[0]}; leave out one or the other")
    return read(file)


def _given(ctx: click.Context, name: str) -> str:
    """How an option was given: `--seeds`, or the variable that it was read from; empty if it was not."""
    source = ctx.get_parameter_source(name)
    if source == ParameterSource.ENVIRONMENT:
        return f"{ctx.auto_envvar_prefix}_{name.upper()}"
    return f"--{name}" if source == ParameterSource.COMMANDLINE else ""


def _words(flags: Mapping[str, Any]) -> dict[str, Any]:
    seeds = flat(flags["seed"]) or flags["seeds"]
    named = {name: [spelled(one.name, one.options) for one in choices(flags[name])] for name in ("algo", "task")}
    split = ("model", "sparsity", "pattern", "prunable", "control", "edges", "finetune")
    whole = {name: flags[name] for name in ("budget", "epochs", "steps")} | {"start": list(flags["start"])}
    return named | {name: flat(flags[name]) for name in split} | whole | {"seeds": seeds}


def _write(content: str, file: Path) -> None:
    try:
        write(content.encode(), file)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None


def chosen(said: Mapping[str, Any]) -> tuple[list[Choice], list[Choice]]:
    """The algorithms and the tasks of a part, by name; the user's files are made known."""
    return known(choices(said.get("algo", [])), "algorithm"), known(choices(said.get("task", [])), "task")


def require_known(said: Mapping[str, Any]) -> None:
    """Raise UsageError for a part that is wrong, as far as names and sources show; nothing is imported yet."""
    algorithms, tasks = chosen(said)
    _budget(said.get("budget"), said.get("epochs"), said.get("steps"))
    _in_range(said.get("sparsity", []))
    for choice in algorithms:
        require_algorithm(choice)
    for choice in tasks:
        require_task(choice)
    if not algorithms or not tasks:
        raise UsageError(NOTHING)
    for control in said.get("control", []):
        for choice in (one for one in algorithms if catalog.when(one.name) != "dense"):
            require_algorithm(choice.having(f"control={control}"))
    for pattern in said.get("pattern", []):
        try:
            require_pattern(pattern)
        except ValueError as error:
            raise UsageError(str(error)) from None


def selection(said: Mapping[str, Any], store: Store, data_root: Path | None) -> Selection:
    """The selection of a part.

    Raises:
        UsageError: a value is not valid for its name.
        DataMissing: a start is not on this machine.
    """
    from benchmark.sweep.plan import Selection

    seeds = said.get("seeds", 1)
    algorithms, tasks = chosen(said)
    return Selection(
        algorithms=algorithms,
        controls=said.get("control", []),
        edges=said.get("edges", []),
        tasks=tasks,
        budget=_budget(said.get("budget"), said.get("epochs"), said.get("steps")),
        seeds=list(range(seeds)) if isinstance(seeds, int) else seeds,
        models=said.get("model", []),
        sparsities=_in_range(said.get("sparsity", [])),
        patterns=said.get("pattern") or ["global"],
        prunables=said.get("prunable") or ["all"],
        **_begins(said, store, data_root),
    )


def _begins(said: Mapping[str, Any], store: Store, data_root: Path | None) -> dict[str, Any]:
    """The starts of networks, and how they are fine-tuned."""
    shares = [finetuning(text) for text in said.get("finetune", [])]
    if shares and not said.get("start"):
        raise UsageError("--finetune is for networks that come trained; name one with --start")
    return {"starts": starts(said.get("start") or [""], store, data_root), "finetunes": shares or [None]}


def starts(texts: Iterable[str], store: Store, data_root: Path | None) -> list[str]:
    """What networks begin with, as cells spell it, from texts of the command line; an empty one is a random draw."""
    from benchmark.data.folders import DataFolders
    from benchmark.sweep.starts import named

    folders = DataFolders(data_root)
    return [named(text, store, folders) if text else "" for text in dict.fromkeys(texts)]


def _budget(budget: str | None, epochs: int | None, steps: int | None) -> str:
    """The budget of the cells: a name, or a length, which no leaderboard mixes with a name."""
    lengths = [f"{count}-{unit}" for unit, count in (("epochs", epochs), ("steps", steps)) if count]
    given = [*lengths, *([budget] if budget else [])]
    if len(given) > 1:
        raise UsageError("--budget, --epochs and --steps each say how long to train; give one of them")
    return given[0] if given else "short"


def _in_range(sparsities: Sequence[float]) -> Sequence[float]:
    for sparsity in sparsities:
        if not 0 <= sparsity < 1:
            raise UsageError(f"sparsity must lie in [0, 1), got {sparsity:g}; 90% of the weights removed is 0.9")
    return sparsities
