"""What a shell is told when names and keys are completed; nothing of torch is imported.

click asks these functions: `_BENCH_COMPLETE=bash_source bench` prints what a shell has to know (docs/running.md).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from benchmark.plugins import catalog
from benchmark.results.store import Store

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

SHOWN = 8
"""Digits of a key, as tables show them."""


def names_of(*kinds: catalog.Kind, several: bool = True) -> Complete:
    """Completes names of plug-ins.

    Args:
        several: also after a comma, and, of algorithms, after the `+` of a chain.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="file")]  # ./my_pruner.py
        cut = 1 + max(incomplete.rfind(","), incomplete.rfind("+")) if several else 0
        before, begun = incomplete[:cut], incomplete[cut:]
        known = {name: plugin.summary for kind in kinds for name, plugin in catalog.plugins(kind).items()}
        return [CompletionItem(before + name, help=known[name]) for name in sorted(known) if name.startswith(begun)]

    return complete


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the key of a record, from its first digit on, to as many digits as tell it from others."""
    found = [source.key for source in Store(Path(ctx.params["results"])).find(incomplete)]
    shown = [key[: max(SHOWN, len(incomplete))] for key in found]
    return [CompletionItem(short if shown.count(short) == 1 else key) for short, key in zip(shown, found, strict=True)]
