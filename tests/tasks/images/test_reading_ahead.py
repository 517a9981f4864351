"""Batches that are read ahead are those that are read when they are asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from benchmark.tasks.images._image_folder import Listing, Resident, Streamed, listed
from benchmark.tasks.images._pictures import Chosen, Pictures, Pixels
from benchmark.tasks.images._reading_ahead import ReadAhead
from PIL import Image
from torch import Tensor


class Noting:
    """A reader that notes what it has read, and in which thread."""

    def __init__(self) -> None:
        self.read: list[tuple[list[int], bool]] = []

    def __call__(self, index: Tensor) -> tuple[Tensor, Tensor]:
        if int(index.sum()) < 0:
            raise ValueError("no such image")
        self.read.append((index.tolist(), threading.current_thread() is threading.main_thread()))
        return index * 2, index


def at(*places: int) -> Tensor:
    return torch.tensor(places)


def test_what_was_begun_is_read_once_and_in_another_thread() -> None:
    read = Noting()
    ahead = ReadAhead(read)
    ahead.begin(at(3, 1))
    assert ahead.take(at(3, 1))[0].tolist() == [6, 2]
    assert ahead.take(at(3, 1))[0].tolist() == [6, 2]
    assert read.read == [([3, 1], False), ([3, 1], True)]


def test_other_batches_may_be_asked_for_in_between() -> None:
    read = Noting()
    ahead = ReadAhead(read)
    ahead.begin(at(3, 1))
    assert ahead.take(at(4, 1, 2))[0].tolist() == [8, 2, 4]
    assert ahead.take(at(3, 2))[0].tolist() == [6, 4]
    assert ahead.take(at(3, 1))[0].tolist() == [6, 2]
    assert [places for places, main in read.read if not main] == [[3, 1]]


def test_the_last_begun_is_the_one_that_is_kept() -> None:
    read = Noting()
    ahead = ReadAhead(read)
    ahead.begin(at(1))
    ahead.begin(at(2))
    assert ahead.take(at(1))[0].tolist() == [2]
    assert ahead.take(at(2))[0].tolist() == [4]
    assert ([1], True) in read.read
    assert ([2], False) in read.read


def test_an_image_that_cannot_be_read_is_an_error_where_it_is_asked_for() -> None:
    ahead = ReadAhead(Noting())
    ahead.begin(at(-1))
    assert ahead.take(at(1))[0].tolist() == [2]
    with pytest.raises(ValueError, match="no such image"):
        ahead.take(at(-1))


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    draw = np.random.default_rng(0)
    (tmp_path / "set" / "cat").mkdir(parents=True)
    for number in range(6):
        pixels = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / "cat" / f"{number}.png")
    return listed(tmp_path / "set", ["cat"], 16)


@pytest.mark.parametrize("kind", ["memory", "files", "some of them"])
def test_images_that_travel_are_read_ahead_with_the_same_bits(kind: str, listing: Listing) -> None:
    streamed = Streamed(listing)
    whole = streamed.read(torch.arange(6))
    kinds: dict[str, tuple[Pixels, Tensor]] = {
        "memory": (Resident(whole, ""), torch.arange(6)),
        "files": (streamed, torch.arange(6)),
        "some of them": (Chosen(streamed, at(5, 3, 1)), at(5, 3, 1)),
    }
    pixels, labels = kinds[kind]
    plain = Pictures(pixels, labels, Tensor.float, torch.device("cpu"))
    ahead = Pictures(pixels, labels, Tensor.float, torch.device("cpu"))
    assert not plain.travels
    plain.ahead(at(2, 0))
    assert plain._reader._begun is None
    with patch.object(Pictures, "travels", True):
        ahead.ahead(at(2, 0))
    assert ahead._reader._begun is not None
    for one, other in zip(ahead.batch(at(2, 0)), plain.batch(at(2, 0)), strict=True):
        assert torch.equal(one, other)
    assert ahead._reader._begun is None


def test_only_what_does_not_lie_on_the_gpu_travels_there() -> None:
    images, labels = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64)
    there = Resident(images.to("meta"), "")
    assert Pictures(Resident(images, ""), labels, Tensor.float, torch.device("cuda")).travels
    assert not Pictures(there, labels, Tensor.float, torch.device("meta", 0)).travels
    assert Pictures(there, labels, Tensor.float, torch.device("meta")).index_device.type == "meta"
