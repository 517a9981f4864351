"""From what somebody types to the record that it means."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.records.record import Record
from benchmark.records.sources import Source
from benchmark.records.store import Store


def find_record(text: str, store: Store) -> Record:
    """By the first digits of its key, or by its file, wherever that lies. Raises UsageError."""
    record = store.judge(find_source(text, store))
    if isinstance(record, str):
        raise UsageError(record)
    return record


def find_source(text: str, store: Store) -> Source:
    """Where the record lies that a text means. Raises UsageError where it means none, or several."""
    if os.path.isfile(text):  # which says no to a text that is too long for a name; `Path.is_file` raises
        return Source(Path(text).stem, str(Path(text)))
    sources = store.find(text)
    if not sources:
        raise UsageError(f"no record '{text}' in {store.root}; give a file, or the first digits of a key")
    if len(sources) > 1:
        raise UsageError(f"'{text}' begins {len(sources)} keys; give more digits")
    return sources[0]
