"""What a record says, for comparisons with another one of the same run."""

from __future__ import annotations

from typing import Any

from benchmark.results.record import Record


def said(record: Record, *left_out: str) -> dict[str, Any]:
    """All that a record says but seconds, memory, who made a training first, and the entries of `where` left out."""
    values = record.model_dump()
    for name in ("shared_steps", *left_out):
        values["where"].pop(name, None)
    del values["cost"]["seconds"], values["cost"]["peak_bytes"]
    if values["edits"]:
        del values["edits"]["seconds"]
    return values
