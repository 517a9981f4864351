"""Brings data sets into the user's cache: from where they are published, from a mirror, or from a copy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A file on the net that a task's `fetch` unpacks.

    Args:
        url: where it is published.
        place: where `fetch` looks for it, relative to the folder that it is given.
        digest: `md5:...` or `sha256:...`, as published.
    """

    url: str
    place: str
    digest: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.place.rpartition("/")[2]
