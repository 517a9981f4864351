"""Several drivers on one results folder: each cell is answered by one of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmark.results.store import Store
from tests.support.command import bench_process

WORDS = ("run", "--task", "digits", "--budget", "smoke", "--algo", "dense,magnitude,snip", "--sparsity", "0.8,0.9")
WORDS += ("--seeds", "2", "--jobs", "1", "--results")
CELLS = 10


@pytest.mark.runs
@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 8])
def test_each_cell_is_answered_once(tmp_path: Path, count: int) -> None:
    with ThreadPoolExecutor(count) as pool:
        drivers = [*pool.map(lambda number: bench_process(*WORDS, tmp_path), range(count))]
    assert [driver.code for driver in drivers] == [0] * count
    lines = [line for driver in drivers for line in driver.err.splitlines() if line.startswith("ok ")]
    assert len([line for line in lines if "by another driver" not in line]) == CELLS
    assert len([*Store(tmp_path)]) == CELLS
    assert not [*(tmp_path / "leases").iterdir()]
