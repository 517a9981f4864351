"""Records with one thing changed: every value of a record by every kind of poison, and bytes at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from benchmark.results.record import Record
from tests.support.board import cell, ran

DEEP = "[" * 100_000 + "]" * 100_000
POISON = {
    "huge": "1e308",
    "infinite": "1e999",
    "negative": "-7.5",
    "digits": "9" * 401,
    "nan": "NaN",
    "surrogate": '"\\ud800"',
    "deep": DEEP,
    "escape": '"\\u001b[2J<script>"',
    "text": '"0.5"',
    "true": "true",
    "null": "null",
    "list": "[[]]",
    "half": "0.5",
}
"""By name, the JSON that takes the place of a value."""

MARK = "\N{REPLACEMENT CHARACTER}here"


def honest(seed: int) -> Record:
    """A whole record, with a score of its own."""
    of = cell("imp", seed, options={"fraction": 0.2})
    where = ran(of, 0.5).provenance | {"code": {"algorithm": "a" * 64, "task": "b" * 64}}
    return ran(of, score(seed), diagnosis={"gap": 0.1}, provenance=where)


def score(seed: int) -> float:
    """The score of the honest record of this seed."""
    return 0.3 + seed / 1_000_000


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in JSON."""
    if place:
        yield place
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*place, name))


def replaced(values: Any, place: tuple[Any, ...], poison: str) -> bytes:
    """Return JSON with raw text in place of a value."""
    whole = json.loads(json.dumps(values))
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = MARK
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False).replace(f'"{MARK}"', poison).encode()


def renamed(values: Any, place: tuple[Any, ...], change: str) -> bytes:
    """Return JSON with the name of a value changed, given twice, or taken out together with the value."""
    whole = json.loads(json.dumps(values))
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    old = inner.pop(place[-1])
    if change == "removed":
        return json.dumps(whole).encode()
    inner[MARK] = old
    twice = f'"{place[-1]}":0.9,"{place[-1]}"'
    return json.dumps(whole, ensure_ascii=False).replace(f'"{MARK}"', twice if change == "twice" else '"zz"').encode()


def mutants(*, digest: bool) -> Iterator[tuple[str, int, bytes]]:
    """Yield mutated records, each with what was done to it and its seed; with the digest of what they were, or none."""
    values = json.loads(honest(0).to_bytes() if digest else _old(honest(0)))
    kinds = [(place, kind) for place in places(values) for kind in (*POISON, "renamed", "twice", "removed")]
    for seed, (place, kind) in enumerate(kinds):
        record = json.loads(honest(seed).to_bytes() if digest else _old(honest(seed)))
        if kind in POISON:
            yield f"{place} {kind}", seed, replaced(record, place, POISON[kind])
        elif isinstance(place[-1], str):
            yield f"{place} {kind}", seed, renamed(record, place, kind)
    draw = random.Random(0)
    for seed in range(len(kinds), len(kinds) + 200):
        content = bytearray(honest(seed).to_bytes() if digest else _old(honest(seed)))
        at = draw.randrange(len(content) - 1)
        content[at] = draw.choice([byte for byte in range(256) if byte not in (10, content[at])])
        yield f"byte {at}", seed, bytes(content)


def _old(record: Record) -> bytes:
    """As it was written before records had digests."""
    where = {name: value for name, value in record.provenance.items() if name != "code"}
    return record.model_copy(update={"provenance": where}).to_json()
