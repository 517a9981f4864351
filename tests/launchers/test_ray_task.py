"""What a process of Ray does with a cell: nothing of ours is needed for it, and nothing foreign is taken for ours."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from benchmark.launchers import ray_task

pytest.importorskip("ray", reason="Ray is not installed: pip install 'prunebench[ray]'")

from benchmark.launchers.ray_cluster import passed_on


def test_it_imports_the_standard_library_and_ray_alone() -> None:
    tree = ast.parse(Path(ray_task.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == {"ray"}


def test_folders_of_the_driver_come_before_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", f"/own{os.pathsep}/both")
    merged = ray_task._merged({"PYTHONPATH": f"/both{os.pathsep}/driver", "PRUNEBENCH_PLUGINS": "none"})
    assert merged["PYTHONPATH"].split(os.pathsep) == ["/both", "/driver", "/own"]
    assert merged["PRUNEBENCH_PLUGINS"] == "none"
    assert merged["HOME"] == os.environ["HOME"]


def test_without_folders_there_is_no_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    assert "PYTHONPATH" not in ray_task._merged({})


def test_the_path_that_is_passed_on_means_the_same_in_another_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"plugins{os.pathsep}/whole")
    monkeypatch.setenv("PRUNEBENCH_DATA", "data")
    assert passed_on() == {"PYTHONPATH": f"{tmp_path}/plugins{os.pathsep}/whole"}


def test_a_file_is_brought_once_and_whole(tmp_path: Path) -> None:
    server = object.__new__(ray_task.Server)
    server.folder = str(tmp_path)
    place = Path(server.bring("/their/starts/a.safetensors", b"content"))
    assert place.read_bytes() == b"content"
    assert place.suffix == ".safetensors"
    assert server.bring("/their/starts/a.safetensors", b"other") == str(place)
    assert server.bring("/their/starts/b.safetensors", b"other") != str(place)
    assert [file for file in tmp_path.iterdir() if file.suffix == ".part"] == []


def test_a_file_that_is_taken_is_gone(tmp_path: Path) -> None:
    (tmp_path / "masks").write_bytes(b"bits")
    assert ray_task._taken(str(tmp_path / "masks")) == b"bits"
    assert not (tmp_path / "masks").exists()
    assert ray_task._taken(None) is None


@pytest.mark.runs
def test_a_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").touch()
    with pytest.raises(ImportError, match=r"No module named 'benchmark\.launchers'"):
        ray_task.Server({**os.environ, "PYTHONPATH": str(tmp_path)})


@pytest.mark.slow
@pytest.mark.runs
def test_a_folder_where_it_runs_is_not_taken_for_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "benchmark").mkdir()
    (tmp_path / "benchmark" / "__init__.py").write_text("raise SystemExit('foreign')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    server = ray_task.Server(dict(os.environ))
    server.process.communicate(timeout=60)
    assert server.process.returncode == 0
