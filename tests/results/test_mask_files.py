"""Packed masks come back as they were, and an overlap knows what chance gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmark import Masks
from benchmark.leaderboard.mask_overlap import Overlap, overlaps, whole
from benchmark.results.mask_files import pack, unpack
from tests.support.masks import digest, packed, unpacked

shapes = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=4)


def drawn(sizes: list[tuple[int, ...]], seed: int = 0, share: float = 0.5) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    return {f"layer.{i}.weight": draw.random(size) < share for i, size in enumerate(sizes)}


@given(shapes, st.integers(0, 100))
def test_packed_masks_come_back_in_order_and_to_the_bit(sizes: list[tuple[int, ...]], seed: int) -> None:
    masks = drawn(sizes, seed)
    again = unpack(pack(masks))
    assert list(again) == list(masks)
    assert all(np.array_equal(again[name], mask) and again[name].dtype == bool for name, mask in masks.items())
    assert pack(again) == pack(masks)


def test_a_mask_in_either_memory_format_is_the_same_mask() -> None:
    mask = torch.rand(4, 3, 2, 2, generator=torch.Generator().manual_seed(0)) < 0.5
    plain, last = Masks({"w": mask}), Masks({"w": mask.to(memory_format=torch.channels_last)})
    assert unpacked(packed(last)) == plain
    assert packed(last) == packed(plain)
    assert digest(last) == digest(plain)


def test_a_thousand_weights_take_a_bit_each_at_most() -> None:
    noise, sparse = drawn([(100, 100, 10)]), drawn([(100, 100, 10)], share=0.01)
    assert len(pack(noise)) < 100_000 / 8 + 1000
    assert len(pack(sparse)) < 100_000 / 8 / 2


@pytest.mark.parametrize("place", range(40, 400, 20))
def test_bytes_that_changed_on_the_way_are_told(place: int) -> None:
    """Those of the content, that is: a date may change."""
    spoilt = bytearray(pack(drawn([(50, 50)])))
    for near in range(place, place + 40):
        spoilt[near] ^= 0xFF
    with pytest.raises(ValueError, match="packed masks"):
        unpack(bytes(spoilt))


@pytest.mark.parametrize("data", [b"", b"not masks", b"PK\x03\x04 broken"])
def test_other_bytes_are_told(data: bytes) -> None:
    with pytest.raises(ValueError, match="packed masks"):
        unpack(data)


def test_overlap_on_paper() -> None:
    """Four weights, two kept by each, one of them shared: exactly what chance gives."""
    first, second = {"w": np.array([1, 1, 0, 0], bool)}, {"w": np.array([0, 1, 1, 0], bool)}
    part = overlaps(first, second)["w"]
    assert part == Overlap(total=4, first=2, second=2, both=1, chance=1.0, most=2)
    assert part.jaccard == 1 / 3
    assert part.beyond_chance == 0.0
    assert overlaps(first, first)["w"].beyond_chance == 1.0
    assert overlaps(first, {"w": ~first["w"]})["w"].beyond_chance == -1.0


def test_nothing_is_beyond_chance_where_everything_is_kept() -> None:
    everything = {"w": np.ones((3, 3), bool)}
    part = overlaps(everything, everything)["w"]
    assert part.jaccard == 1.0
    assert part.beyond_chance is None


def test_layer_densities_alone_are_no_agreement() -> None:
    """A dense and an empty layer agree by their budgets; over the whole network that is chance."""
    masks = {"dense": np.ones(10, bool), "empty": np.zeros(10, bool)}
    total = whole(overlaps(masks, masks))
    assert total.jaccard == 1.0
    assert total.beyond_chance is None


@given(shapes, st.integers(0, 50))
def test_overlap_is_symmetric_and_at_most_one(sizes: list[tuple[int, ...]], seed: int) -> None:
    first, second = drawn(sizes, seed), drawn(sizes, seed + 1, 0.3)
    one, other = whole(overlaps(first, second)), whole(overlaps(second, first))
    assert one.beyond_chance == other.beyond_chance
    assert one.jaccard == other.jaccard
    assert one.beyond_chance is None or one.beyond_chance <= 1


def test_random_masks_overlap_as_chance_has_it() -> None:
    first, second = drawn([(100, 100, 10)], 1, 0.1), drawn([(100, 100, 10)], 2, 0.1)
    found = whole(overlaps(first, second)).beyond_chance
    assert found is not None
    assert abs(found) < 0.02


def test_masks_of_other_networks_are_told() -> None:
    with pytest.raises(ValueError, match="different networks"):
        overlaps(drawn([(2, 2, 1)]), drawn([(2, 1, 2)]))
