"""Compares the record of a cell that was trained again with the first one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmark.errors import PluginError, VerificationFailed
from benchmark.leaderboard.statistics import summarize
from benchmark.machine import MOST_PROCESSES
from benchmark.results.record import Density, Record
from benchmark.training.recording import SPARSE
from benchmark.training.sparse_training import available

ENVIRONMENT = ("python", "torch", "numpy", "numba", "prunebench", "commit", "code", "device", "processor", "threads")
"""The entries of `Record.provenance` that must agree before two records can be equal to the last bit."""


def differences(before: Record, after: Record) -> list[str]:
    """How a second record differs from the first, one phrase per difference; empty if they are bit-equal."""
    if after.status != "ok":
        return [f"it is {after.status}: {after.error}"]
    return list(_differences(before, after))


def _differences(before: Record, after: Record) -> Iterator[str]:
    if before.network_digest and before.network_digest != after.network_digest:
        yield f"another network digest: {after.network_digest} in place of {before.network_digest}"
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
        ("density", before.density, _density(before, after)),
        ("diagnosis", before.diagnosis, _diagnosis(before, after)),
        ("cost", _costs(before), _costs(after)),
        ("account of its edits", _edits(before), _edits(after)),
    ):
        if then != now:
            yield f"another {what}: {now} in place of {then}"
    for name in sorted(before.layers.keys() | after.layers.keys()):
        old_layer, new_layer = before.layers.get(name), after.layers.get(name)
        if old_layer != new_layer:
            yield f"other counts of '{name}': {new_layer} in place of {old_layer}"


def _density(before: Record, after: Record) -> Density | None:
    """The second density, without the share of weights that were ever trained if the first lacks it."""
    silent = before.density is None or before.density.ever is None
    return after.density.model_copy(update={"ever": None}) if after.density and silent else after.density


def _diagnosis(before: Record, after: Record) -> dict[str, object]:
    """The second diagnosis, without the risks of a classifier where the first is older than they are."""
    told = {"selective"} & before.diagnosis.keys()
    return {name: value for name, value in after.diagnosis.items() if told or name != "selective"}


def _costs(record: Record) -> dict[str, object]:
    """The costs that do not depend on the machine."""
    return record.cost.model_dump(exclude={"seconds", "peak_bytes"})


def _edits(record: Record) -> dict[str, object] | None:
    return record.edits.model_dump(exclude={"seconds"}) if record.edits else None


def processes_of(record: Record) -> int:
    """How many processes have trained the network of a record, and are to train it again. Raises VerificationFailed."""
    told = record.provenance.get("processes", 1)
    if not isinstance(told, int) or not 1 <= told <= MOST_PROCESSES:
        raise VerificationFailed(f"it says that {str(told)[:80]} processes trained it together")
    return told


def sparse_below_of(record: Record) -> float:
    """The share of kept weights below which steps of a record were sparse; 0 for never.

    Raises:
        VerificationFailed: the record has a value that no record can have.
        PluginError: what sparse steps need is not installed.
    """
    told = str(record.provenance.get("steps", ""))
    if not told.startswith(SPARSE):
        return 0.0
    if not available():
        raise PluginError("its steps were sparse, which takes Numba: pip install 'prunebench[fast]'")
    try:
        below = float(told.removeprefix(SPARSE))
    except ValueError:
        below = math.nan
    if not 0 < below <= 1:
        raise VerificationFailed(f"it says that its steps were '{told[:80]}'")
    return below


def environment_differences(before: Record, after: Record) -> list[str]:
    """The entries of `ENVIRONMENT` in which two records differ; empty if they must be bit-equal.

    A checkout with uncommitted changes counts as a difference: its commit does not say what the code was.
    """
    then, now = before.provenance, after.provenance
    different = [name for name in ENVIRONMENT if name in then and then[name] != now.get(name)]
    return different + (["a checkout with changes"] if then.get("dirty") or now.get("dirty") else [])


def verdict(before: Record, after: Record, others: Sequence[float], tolerance: float) -> str:
    """How close the second record is to the first: "bit-equal", or "within 2.1 sd of n=5".

    Args:
        others: scores of other seeds of the cell, whose standard deviation is the unit of distance.
        tolerance: the largest distance, in standard deviations. It applies only if the machine or the versions differ;
            otherwise the records must be bit-equal.

    Raises:
        VerificationFailed: the second record is not close enough; the message lists the differences.
    """
    differs = differences(before, after)
    if after.status != "ok":
        raise VerificationFailed(f"trained again, {'; '.join(differs)}")
    if before.provenance.get("data", after.provenance.get("data")) != after.provenance.get("data"):
        raise VerificationFailed("the data here are not those it was made with: their digests differ")
    if not differs:
        return "bit-equal"
    different, spread = environment_differences(before, after), summarize(others)
    text = "; ".join(differs)
    if not different:
        raise VerificationFailed(f"trained again on the same machine and versions, it has {text}")
    if before.score is None or after.score is None:
        raise VerificationFailed(f"trained again, {text}")
    if spread.std is None:
        raise VerificationFailed(
            f"trained again with another {', '.join(different)}, it has {text}; no two other seeds to measure by"
        )
    distance = abs(after.score - before.score) / spread.std if spread.std else math.inf
    if after.score != before.score and distance > tolerance:
        raise VerificationFailed(
            f"trained again, it is {distance:.1f} standard deviations away (n={spread.n}, {tolerance:g} are granted): "
            f"it has {text}"
        )
    return f"within {0 if after.score == before.score else distance:.1f} sd of n={spread.n}"
