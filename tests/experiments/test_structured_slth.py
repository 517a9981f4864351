"""Removable filters: what is computed at a point, what is said of it, and the whole experiment through the command."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from benchmark.experiments import _sliced_networks
from benchmark.experiments import structured_slth as slth
from benchmark.experiments._transitions import Crossing

from benchmark.files import user_cache
from benchmark.results.store import Store
from benchmark.sweep.again import Here
from tests.support.command import Bench
from tests.support.stands import Stand, convolutional, examples


class Kernels(Stand):
    """The tensors of a network with kernels of 3 x 3."""

    def tensors(self) -> dict[str, torch.Tensor]:
        return self.network.state_dict()


def points(*found: int, draws: int = 100, ceiling: float = 1.0, **same: float | str) -> pd.DataFrame:
    """The rows of `each` at widths 2, 4, ..., at which so many draws have a subset."""
    places = {"size": 1, "kernel": "even", "eps": 0.3} | same
    rows = [
        {**places, "n": 2 + 2 * at, "draw": draw, "found": draw < count, "ceiling": ceiling}
        for at, count in enumerate(found)
        for draw in range(draws)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("kernel", ["even", "random", Kernels(convolutional(1), examples(1, 4, 4))])
def test_kernels_sum_to_1(kernel: str) -> None:
    entries = slth.kernel_of(np.random.default_rng(0), kernel, 9)
    assert entries.shape == (9,)
    assert np.abs(entries).sum() == pytest.approx(1)
    assert (kernel == "even") == bool(np.allclose(entries, 1 / 9))


def test_a_kernel_of_a_network_is_one_of_its_own() -> None:
    network = Kernels(convolutional(1), examples(1, 4, 4))
    own = network.tensors()["0.weight"].detach().double().numpy().reshape(-1, 9)
    entries = slth.kernel_of(np.random.default_rng(0), network, 9)  # type: ignore[arg-type]
    assert any(np.allclose(entries, one / np.abs(one).sum()) for one in own)


def test_search_and_programming_find_as_often() -> None:
    values = {"kernel": "even", "size": 2, "n": 12, "eps": 0.3}
    exact, program = (
        [f(np.random.default_rng([7, i]), **values) for i in range(20)]  # type: ignore[operator]
        for f in (slth.near, slth.decide)
    )
    assert [one["found"] for one in exact] == [one["found"] for one in program]
    assert [one["found"] for one in program] == [not one["impossible"] for one in program]
    assert {one["ceiling"] for one in exact + program} == {1.0}


def test_what_timed_out_is_in_the_interval_alone() -> None:
    frame = points(40).assign(timeout=lambda rows: rows.draw >= 90)
    [row] = slth.counted(frame).to_dict("records")
    assert (row["measured"], row["draws"]) == (0.4, 100)
    assert row["low"] == pytest.approx(0.309, abs=1e-3)
    assert row["high"] == pytest.approx(0.596, abs=1e-3), "as if the ten that timed out had been found"


def test_a_point_above_the_ceiling_breaks_the_claim() -> None:
    rows = slth.counted(points(10, 50, ceiling=0.1))
    assert slth.below(rows).estimate == 1
    assert slth.below(rows[:1]).verdict(None)[0] == "holds"


def test_the_width_grows_with_a_power_of_the_size() -> None:
    halves = {(1, 0.3): Crossing(4, 3.5, 4.5, 9), (4, 0.3): Crossing(16, 15, 17, 9), (2, 0.3): None, (4, 0.1): None}
    found = slth.growth(halves)
    assert found.estimate == pytest.approx(1)
    assert (found.low, found.high) == pytest.approx((np.log(15 / 4.5) / np.log(4), np.log(17 / 3.5) / np.log(4)))
    assert found.verdict(None)[0] == "holds"
    assert slth.growth({(1, 0.3): halves[1, 0.3]}).verdict(None)[0] == "uninformative"


def test_half_is_found_where_it_is() -> None:
    rows = slth.counted(points(10, 30, 70, 90))
    found = slth.crossings(rows)[1, 0.3]
    assert found is not None
    assert found.at == pytest.approx(5)
    [row] = slth.transitions({(1, 0.3): found}).to_dict("records")
    assert (row["D"], row["n*"], row["half"]) == (1, 4, pytest.approx(5))


@pytest.mark.slow
@pytest.mark.runs
def test_a_network_is_made_when_a_point_needs_it_and_not_again(
    bench: Bench, own: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slth, "DECIDED", 3)
    monkeypatch.setattr(_sliced_networks, "REPEATS", dict.fromkeys(_sliced_networks.NAMES, 3))
    options = "sizes=1,most=4,widest=8,draws=4,widths=8,networks=1,budget=smoke"
    words = ("experiment", f"structured-slth:{options}", "--jobs", "0")
    dry = bench(*words, "--dry-run")
    assert (dry.code, dry.out.count("dense"), own.root.exists()) == (0, 1, False)
    assert bench(*words).code == 0
    [record] = own
    [folder] = [*(own.root / "experiments").glob("*/*")]
    first = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert first.keys() == {"rows.csv", "table.md", "claims.json", "widths.svg", "networks.svg"}
    told = json.loads(first["claims.json"])["claims"]
    assert {one["claim"]: one["verdict"] for one in told}["cut networks compute what masked ones do"] == "holds"

    shutil.rmtree(user_cache() / "starts")
    monkeypatch.setattr(Here, "network", lambda *_: pytest.fail("a network is made though no point needs it"))
    again = bench(*words)
    assert (again.code, "nothing has changed" in again.err) == (0, True)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == first

    for file in (own.root / "points").rglob("*.json"):
        if b'"sliced"' in file.read_bytes():
            file.unlink()
    dry = bench(*words, "--dry-run")
    assert dry.out == f"sliced(n=8, network={record.network_digest})\n"
