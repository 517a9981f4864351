"""Shell completion of names, their options and keys; torch is not imported.

click calls these functions: `_BENCH_COMPLETE=bash_source bench` prints the script for a shell (docs/running.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from benchmark.plugins import catalog
from benchmark.plugins.plugin import Plugin
from benchmark.results.store import Store

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

SHOWN = 8
"""The number of digits of a key that tables show."""


def names_of(*kinds: catalog.Kind, several: bool = True) -> Complete:
    """Completes names of plug-ins, and after a name and a colon the names of its options.

    Args:
        several: also names after a comma, and, for algorithms, after the `+` of a chain.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        if incomplete.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="file")]  # ./my_pruner.py
        cut = 1 + max(incomplete.rfind(mark) for mark in ":,+")
        before, begun = incomplete[:cut], incomplete[cut:]
        known = {name: plugin for kind in kinds for name, plugin in catalog.plugins(kind).items()}
        found = _options(known, before)
        if not before or (several and not before.endswith(":")):
            found |= {name: plugin.summary for name, plugin in known.items()}
        whole = begun.endswith("=")  # its value is the user's
        fitting = sorted(word for word in found if word.startswith(begun) and not whole)
        return [CompletionItem(before + word, help=found[word]) for word in fitting]

    return complete


def _options(known: Mapping[str, Plugin], before: str) -> dict[str, str]:
    """The options that can follow `granet:end=0.5,`, written as `begin=`, each with its default."""
    pieces = before.split(",")
    named = [place for place, piece in enumerate(pieces) if "=" not in piece.partition(":")[0] and piece]
    if not named or ":" not in pieces[named[-1]]:
        return {}
    name, _, first = pieces[named[-1]].partition(":")
    given = {piece.partition("=")[0] for piece in (first, *pieces[named[-1] + 1 :])}
    plugin = known.get(name)
    free = [option for option in (plugin.options or () if plugin else ()) if option not in given]
    defaults = plugin.defaults if plugin else {}
    return {f"{option}=": f"default {defaults[option]}" if option in defaults else "" for option in free}


def words(*known: str) -> Complete:
    """Completes words from a list, also after a comma."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, begun = incomplete.rpartition(",")
        return [CompletionItem(before + comma + word) for word in known if word.startswith(begun)]

    return complete


def keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Completes the key of a record, from its first digit on, to as many digits as distinguish it from others."""
    found = [source.key for source in Store(Path(ctx.params["results"])).find(incomplete)]
    shown = [key[: max(SHOWN, len(incomplete))] for key in found]
    return [CompletionItem(short if shown.count(short) == 1 else key) for short, key in zip(shown, found, strict=True)]
