"""What is read of built-in files from the cache is what their source says: never stale, and parsed once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.plugins import source_cache
from benchmark.plugins.plugin import Kind
from benchmark.plugins.source_cache import SourceCache
from benchmark.plugins.source_text import Source, read
from benchmark.plugins.sources import folder_of

ROW = '''
"""A row."""
from benchmark import algorithm

@algorithm()
def row(run, *, rounds: Annotated[int, Absent(1, matters=bool)] = 3, betas: tuple[float, float] = {betas}) -> None:
    """Row: in rounds."""
'''


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What is parsed from now on."""
    seen: list[bytes] = []

    def counted(content: bytes) -> Source | str:
        seen.append(content)
        return read(content)

    monkeypatch.setattr(source_cache, "read", counted)
    return seen


def said(folder: Path) -> list[Source | str]:
    """What all files of a folder say, by the cache."""
    cached = SourceCache(folder)
    found = [cached.read(file.read_bytes()) for file in sorted(folder.rglob("*.py"))]
    cached.save()
    return found


@pytest.mark.parametrize("kind", ["algorithm", "task", "experiment"])
def test_what_comes_back_is_what_was_read(kind: Kind, parsed: list[bytes]) -> None:
    folder = folder_of(kind)
    known = [read(file.read_bytes()) for file in sorted(folder.rglob("*.py"))]
    assert said(folder) == known
    assert len(parsed) == len({file.read_bytes() for file in folder.rglob("*.py")})
    parsed.clear()
    assert repr(said(folder)) == repr(known), "whole numbers and floats, too"
    assert parsed == []


def test_an_edited_file_is_seen_though_size_and_times_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "row.py"
    file.write_text(ROW.format(betas=0.1))
    said(tmp_path)
    times = file.stat()
    file.write_text(ROW.format(betas=0.9))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    [source] = said(tmp_path)
    assert source == read(file.read_bytes())
    assert "0.9" in repr(source)


def test_values_that_json_changes_are_parsed_every_time(tmp_path: Path, parsed: list[bytes]) -> None:
    (tmp_path / "row.py").write_text(ROW.format(betas="(0.9, 0.999)"))
    for _ in range(2):
        [source] = said(tmp_path)
        assert isinstance(source, Source)
        assert source.definitions[0].defaults == {"rounds": 3, "betas": (0.9, 0.999)}
        assert (source.definitions[0].absent, source.definitions[0].depends) == ({"rounds": 1}, ["rounds"])
    assert len(parsed) == 2


def test_a_broken_file_is_told_every_time(tmp_path: Path) -> None:
    (tmp_path / "row.py").write_text("def row(run:\n")
    first, second = said(tmp_path), said(tmp_path)
    assert first == second
    assert "SyntaxError" in str(first)


@pytest.mark.parametrize(
    "spoil", [lambda file: file.write_bytes(b""), lambda file: file.write_bytes(file.read_bytes()[:-9]), Path.unlink]
)
def test_a_spoilt_cache_is_as_if_there_were_none(tmp_path: Path, cache: Path, spoil: Callable[[Path], None]) -> None:
    folder = folder_of("experiment")
    known = said(folder)
    [file] = cache.rglob("*.json")
    spoil(file)
    assert said(folder) == known


def test_a_cache_of_other_code_is_not_read(parsed: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of("experiment")
    said(folder)
    parsed.clear()
    monkeypatch.setattr(source_cache, "_code", lambda: b"another version")
    said(folder)
    assert parsed


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    folder = folder_of("experiment")
    assert said(folder) == said(folder)
