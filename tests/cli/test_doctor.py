"""`bench doctor`: what this machine lacks."""

from __future__ import annotations

import json
from pathlib import Path

from benchmark.results.store import Store
from tests.support.command import Bench


def test_a_healthy_machine_passes_doctor_even_without_data(own: Store, bench: Bench) -> None:
    ended = bench("doctor", "--format", "json")
    assert ended.code == 0
    findings = json.loads(ended.out)
    assert {"python", "torch", "device", "algorithms", "tasks", "data", "results"} <= {f["about"] for f in findings}
    assert {f["state"] for f in findings if f["about"] != "data"} == {"ok"}
    [absent] = [f for f in findings if f["state"] == "absent"]
    assert "mnist" in absent["what"]
    [embedded] = [f for f in findings if f["what"].startswith("embedded: ")]
    assert "digits" in embedded["what"]
    assert not own.root.exists(), "looking leaves nothing behind"


def test_doctor_finds_data_where_they_are(own: Store, bench: Bench, real_data: Path) -> None:
    findings = json.loads(bench("doctor", "--data-root", real_data, "--format", "json").out)
    [found] = [f for f in findings if f["what"].startswith(f"in {real_data}: ")]
    assert (found["about"], found["state"]) == ("data", "ok")
    assert "mnist" in found["what"].partition(": ")[2].split(", ")


def test_doctor_tells_wrong_bytes_from_what_is_not_there(bench: Bench, tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for file in (real_data / "MNIST" / "raw").glob("*-ubyte"):
        (tmp_path / "MNIST" / "raw" / file.name).write_bytes(b"wrong")
    ended = bench("doctor", "--data-root", tmp_path, "--format", "json")
    assert ended.code == 3
    problems = [f["what"] for f in json.loads(ended.out) if f["state"] == "PROBLEM"]
    assert any(what.startswith(f"mnist: in {tmp_path}, but corrupt are MNIST/raw/t") for what in problems)


def test_doctor_names_a_results_folder_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    ended = bench("doctor", "--results", "/proc/nowhere", "--format", "json")
    assert ended.code == 3
    [finding] = [f for f in json.loads(ended.out) if f["about"] == "results"]
    assert finding["state"] == "PROBLEM"
