"""Reads one record from the bytes of its file or line. Every record of a results folder is read here."""

from __future__ import annotations

from pydantic import ValidationError

from benchmark.results.digest import digest_of, loaded, separated
from benchmark.results.record import Record

LARGEST = 10_000_000
"""Bytes that a record may have. The largest of real runs have some hundred thousand."""

LONGEST_REASON = 300
"""Characters of the reason why something is not a record."""


def read(content: bytes) -> Record:
    """Return the record in these bytes.

    Raises:
        ValueError: they are not a record: not JSON, not of its schema, with numbers that no run can have, with two
            values of one name, or changed since they were written. `reason` says which.
    """
    if len(content) > LARGEST:
        raise ValueError(f"it has {len(content):,} bytes, and a record has at most {LARGEST:,}")
    body, digest = separated(content)
    record = Record.model_validate_json(body, strict=True)
    spelled = record.to_json()
    if spelled != body:
        loaded(body)  # a record that is spelled as we do has no name twice
    if digest is None and "code" in record.provenance:
        raise ValueError("its digest is missing: it was edited after the run")
    if digest not in (None, digest_of(body), digest_of(spelled)):
        raise ValueError("its content does not match its digest: it was edited after the run")
    return record


def reason(error: ValueError) -> str:
    """Describe in one line why something is not a record."""
    text = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        text = f"{place + ': ' if place else ''}{first['msg']}"
    cut = text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."
    return f"not a record: {cut}"
