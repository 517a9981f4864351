"""What zeros were worth in the networks of a row that `bench measure` has run: time, memory and size."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from benchmark.results.measured import Measurement

Measured = Callable[[str], Sequence[Measurement]]
"""Maps the key of a record to what was measured of its network; empty if nothing was."""


def nothing(key: str) -> Sequence[Measurement]:
    """Stands in where no network was measured."""
    return ()


class Way(NamedTuple):
    """How networks were run. Measurements are combined, and compared, only within one way.

    Args:
        batch: the number of examples in a call.
        place: the machine, its threads and all versions, as text.
    """

    runtime: str
    batch: int
    place: str

    def __str__(self) -> str:
        return f"{self.runtime}, batch {self.batch}, {self.place}"


@dataclass(frozen=True)
class Worth:
    """What zeros were worth in the networks of one row, run in one way. Values are medians over the networks.

    Args:
        networks: how many were measured.
        faster: seconds of the dense parent over seconds of the network.
        faster_low, faster_high: the ends of the network's interval; for several networks, the lowest and the highest.
        told: whether every network is faster (True), every one slower (False), or neither is certain (None).
        memory, parent_memory: bytes in use of networks and of dense parents, where all of them are known.
        size, parent_size: bytes stored.
    """

    networks: int
    faster: float
    faster_low: float
    faster_high: float
    told: bool | None
    memory: float | None
    parent_memory: float | None
    size: float
    parent_size: float


def worth_of(networks: Iterable[Sequence[Measurement]]) -> dict[Way, Worth]:
    """Combine the measurements of the networks of a row, by the way in which they were run."""
    by_way: dict[Way, list[Measurement]] = defaultdict(list)
    for several in networks:
        for one in several:
            by_way[way_of(one)].append(one)
    return {way: _worth(several) for way, several in by_way.items()}


def way_of(one: Measurement) -> Way:
    """How a network was run for this measurement."""
    return Way(one.runtime, one.batch, _place(one))


def _worth(several: Sequence[Measurement]) -> Worth:
    verdicts = {one.faster.above_one for one in several}
    return Worth(
        networks=len(several),
        faster=median(one.faster.median for one in several),
        faster_low=min(one.faster.low for one in several),
        faster_high=max(one.faster.high for one in several),
        told=verdicts.pop() if len(verdicts) == 1 else None,
        memory=_median([one.memory for one in several]),
        parent_memory=_median([one.parent_memory for one in several]),
        size=median(one.size for one in several),
        parent_size=median(one.parent_size for one in several),
    )


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if len(known) == len(values) else None


def _place(one: Measurement) -> str:
    """Name everything that is known about where it was measured, so that places with the same name are the same."""
    threads = "1 thread" if one.threads == 1 else f"{one.threads} threads"
    facts = {name: value for name, value in one.where.items() if name not in ("processor", "threads")}
    facts = {name: value for name, value in facts.items() if value is not None and (name, value) != ("device", "cpu")}
    told = [f"{name} {_text(value)}" for name, value in sorted(facts.items())]
    return ", ".join([_text(one.where.get("processor")), threads, *told])


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
