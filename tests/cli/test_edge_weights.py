"""A method that weights edges, through the command: a worker, the referee, `verify`, `show`, `export`."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file

from benchmark.results.store import Store
from benchmark.training.state import network_digest
from tests.support.command import Bench

pytestmark = pytest.mark.runs

WORDS = ("--task", "planted-partition", "--edges", "0.3", "--budget", "smoke", "--jobs", "1", "--device", "cpu")


@pytest.mark.slow
def test_a_weighted_graph_comes_back_bit_for_bit(bench: Bench, tmp_path: Path) -> None:
    results = ("--results", tmp_path / "results")
    methods = "gdc:reweight=true,effective-resistance:reweight=true,effective-resistance"
    ended = bench("run", "--algo", methods, *WORDS, *results)
    assert ended.code == 0, ended.err
    by_weights = {bool(record.edits and record.edits.weights): record for record in Store(tmp_path / "results")}
    assert by_weights.keys() == {False, True}
    record = by_weights[True]
    assert record.provenance["refereed"] is True
    ended = bench("verify", record.key[:12], *results)
    assert ended.code == 0, ended.err
    assert "edge weights" in bench("show", record.key[:12], *results).out
    assert "edge weights" not in bench("show", by_weights[False].key[:12], *results).out
    assert bench("export", record.key[:12], *results, "--to", tmp_path / "net").code == 0
    assert network_digest(load_file(tmp_path / "net" / "weights.safetensors")) == record.network_digest


@pytest.mark.slow
def test_a_second_method_that_would_weight_them_is_skipped_and_says_why(bench: Bench, tmp_path: Path) -> None:
    ended = bench("run", "--algo", "gdc+dspar:gdc.reweight=true,dspar.reweight=true", *WORDS, "--results", tmp_path)
    [record] = Store(tmp_path)
    assert record.status == "skipped", ended.err
    assert "have weights already" in str(record.error)
