"""What is dear to make is made once in a session, however many workers ask for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.files import file_lock


def shared(factory: pytest.TempPathFactory) -> Path:
    """The folder of the session, which all workers of pytest-xdist have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder of this name, which the first worker of pytest-xdist that asks for it fills; the others wait."""
    folder = shared(factory) / name
    with file_lock(folder):
        if not folder.exists():
            unfinished = factory.mktemp(name)
            make(unfinished)
            unfinished.rename(folder)
    return folder
