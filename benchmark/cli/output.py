"""Prints results on stdout in the chosen format, and defines options that commands share. Messages go to stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmark.errors import UsageError
from benchmark.leaderboard.tables.formats import FORMATS, Rows, csv_text, plain, typeset
from benchmark.results.spelling import LONGEST_NAME

if TYPE_CHECKING:
    from benchmark.results.cell import Cell
    from benchmark.results.record import Record
    from benchmark.results.store import Store


def format_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--format` to a command."""
    choice = click.Choice(FORMATS)
    return click.option("--format", "form", type=choice, default="table", show_default=True)(command)


def data_root_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--data-root` to a command that trains."""
    return click.option(
        "--data-root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Folder of the data sets.  [default: $PRUNEBENCH_DATA, then the user's cache]",
    )(command)


def machine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--jobs` and `--device` to a command that runs cells."""
    jobs = click.option(
        "-j",
        "--jobs",
        type=click.IntRange(0),
        help="Cells at a time, or cluster jobs; 0: in this process.  [default: one per core]",
    )
    device = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
    return jobs(device(command))


def results_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--results`, the folder of the records, to a command."""
    return click.option(
        "-r",
        "--results",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("results"),
        envvar="PRUNEBENCH_RESULTS",
        show_default=True,
        show_envvar=True,
        help="Folder of the records.",
    )(command)


def require_device(device: str) -> None:
    """Raise UsageError if this is not the name of a device on any machine."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise UsageError(f"no device named '{device}'; give cpu, cuda, cuda:1 or auto")


def usable(device: str) -> str:
    """Return the device, with `auto` resolved. Raises UsageError if it does not exist on this machine."""
    require_device(device)
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("torch finds no CUDA device here; leave --device out to use the CPU (bench doctor)")
    return device


class Split(click.ParamType):  # type: ignore[type-arg]  # generic only in new versions of click
    """Parameter type of repeatable options that also take several values, separated by commas."""

    def __init__(self, kind: type = str) -> None:
        self.kind, self.name = kind, {str: "names", float: "numbers", int: "numbers"}[kind]

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if not isinstance(value, str):
            return value
        pieces = [piece.strip() for piece in value.split(",") if piece.strip()]
        if too_long := [piece for piece in pieces if len(piece) > LONGEST_NAME]:
            self.fail(f"'{too_long[0][:40]}...' is longer than {LONGEST_NAME} characters", param, ctx)
        try:
            return tuple(self.kind(piece) for piece in pieces)
        except ValueError:
            self.fail(f"'{value}' is not a list of {self.name}; write 0.8,0.9 for instance", param, ctx)


def flat(values: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the values of a repeated `Split` option in order, without duplicates."""
    return list(dict.fromkeys(value for group in values for value in group))


def console(*, err: bool = False) -> Console:
    """Return a console of the terminal's width; 200 columns if there is no terminal, which fits any table."""
    terminal = Console(stderr=err, highlight=False)
    return terminal if terminal.is_terminal else Console(stderr=err, highlight=False, width=200)


def emit(form: str, tables: Mapping[str, Rows], full: Any = None) -> None:
    """Print titled tables of rows. JSON and CSV print `full`, which has all values of all rows, if it is given."""
    everything = full if full is not None else [row for rows in tables.values() for row in rows]
    if form == "json":
        click.echo(json.dumps(everything, indent=1, default=str))
    elif form == "csv":
        click.echo(csv_text(everything if isinstance(everything, list) else [everything]), nl=False)
    elif form == "table":
        for title, rows in tables.items():
            console().print(Text(plain(title), style="bold"), soft_wrap=True)
            console().print(_table(rows))
    else:
        click.echo(typeset(form, tables), nl=False)


def warn(store: Store, cells: Collection[Cell] | None = None) -> None:
    """Print a warning for each file and line of a store that could not be read.

    Args:
        cells: if given, only those that may be the records of these cells are named; the others are counted.
    """
    named = store.problems if cells is None else store.concerning(cells)
    for problem in named:
        click.echo(f"Warning: skipped {plain(problem)}", err=True)
    if others := len(store.problems) - len(named):
        click.echo(f"Warning: skipped {others} damaged records of other cells (bench leaderboard names them)", err=True)


def code_note(record: Record) -> str:
    """Return a remark if the source of a record's plug-ins has changed since it was made; empty if it has not."""
    from benchmark.plugins.code import changes

    edited = changes(record)
    return f"; the code of {' and '.join(edited)} has changed since" if edited else ""


def edits_note(record: Record) -> str:
    """Return a remark if a record's metrics are those of edited graphs, which its network alone does not have."""
    if not record.edits or not (record.edits.deleted or record.edits.added):
        return ""
    return f"{record.key[:8]}: its metrics are of graphs whose edges {record.cell.algorithm} has edited"


def _table(rows: Rows) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numbers = [name for name in (rows[0] if rows else {}) if all(_is_number(row[name]) for row in rows)]
    for name in rows[0] if rows else []:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row.values()))  # as Text, since names may contain markup
    return table


def _is_number(value: object) -> bool:
    return str(value)[:1] in "0123456789+-<~[" or not str(value)
