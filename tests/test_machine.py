"""What a record says of the code that made it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from benchmark import machine


def answering(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    """Git that ends with these codes, one after the other, and then well."""
    left = list(codes)

    def run(words: list[str], **given: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(words, left.pop(0) if left else 0, f"{words[1]}\n", "")

    monkeypatch.setattr(machine.subprocess, "run", run)


def test_the_commit_of_a_checkout_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch)
    assert machine._commit() == {"commit": "rev-parse", "dirty": True}


def test_git_that_was_killed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, -9, 0, -9, -15)
    assert machine._commit() == {"commit": "rev-parse", "dirty": True}


@pytest.mark.parametrize("codes", [(128,), (-9, -9, -9)], ids=["no checkout", "killed thrice"])
def test_elsewhere_it_is_not(monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...]) -> None:
    answering(monkeypatch, *codes)
    assert machine._commit() == {"commit": None, "dirty": None}
