"""`bench show`: print everything about one record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from benchmark.cli.completion import keys
from benchmark.cli.output import emit, format_option, results_option
from benchmark.errors import DataMissing
from benchmark.plugins.code import changes
from benchmark.results.lookup import find_record
from benchmark.results.record import Prunable, Record
from benchmark.results.saved_masks import where
from benchmark.results.store import Store


@click.command()
@click.argument("record", shell_complete=keys)
@results_option
@format_option
def show(record: str, results: Path, form: str) -> None:
    """One record: RECORD is a file, or the first digits of a key."""
    store = Store(results)
    shown = find_record(record, store)
    full = json.loads(shown.to_bytes())
    facts = {
        "cell": str(shown.cell),
        "key": shown.key,
        "status": shown.status + (f": {shown.error}" if shown.error else ""),
        "test": _pairs(shown.metrics),
        "validation": _pairs(shown.validation),
        "diagnosis": _pairs(shown.diagnosis),
        "density": _pairs(shown.density.model_dump(exclude_none=True)) if shown.density else "",
        "edge weights": _pairs(_edge_weights(shown)),
        "cost": _pairs(shown.cost.model_dump()),
        "prunable": _prunable(shown.prunable),
        "notes": "; ".join(shown.notes),
        "noted by the method": _pairs(shown.noted),
        "audit": "not reached" if not shown.audit else "; ".join(shown.audit.breaches) or "passed",
        "mask digest": shown.mask_digest or "",
        "masks": _masks(store, shown),
        "verified": f"{shown.verified.how}, {shown.verified.when}" if shown.verified else "",
        "code": _code(shown),
        "start": _start(shown),
        "where": _pairs({k: v for k, v in shown.provenance.items() if not isinstance(v, dict)}),
        "log": str(store.log(shown.cell)) if store.log(shown.cell).exists() else "empty",
    }
    layers = [
        {"layer": name, "kept": f"{c.kept:,}", "of": f"{c.total:,}", "density": f"{c.kept / max(1, c.total):.4f}"}
        | {
            "on a live path": "" if c.effective is None else f"{c.effective:,}",
            "dead outputs": "" if c.dead is None else f"{c.dead:,}",
        }
        | {"": c.note or ("collapsed" if not c.kept else "")}
        for name, c in shown.layers.items()
    ]
    tables = {shown.cell.algorithm: [{"": name, "what": value} for name, value in facts.items() if value]}
    emit(form, tables | ({"layers": layers} if layers else {}), full)


def _masks(store: Store, record: Record) -> str:
    """Say where the masks of the record are."""
    try:
        return str(where(store, record) or ("not here" if record.mask_digest else ""))
    except DataMissing as error:
        return str(error)


def _code(record: Record) -> str:
    """Say whether the source of the record's plug-ins is still what it was."""
    if not any(record.code):
        return "no digest was recorded"
    edited = changes(record)
    return f"{' and '.join(edited)} changed since" if edited else "as it was"


def _start(record: Record) -> str:
    """Say what the network started from: how many tensors were taken, and what the start cost if that is known."""
    facts = record.provenance.get("start")
    if not isinstance(facts, dict):
        return record.cell.start
    lists = ((name, facts.get(name)) for name in ("taken", "drawn"))
    tensors = ", ".join(f"{len(names)} tensors {name}" for name, names in lists if isinstance(names, list))
    cost = facts.get("cost")
    return f"{record.cell.start}: {tensors}" + (f"; it cost {_pairs(cost)}" if isinstance(cost, dict) else "")


def _edge_weights(record: Record) -> dict[str, Any]:
    weights = record.edits.weights if record.edits else None
    return weights.model_dump() if weights else {}


def _prunable(policy: Prunable | None) -> str:
    if policy is None:
        return ""
    left_out = "; ".join(f"{name}: {reason}" for name, reason in policy.left_out.items())
    taken = f"{len(policy.names)} tensors, {policy.share:.1%} of all parameters"
    return f"{taken}; left out: {left_out}" if left_out else taken


MOST_VALUES = 8
"""Values of a list that are shown one by one; --format json has all."""


def _pairs(values: Any) -> str:
    return ", ".join(f"{name} {_shown(value)}" for name, value in values.items())


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return f"({_pairs(value)})"
    if isinstance(value, list) and len(value) > MOST_VALUES:
        return f"({len(value)} values)"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
