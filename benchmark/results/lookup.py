"""Finds the record that a command-line argument names."""

from __future__ import annotations

import os
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.results.record import Record
from benchmark.results.sources import Source
from benchmark.results.store import Store


def find_record(text: str, store: Store) -> Record:
    """Return the record named by the first digits of its key, or by the path of its file.

    Raises:
        UsageError: no record or several records match, or the file is not a valid record.
    """
    record = store.judge(find_source(text, store))
    if isinstance(record, str):
        raise UsageError(record)
    return record


def find_source(text: str, store: Store) -> Source:
    """Return the location of a record, named as for `find_record`, without reading it.

    Raises:
        UsageError: no record or several records match.
    """
    if os.path.isfile(text):  # false for texts too long for a path; `Path.is_file` raises
        return Source(Path(text).stem, str(Path(text)))
    sources = store.find(text)
    if not sources:
        raise UsageError(f"no record '{text}' in {store.root}; give a file, or the first digits of a key")
    if len(sources) > 1:
        raise UsageError(f"'{text}' matches {len(sources)} keys; give more digits")
    return sources[0]


def find_network(text: str, store: Store) -> Record:
    """Like `find_record`, for a record that has a network. Raises UsageError, too, if its run was not successful."""
    record = find_record(text, store)
    if record.status != "ok":
        raise UsageError(f"record {record.key[:8]} has no network: it is {record.status}: {record.error}")
    return record
