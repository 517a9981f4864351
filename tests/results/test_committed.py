"""The committed records are as they were, every value bit for bit, whatever the files are that they lie in.

committed.txt holds the first digits of each key and of the SHA-256 of the record's canonical JSON (RFC 8785), as they
were when records still had a file each. New records need no line there. Where one is changed or removed on purpose, or
new ones are to be held, too: GOLDEN=write pytest tests/results/test_committed.py, and read the diff.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import rfc8785

from benchmark.results.store import Store
from tests.support.command import ROOT

RESULTS = ROOT / "results"
KNOWN = Path(__file__).with_name("committed.txt")

COUNTS = {
    "chameleon-protocol-jamadandi-layers-0-split-seed-gcn-full": 110,
    "cora-protocol-jamadandi-layers-0-split-seed-gcn-full": 110,
    "digits-mlp-full": 175,
    "minesweeper-protocol-platonov-layers-2-split-seed-gcn-short": 60,
    "mnist-lenet-300-100-full": 36,
    "mnist-lenet-300-100-short": 534,
    "mnist-lenet-5-short": 285,
    "texas-protocol-jamadandi-layers-0-split-seed-gcn-full": 110,
    "wisconsin-protocol-jamadandi-layers-0-split-seed-gcn-full": 110,
}
"""By table, the records that there were at least."""


def tables() -> dict[str, list[Any]]:
    """Of every committed table, its lines as JSON."""
    files = sorted((RESULTS / "records").glob("*.jsonl"))
    return {file.stem: [json.loads(line) for line in file.read_text().splitlines()] for file in files}


def told(record: Any) -> str:
    return f"{record['key'][:16]} {hashlib.sha256(rfc8785.dumps(record)).hexdigest()[:16]}"


def test_every_record_is_as_it_was() -> None:
    found = sorted(told(record) for records in tables().values() for record in records)
    if os.environ.get("GOLDEN") == "write":
        KNOWN.write_text("".join(f"{line}\n" for line in found))
    known = KNOWN.read_text().splitlines()
    assert sorted(set(known) - set(found)) == [], "changed, or no longer there"
    assert len(known) >= sum(COUNTS.values())


def test_every_table_holds_what_it_held() -> None:
    found = Counter({name: len(records) for name, records in tables().items()})
    assert not Counter(COUNTS) - found


def test_every_line_is_a_record_in_its_place() -> None:
    store = Store(RESULTS)
    keys = [record.key for record in store]
    assert store.problems == []
    assert len(keys) == len(set(keys)) >= sum(COUNTS.values())


def test_every_table_is_sorted_and_ends_with_its_last_line() -> None:
    for name, records in tables().items():
        keys = [record["key"] for record in records]
        assert keys == sorted(set(keys)), name
        assert (RESULTS / "records" / f"{name}.jsonl").read_bytes().endswith(b"}\n")
