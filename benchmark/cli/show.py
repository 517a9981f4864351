"""`bench show`: everything about one record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from benchmark.cli.output import emit, format_option, results_option
from benchmark.records.lookup import find_record
from benchmark.records.store import Store


@click.command()
@click.argument("record")
@results_option
@format_option
def show(record: str, results: Path, form: str) -> None:
    """One record: RECORD is a file, or the first digits of a key."""
    store = Store(results)
    found = find_record(record, store)
    full = found.model_dump(mode="json", by_alias=True)
    facts = {
        "cell": str(found.cell),
        "key": found.key,
        "status": found.status + (f": {found.error}" if found.error else ""),
        "test": _pairs(found.metrics),
        "validation": _pairs(found.validation),
        "diagnosis": _pairs(found.diagnosis),
        "density": _pairs(found.density.model_dump(exclude_none=True)) if found.density else "",
        "cost": _pairs(found.cost.model_dump()),
        "audit": "not reached" if not found.audit else "; ".join(found.audit.breaches) or "passed",
        "mask digest": found.mask_digest or "",
        "verified": f"{found.verified.how}, {found.verified.when}" if found.verified else "",
        "where": _pairs({k: v for k, v in found.provenance.items() if not isinstance(v, dict)}),
        "log": str(store.log(found.cell)) if store.log(found.cell).exists() else "empty",
    }
    layers = [
        {"layer": name, "kept": f"{c.kept:,}", "of": f"{c.total:,}", "density": f"{c.kept / max(1, c.total):.4f}"}
        | {"on a live path": f"{c.effective:,}", "dead outputs": "" if c.dead is None else f"{c.dead:,}"}
        | {"": c.note or ("collapsed" if not c.kept else "")}
        for name, c in found.layers.items()
    ]
    tables = {found.cell.algorithm: [{"": name, "what": value} for name, value in facts.items() if value]}
    emit(form, tables | ({"layers": layers} if layers else {}), full)


def _pairs(values: Any) -> str:
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in values.items())
