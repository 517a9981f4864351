"""A run whose record has become a line is shown, verified, exported and merged as one that has a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.results.pack import pack
from benchmark.results.saved_masks import bits
from benchmark.results.store import Store
from tests.support.command import Bench

pytestmark = pytest.mark.runs


@pytest.fixture
def store(bench: Bench, tmp_path: Path) -> Store:
    """Two runs on the digits, in one table."""
    store = Store(tmp_path / "results")
    words = "run --algo snip,random --task digits --sparsity 0.8 --budget smoke --jobs 0 --device cpu --results"
    assert bench(*words.split(), store.root).code == 0
    [table] = pack(store, write=True).tables.values()
    assert (table.records, table.new, table.masked) == (2, 2, 2)
    return store


@pytest.mark.slow
def test_a_packed_run_is_as_good_as_a_new_one(store: Store, bench: Bench, tmp_path: Path) -> None:
    first, second = store
    words = ("--results", store.root)
    again = "run --algo snip,random --task digits --sparsity 0.8 --budget smoke --jobs 0 --device cpu"
    assert "2 answered already, 0 to run" in bench(*again.split(), *words).err
    assert bench("compare", "--masks", first.key[:12], second.key[:12], *words).code == 0
    assert bench("export", first.key[:12], "--to", tmp_path / "network", *words).code == 0
    ended = bench("merge", store.root, "--results", tmp_path / "ours", "--format", "json")
    assert json.loads(ended.out)[0]["new"] == 2
    assert list(Store(tmp_path / "ours")) == [first, second]
    for name, mask in bits(store, first).items():
        assert np.array_equal(bits(Store(tmp_path / "ours"), first)[name], mask)


def test_a_packed_run_that_is_verified_has_a_file_until_it_is_packed_again(store: Store, bench: Bench) -> None:
    before = next(iter(store))
    table = store.table(before.cell).read_bytes()
    assert bench("verify", before.key[:12], "--results", store.root).code == 0
    assert store.table(before.cell).read_bytes() == table
    after = store.get(before.cell)
    assert after is not None
    assert after.verified is not None
    assert after.model_copy(update={"verified": None}) == before
    assert json.loads(store.path(before.cell).read_bytes()) == json.loads(after.to_bytes())
    assert pack(store, write=True).tables["digits-mlp-smoke"][:3] == (2, 1, 2)
    assert next(iter(store)) == after
