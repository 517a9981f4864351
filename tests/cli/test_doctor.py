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
    [mnist] = [f for f in findings if f["about"] == "data" and "data set 'mnist' is not in" in f["what"]]
    assert not mnist["ok"]
    assert not own.root.exists(), "looking leaves nothing behind"


def test_doctor_finds_data_where_they_are(own: Store, bench: Bench, real_data: Path) -> None:
    findings = json.loads(bench("doctor", "--data-root", real_data, "--format", "json").out)
    assert {"about": "data", "ok": True, "what": f"mnist: in {real_data}"} in findings


def test_doctor_names_a_results_folder_that_cannot_be_written(bench: Bench, tmp_path: Path) -> None:
    ended = bench("doctor", "--results", "/proc/nowhere", "--format", "json")
    assert ended.code == 3
    [finding] = [f for f in json.loads(ended.out) if f["about"] == "results"]
    assert not finding["ok"]
