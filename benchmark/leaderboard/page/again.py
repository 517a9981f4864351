"""The commands that repeat the runs of a row: an environment as recorded, and then the runs."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from benchmark.results.cell import command
from benchmark.results.record import Record

DISTRIBUTION = re.compile(r"([A-Za-z0-9][\w.-]*) ([\w.+!-]+)", re.ASCII)
"""The name and version of a distribution of plug-ins in a record. Nothing else goes into a command."""


def again(group: Sequence[Record], absent: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what repeats a row: for each set of versions, a `pip install ...` and the `bench run ...` after it.

    The first of a pair is empty if the records have no versions.

    Args:
        group: the records of the row, by seed.
        absent: what the absence of options of the algorithm in a cell means.
    """
    by_versions: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in group:
        by_versions[install(record), typed(record, "algorithm"), typed(record, "task")].append(record)
    found = []
    for (versions, algorithm, task), of in by_versions.items():
        options = {**absent, **of[0].cell.options}
        seeds = sorted({record.cell.seed for record in of})
        found.append((versions, command(of[0].cell, options, algorithm, task, seeds)))
    return found


def install(record: Record) -> str:
    """Return the command that installs what made a record; empty if the record does not say.

    A version of torch is given without the part after `+`: an index has only one of the builds, and any build matches.
    """
    where = record.provenance
    known = {name: str(where[name]).partition("+")[0] for name in ("prunebench", "torch") if where.get(name)}
    for origin in (*record.origins("algorithm"), *record.origins("task")):
        if (found := DISTRIBUTION.fullmatch(origin)) and found[1] != "prunebench":
            known[found[1]] = found[2]
    words = [f"{name}=={version}" for name, version in known.items() if re.fullmatch(r"[\w.+!-]+", version, re.ASCII)]
    return shlex.join(["pip", "install", *words]) if words else ""


def typed(record: Record, kind: Literal["algorithm", "task"]) -> str:
    """Return how a plug-in of a record is named on the command line; one in a user's file is named by this file.

    The command in the record tells which method of a chain is in a file; without a command, names are kept.
    """
    name: str = getattr(record.cell, kind)
    files = [origin for origin in record.origins(kind) if origin.endswith(".py")]
    if files and "+" in name:
        return _recorded(record) or name
    return f"./{files[0]}" if files else name


def _recorded(record: Record) -> str:
    """Return the algorithm in the command of a record, without options; empty if it is not there."""
    try:
        words = shlex.split(str(record.provenance.get("command", "")))
    except ValueError:  # quotes that do not close
        return ""
    return words[words.index("--algo") + 1].partition(":")[0] if "--algo" in words[:-1] else ""
