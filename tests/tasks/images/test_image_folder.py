"""Folders of images: decoded once, resumed, checked, streamed where they do not fit; the same pixels every way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from benchmark.tasks.images import _image_folder
from benchmark.tasks.images._image_folder import Listing, Resident, Streamed, decoded, listed, pixels_of
from benchmark.tasks.images._pictures import Pictures
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "prunebench" / "images"


@pytest.fixture
def listing(tmp_path: Path) -> Listing:
    """Ten noisy images of several shapes in two classes, and files that are no images."""
    draw = np.random.default_rng(0)
    for number in range(10):
        folder = tmp_path / "set" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        shape = (20 + number, 30 - number, 3)
        suffix = ".JPEG" if number < 5 else ".png"
        Image.fromarray(draw.integers(0, 256, shape, dtype=np.uint8)).save(folder / f"{number}{suffix}")
    (tmp_path / "set" / "cat" / "notes.txt").write_text("no image")
    return listed(tmp_path / "set", ["cat", "dog"], 16)


def everything(listing: Listing) -> torch.Tensor:
    return torch.stack([decoded(file, listing.size) for file in listing.files])


def test_images_are_listed_by_class_and_name(listing: Listing) -> None:
    assert [file.name for file in listing.files] == [
        *("1.JPEG", "3.JPEG", "5.png", "7.png", "9.png"),
        *("0.JPEG", "2.JPEG", "4.JPEG", "6.png", "8.png"),
    ]
    assert listing.labels.tolist() == [0] * 5 + [1] * 5
    assert listing.bytes == 10 * 3 * 16 * 16


def test_an_image_of_the_stored_size_keeps_its_bytes(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert torch.equal(decoded(tmp_path / "a.png", 16), torch.from_numpy(pixels).permute(2, 0, 1))


def test_a_grey_image_has_three_channels_and_a_long_one_its_middle(tmp_path: Path) -> None:
    pixels = np.zeros((8, 24), dtype=np.uint8)
    pixels[:, 8:16] = 200
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert torch.equal(decoded(tmp_path / "a.png", 8), torch.full((3, 8, 8), 200, dtype=torch.uint8))


def test_cached_and_streamed_images_are_the_same(listing: Listing) -> None:
    [cached] = pixels_of([listing])
    index = torch.tensor([7, 0, 3])
    assert isinstance(cached, Resident)
    assert torch.equal(cached.read(index), everything(listing)[index])
    assert torch.equal(Streamed(listing).read(index), everything(listing)[index])


def test_images_are_decoded_once(listing: Listing, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = pixels_of([listing])
    monkeypatch.setattr(_image_folder, "decoded", None)
    [again] = pixels_of([listing])
    assert again.checksum == first.checksum
    assert torch.equal(again.read(torch.arange(10)), first.read(torch.arange(10)))


def test_an_interrupted_cache_is_resumed(listing: Listing, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, seen = everything(listing), list[str]()
    monkeypatch.setattr(_image_folder, "CHUNK", 4)

    def fails_at_the_sixth(file: Path, size: int) -> torch.Tensor:
        if file == listing.files[6]:
            raise KeyboardInterrupt
        return decoded(file, size)

    def notes(file: Path, size: int) -> torch.Tensor:
        seen.append(file.name)
        return decoded(file, size)

    monkeypatch.setattr(_image_folder, "decoded", fails_at_the_sixth)
    with pytest.raises(KeyboardInterrupt):
        pixels_of([listing])
    [part] = cache.glob("*.part")
    with part.open("ab") as file:
        file.write(b"torn")
    assert not list(cache.glob("*.bin"))
    monkeypatch.setattr(_image_folder, "decoded", notes)
    [pixels] = pixels_of([listing])
    assert sorted(seen) == sorted(file.name for file in listing.files[4:])
    assert torch.equal(pixels.read(torch.arange(10)), expected)
    assert not list(cache.glob("*.part"))


@pytest.mark.parametrize("harm", ["flip", "shorten", "forget"])
def test_a_harmed_cache_is_made_again(listing: Listing, cache: Path, harm: str) -> None:
    pixels_of([listing])
    [file], [told] = cache.glob("*.bin"), cache.glob("*.json")
    content = bytearray(file.read_bytes())
    content[100] ^= 255
    if harm == "forget":
        told.unlink()
    else:
        file.write_bytes(content if harm == "flip" else content[:-1])
    [pixels] = pixels_of([listing])
    assert torch.equal(pixels.read(torch.arange(10)), everything(listing))


def test_a_changed_image_has_a_cache_of_its_own(listing: Listing, cache: Path) -> None:
    pixels_of([listing])
    Image.new("RGB", (16, 16), (1, 2, 3)).save(listing.files[-1])
    [pixels] = pixels_of([listing])
    assert pixels.read(torch.tensor([9])).flatten(2).unique(dim=2).flatten().tolist() == [1, 2, 3]
    assert len(list(cache.glob("*.bin"))) == 2


def test_what_does_not_fit_is_streamed(listing: Listing, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNEBENCH_IMAGE_CACHE", str(listing.bytes * 1.5 / 1e9))
    assert [type(pixels) for pixels in pixels_of([listing, listing.part(torch.arange(6))])] == [Streamed] * 2
    assert not list(cache.glob("*.bin"))
    monkeypatch.setenv("PRUNEBENCH_IMAGE_CACHE", str(listing.bytes * 2 / 1e9))
    assert [type(pixels) for pixels in pixels_of([listing, listing.part(torch.arange(6))])] == [Resident] * 2


def test_a_split_is_read_by_index_and_its_labels_can_be_permuted(listing: Listing) -> None:
    for pixels in (*pixels_of([listing]), Streamed(listing)):
        data = Pictures(pixels, listing.labels, torch.Tensor.float, torch.device("cpu"))
        images, labels = data.batch(torch.tensor([2, 8]))
        assert len(data) == 10
        assert torch.equal(images, everything(listing)[[2, 8]].float())
        assert labels.tolist() == [0, 1]
        assert data.classes is not None
        assert data.classes.tolist() == listing.labels.tolist()
        other = data.relabelled(torch.Generator().manual_seed(0))
        assert sorted(other.labels.tolist()) == sorted(data.labels.tolist())
        assert other.digest != data.digest
        with pytest.raises(TypeError, match="no graph"):
            data.rewrite(lambda graph: graph)


def test_some_of_a_split_are_read_by_their_own_numbers(listing: Listing) -> None:
    for pixels in (*pixels_of([listing]), Streamed(listing)):
        data = Pictures(pixels, listing.labels, torch.Tensor.float, torch.device("cpu"))
        some = data.select(torch.tensor([2, 5, 8]))
        some.check()
        images, labels = some.batch(torch.tensor([2, 0]))
        assert len(some) == 3
        assert torch.equal(images, everything(listing)[[8, 2]].float())
        assert labels.tolist() == listing.labels[[8, 2]].tolist()
        assert len({data.digest, some.digest, data.select(torch.tensor([2, 5, 9])).digest}) == 3


def test_the_digest_is_of_the_content(listing: Listing, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    (tmp_path / "set").rename(moved)
    for file in moved.rglob("*.*"):
        file.touch()
    there = listed(moved, ["cat", "dog"], 16)
    (tmp_path / "set").symlink_to(moved)
    for make in (lambda x: pixels_of([x])[0], Streamed):
        digests = {
            Pictures(make(x), x.labels, torch.Tensor.float, torch.device("cpu")).digest for x in (listing, there)
        }
        assert len(digests) == 1
