"""Selection without an order gives what an order gives, whatever the numbers are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark.pruning import selection
from benchmark.pruning.ranking import top

KINDS = ("uniform", "normal", "few values", "all equal", "ascending", "descending", "periodic", "infinite", "mostly 0")


def numbers(kind: str, size: int, seed: int, dtype: Any = np.float32) -> np.ndarray[Any, Any]:
    draw = np.random.default_rng(seed)
    values = {
        "uniform": lambda: draw.random(size),
        "normal": lambda: draw.standard_normal(size),
        "few values": lambda: draw.integers(0, 4, size),
        "all equal": lambda: np.full(size, 0.5),
        "ascending": lambda: np.arange(size),
        "descending": lambda: -np.arange(size),
        "periodic": lambda: np.arange(size) % selection.STRIDE,  # of which the sample sees one value
        "infinite": lambda: np.where(draw.random(size) < 0.5, np.inf, -np.inf),
        "mostly 0": lambda: draw.random(size) * (draw.random(size) < 0.05),
    }
    return values[kind]().astype(dtype)


def plainly(scores: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """The definition: of the highest scores, and of equal ones the first, `count`."""
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[np.argsort(-scores, kind="stable")[:count]] = True
    return chosen


@given(
    st.sampled_from(KINDS),
    st.integers(2, 3000),
    st.floats(0, 1),
    st.integers(0, 9),
    st.sampled_from([np.float32, np.float64]),
)
def test_the_highest_are_chosen_and_of_equal_ones_the_first(
    kind: str, size: int, share: float, seed: int, dtype: Any
) -> None:
    scores, count = numbers(kind, size, seed, dtype), round(share * size)
    assert np.array_equal(top(torch.from_numpy(scores), count, None).numpy(), plainly(scores, count))


@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, np.inf, -np.inf, np.nan]), min_size=1, max_size=500), st.data())
def test_a_split_is_that_of_a_partition_also_with_nan(drawn: list[float], data: st.DataObject) -> None:
    scores = np.array(drawn, np.float32)
    k = data.draw(st.integers(0, len(scores) - 1))
    value = np.sort(scores)[k]
    found = selection.split(scores, k)
    assert np.array_equal(found.above, scores > value)
    assert np.array_equal(found.equal, np.flatnonzero(scores == value))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("density", [0.5, 0.1, 0.001])
def test_many_scores(kind: str, density: float) -> None:
    scores = numbers(kind, 300_000, 0)
    count = round(density * len(scores))
    assert np.array_equal(top(torch.from_numpy(scores), count, None).numpy(), plainly(scores, count))


def test_few_of_many_are_partitioned(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    partition = np.partition
    monkeypatch.setattr(np, "partition", lambda values, at: sizes.append(len(values)) or partition(values, at))
    selection.split(numbers("normal", 1_000_000, 0), 900_000)
    assert len(sizes) == 2
    assert max(sizes) < 50_000


def test_a_sample_that_misleads_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = selection._whole, list[int]()
    monkeypatch.setattr(selection, "_whole", lambda scores, k: asked.append(k) or whole(scores, k))
    scores = numbers("periodic", 300_000, 0)
    found = selection.split(scores, 150_000)
    assert asked == [150_000]
    assert np.array_equal(found.above, scores > np.sort(scores)[150_000])
