"""The digest of a record, which is written at the end of its JSON: a record that was edited does not match it.

It is the SHA-256 of the record's line without the digest, in the form that prunebench writes. It reveals edits and
damage; it is not a signature, since whoever can write a record can write its digest, too.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_END = re.compile(rb',\s*"digest"\s*:\s*"([0-9a-f]{64})"\s*\}\s*\Z')


def with_digest(content: bytes) -> bytes:
    """Return the JSON of a record, an object on one line, with its digest as the last entry."""
    return b'%b,"digest":"%b"}' % (content[:-1], digest_of(content).encode())


def digest_of(content: bytes) -> str:
    """Return the digest of the JSON of a record without a digest."""
    return hashlib.sha256(content).hexdigest()


def separated(content: bytes) -> tuple[bytes, str | None]:
    """Return the JSON of a record without its digest, and the digest; None if it has none.

    Raises:
        ValueError: the JSON has several values for one name, or the digest does not look like one.
    """
    if end := _END.search(content):
        return content[: end.start()] + b"}", end[1].decode()
    if b'"digest"' not in content:
        return content.strip(), None
    values = loaded(content)  # a digest that another program has put in another place
    if not isinstance(values, dict) or "digest" not in values:
        return content.strip(), None
    digest = values.pop("digest")
    if not isinstance(digest, str):
        raise ValueError("digest: it is not a text")
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode(), digest


def loaded(content: bytes) -> Any:
    """Return the value of JSON.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or an object has several values for one name.
    """
    try:
        return json.loads(content, object_pairs_hook=_distinct)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"Invalid JSON: {error}") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' is there twice")
    return values
