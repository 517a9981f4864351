"""`bench list`: list the available plug-ins."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from benchmark.cli.output import emit, format_option
from benchmark.plugins import catalog


@click.command("list")
@click.argument("kind", type=click.Choice(["algorithms", "tasks", "experiments"]), required=False)
@format_option
def list_(kind: str | None, form: str) -> None:
    """Algorithms, tasks and experiments, built-in and installed."""
    kinds: tuple[catalog.Kind, ...] = ("algorithm", "task", "experiment")
    listed = [p for k in kinds if kind in (None, f"{k}s") for p in catalog.plugins(k).values()]
    tables: dict[str, list[dict[str, Any]]] = {}
    for plugin in listed:
        summary = f"broken: {plugin.problem}" if plugin.problem else plugin.summary
        row = {"name": plugin.name, "what": summary, "from": plugin.distribution}
        tables.setdefault(f"{plugin.kind}s", []).append(row)
    emit(form, tables, [asdict(plugin) for plugin in listed])
