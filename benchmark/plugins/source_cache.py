"""Caches what built-in files say (`source_text`) in a file: parsing a hundred takes most of the time of `bench list`.

It is looked up by the SHA-256 of a file's bytes, which are read every time, so that no entry can be stale.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from benchmark.files import CacheFile
from benchmark.plugins.source_text import Definition, Source, read


class SourceCache:
    """What the files of a folder say, by the digest of their bytes."""

    def __init__(self, folder: Path) -> None:
        self._file = CacheFile("sources", folder, _code)
        try:
            self._known: dict[str, Any] = self._file.load()
        except (OSError, ValueError):
            self._known = {}
        self._seen: dict[str, Any] = {}

    def read(self, content: bytes) -> Source | str:
        """As `source_text.read`."""
        digest = hashlib.sha256(content).hexdigest()
        if (known := self._known.get(digest)) is not None:
            self._seen[digest] = known
            return known if isinstance(known, str) else _source(known)
        source = read(content)
        if isinstance(source, str) or _source(json.loads(json.dumps(source, default=str))) == source:
            self._seen[digest] = source
        return source

    def save(self) -> None:
        """Write what was read, if it is not what the file has. What was not read is dropped."""
        if self._seen.keys() != self._known.keys():
            self._file.save(self._seen)


def _source(written: list[Any]) -> Source:
    """A `Source` from its JSON form."""
    summary, interface, imports, definitions = written
    return Source(summary, interface, imports, [Definition(*definition) for definition in definitions])


def _code() -> bytes:
    """A digest of what the values depend on besides the files: the code that reads them, and Python."""
    here = Path(__file__).parent
    code = b"".join((here / f"{name}.py").read_bytes() for name in ("source_text", "source_cache", "interface"))
    return hashlib.sha256(code + sys.version.encode()).digest()
