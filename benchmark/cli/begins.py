"""The options of `bench run` that say what networks begin with, and how these are fine-tuned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from benchmark.cli.output import Split, flat
from benchmark.errors import UsageError
from benchmark.records.starts import finetuning
from benchmark.records.store import Store

OPTIONS = [
    click.option(
        "--start",
        "starts",
        multiple=True,
        help="Begin with a trained network: the KEY of a record, files (of the task), timm:NAME, or FILE.safetensors.",
    ),
    click.option(
        "--finetune",
        "finetunes",
        type=Split(),
        multiple=True,
        help="Train it for this share of the budget only, at a tenth of the rate: 0.1, 0, or SHARE:RATE as 0.1:0.5.",
    ),
]


def start_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def begins(
    starts: Sequence[str], finetunes: Sequence[Sequence[str]], store: Store, data_root: Path | None
) -> dict[str, Any]:
    """The values of the options for a `Selection`.

    Raises:
        UsageError: fine-tuning is asked for without a start, or something is not what the options take.
        DataMissing: a start is not on this machine.
    """
    from benchmark.data.folders import DataFolders
    from benchmark.sweep.starts import named

    shares = [finetuning(text) for text in flat(finetunes)]
    if shares and not starts:
        raise UsageError("--finetune is for networks that come trained; name one with --start")
    folders = DataFolders(data_root)
    chosen = [named(text, store, folders) for text in dict.fromkeys(starts)]
    return {"starts": chosen or [""], "finetunes": shares or [None]}
