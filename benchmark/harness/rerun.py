"""A record's cell, answered a second time from the record alone, and how the two answers compare."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from benchmark.data.folders import DataFolders
from benchmark.errors import VerificationFailed
from benchmark.harness.answer import answer
from benchmark.harness.question import Settings, one_thread, question
from benchmark.leaderboard.statistics import summarize
from benchmark.plugins import catalog, registry
from benchmark.records.record import Record
from benchmark.training.run_state import RunState

BITS = ("python", "torch", "numpy", "prunebench", "commit", "device", "processor", "threads")
"""What of `Record.provenance` decides the last bit of an answer."""


@dataclass(frozen=True)
class Again:
    """The second answer, and the network and the state of the run it comes from; None where it did not end well."""

    record: Record
    kept: tuple[nn.Module, RunState] | None


def again(record: Record, device: str, data_root: Path | None) -> Again:
    """Train a record's cell again, in one thread as workers do.

    Raises:
        DataMissing: its data are not here.
    """
    cell = record.cell
    label = catalog.label(cell.task, cell.task_options)
    data = DataFolders(data_root).readable(label, registry.task(cell.task, cell.task_options).source)
    kept: list[tuple[nn.Module, RunState]] = []
    with one_thread():
        found = answer(question(cell, Settings({cell.setting: data}, device)), keep=lambda *pair: kept.append(pair))
    return Again(found, kept[0] if kept and found.status == "ok" else None)


def differences(before: Record, after: Record) -> list[str]:
    """What the second answer has otherwise than the first, in words; empty where they are the same to the last bit."""
    if after.status != "ok":
        return [f"it is {after.status}: {after.error}"]
    return list(_differences(before, after))


def _differences(before: Record, after: Record) -> Iterator[str]:
    if before.mask_digest != after.mask_digest:
        yield f"another mask digest: {after.mask_digest} in place of {before.mask_digest}"
    for split, old, new in (
        ("test", before.metrics, after.metrics),
        ("validation", before.validation, after.validation),
    ):
        for name in sorted(old.keys() | new.keys()):
            if old.get(name) != new.get(name):
                yield f"another {split} {name}: {new.get(name)} in place of {old.get(name)}"
    for what, then, now in (
        ("density", before.density, after.density),
        ("diagnosis", before.diagnosis, after.diagnosis),
        ("cost", _costs(before), _costs(after)),
        ("account of its edits", _edits(before), _edits(after)),
    ):
        if then != now:
            yield f"another {what}: {now} in place of {then}"
    for name in sorted(before.layers.keys() | after.layers.keys()):
        old_layer, new_layer = before.layers.get(name), after.layers.get(name)
        if old_layer != new_layer:
            yield f"other counts of '{name}': {new_layer} in place of {old_layer}"


def _costs(record: Record) -> dict[str, object]:
    """What training costs wherever it is done."""
    return record.cost.model_dump(exclude={"seconds", "peak_bytes"})


def _edits(record: Record) -> dict[str, object] | None:
    return record.edits.model_dump(exclude={"seconds"}) if record.edits else None


def elsewhere(before: Record, after: Record) -> list[str]:
    """In which of `BITS` the two were made apart; a dirty checkout is like no other. Empty on the same machine."""
    then, now = before.provenance, after.provenance
    apart = [name for name in BITS if name in then and then[name] != now.get(name)]
    return apart + (["a checkout with changes"] if then.get("dirty") or now.get("dirty") else [])


def verdict(before: Record, after: Record, others: Sequence[float], tolerance: float) -> str:
    """How near the second answer came: "bit-equal", or "within 2.1 sd of n=5".

    Args:
        others: scores of the other seeds of the cell, the spread to measure by.
        tolerance: in standard deviations of `others`; granted only to other machines and versions.

    Raises:
        VerificationFailed: it did not come near enough; with what differs.
    """
    differs = differences(before, after)
    if after.status != "ok":
        raise VerificationFailed(f"trained again, {'; '.join(differs)}")
    if before.provenance.get("data", after.provenance.get("data")) != after.provenance.get("data"):
        raise VerificationFailed("the data here are not those it was made with: their digests differ")
    if not differs:
        return "bit-equal"
    apart, spread = elsewhere(before, after), summarize(others)
    text = "; ".join(differs)
    if not apart:
        raise VerificationFailed(f"trained again on the same machine and versions, it has {text}")
    if before.score is None or after.score is None:
        raise VerificationFailed(f"trained again, {text}")
    if spread.std is None:
        raise VerificationFailed(
            f"trained again with another {', '.join(apart)}, it has {text}; no two other seeds to measure by"
        )
    distance = abs(after.score - before.score) / spread.std if spread.std else math.inf
    if after.score != before.score and distance > tolerance:
        raise VerificationFailed(
            f"trained again, it is {distance:.1f} standard deviations away (n={spread.n}, {tolerance:g} are granted): "
            f"it has {text}"
        )
    return f"within {0 if after.score == before.score else distance:.1f} sd of n={spread.n}"
