"""The verbs that read what there is: list, info, show."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from benchmark.errors import UsageError
from benchmark.records.record import Record
from benchmark.records.store import Store, complaint


def find_record(text: str, store: Store) -> Record:
    """By the first digits of its key, or by its file, wherever that lies."""
    file = record_file(text, store)
    try:
        return Record.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise UsageError(f"{file}: {complaint(error)}") from None


def record_file(text: str, store: Store) -> Path:
    """Where the record lies that a text means. Raises UsageError where it means none, or several."""
    if os.path.isfile(text):  # which says no to a text that is too long for a name; `Path.is_file` raises
        return Path(text)
    files = store.files(text)
    if not files:
        raise UsageError(f"no record '{text}' in {store.root}; give a file, or the first digits of a key")
    if len(files) > 1:
        raise UsageError(f"'{text}' begins {len(files)} keys; give more digits")
    return files[0]
