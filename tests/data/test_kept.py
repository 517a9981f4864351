"""What is made once: it comes back bit for bit, and is made anew where the file is not what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmark import kept
from benchmark.files import user_cache

VALUES = {"rows": torch.arange(6, dtype=torch.int32).view(2, 3), "name": "a", "few": [1.5, None]}


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture
def made() -> list[int]:
    """A number for each time that the values were made."""
    return []


@pytest.fixture
def ask(made: list[int]) -> Callable[[], None]:
    def make() -> object:
        made.append(len(made))
        return VALUES

    def asked() -> None:
        found = kept("texts/of-these", make)
        assert torch.equal(found["rows"], VALUES["rows"])
        assert found["rows"].dtype == torch.int32
        assert (found["name"], found["few"]) == ("a", [1.5, None])

    return asked


def stored() -> Path:
    return user_cache() / "texts" / "of-these.pt"


def test_it_is_made_once(ask: Callable[[], None], made: list[int]) -> None:
    ask()
    ask()
    assert made == [0]


@pytest.mark.parametrize("content", [b"", b"no file of tensors", b"half"])
def test_a_damaged_file_is_not_read_and_replaced(ask: Callable[[], None], made: list[int], content: bytes) -> None:
    ask()
    whole = stored().read_bytes()
    stored().write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
    ask()
    ask()
    assert made == [0, 1]
    assert stored().read_bytes() == whole


def test_a_file_that_others_can_write_is_not_read(ask: Callable[[], None], made: list[int]) -> None:
    ask()
    stored().chmod(0o666)
    ask()
    ask()
    assert made == [0, 1], "the file that replaces it is the user's alone"


def test_where_nothing_can_be_written_it_is_made_each_time(ask: Callable[[], None], made: list[int]) -> None:
    user_cache().parent.mkdir(exist_ok=True)
    user_cache().write_text("no folder")
    ask()
    ask()
    assert made == [0, 1]
