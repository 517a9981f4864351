"""Files are compared with their known checksums before they are opened, and read only once for that."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark import DataSource
from benchmark.contract.toy import toy
from benchmark.data import checksums
from benchmark.data.checksums import matches_as_before
from benchmark.data.folders import DataFolders
from benchmark.errors import DataMissing

CONTENT = {"own/a": b"first", "own/b": b"other"}
SOURCE = DataSource(
    toy.data,
    files=tuple(CONTENT),
    fetch=lambda folder: None,
    checksums={name: f"md5:{hashlib.md5(content).hexdigest()}" for name, content in CONTENT.items()},
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, content in CONTENT.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / name).write_bytes(content)
    return tmp_path / "root"


def test_a_file_that_is_not_what_was_published_is_not_opened(root: Path) -> None:
    def opened(folder: Path) -> None:
        pytest.fail("it was opened")

    (root / "own" / "b").write_bytes(b"othes")
    with pytest.raises(DataMissing, match=r"is not what was published: corrupt are own/b\n") as told:
        DataFolders(root).readable("own", replace(SOURCE, load=opened))  # type: ignore[arg-type]
    assert "bench data fetch own" in str(told.value)
    assert told.value.exit_code == 4


def test_only_what_is_missing_is_named(root: Path) -> None:
    (root / "own" / "b").unlink()
    source = replace(SOURCE, fetch=None)
    with pytest.raises(DataMissing, match=r"^data set 'own' in .*root lacks own/b; it has no download"):
        DataFolders(root).locate("own", source)


def test_a_pipe_is_no_file(root: Path) -> None:
    (root / "own" / "b").unlink()
    os.mkfifo(root / "own" / "b")
    assert "lacks own/b" in DataFolders(root).missing("own", SOURCE)
    assert DataFolders(root).holding(SOURCE) is None


def test_a_file_that_matched_is_not_read_again_until_it_changes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, digest = root / "own" / "a", SOURCE.checksums["own/a"]
    assert matches_as_before(file, digest)
    read = list[Path]()
    matches = checksums.matches
    monkeypatch.setattr(checksums, "matches", lambda file, digest: read.append(file) or matches(file, digest))
    assert matches_as_before(file, digest)
    assert read == []
    before = file.stat()
    file.write_bytes(b"FIRST")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert not matches_as_before(file, digest), "of the same size and time"
    assert read == [file]


def test_without_a_cache_files_are_read_every_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "own" / "a"))
    assert matches_as_before(root / "own" / "a", SOURCE.checksums["own/a"])
    assert not matches_as_before(root / "own" / "b", SOURCE.checksums["own/a"])
