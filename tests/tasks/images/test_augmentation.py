"""Crops and flips of whole batches: the same as image by image, drawn on the CPU whatever the device."""

from __future__ import annotations

import pytest
import torch
from benchmark.tasks.images._augmentation import IMAGENET, Normalise, ResizedCrop, ShiftAndFlip, middle, resizing
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import functional as reference

NORMALISE = Normalise(*IMAGENET)
LABELS = torch.arange(8)
quick = settings(max_examples=20)


def pictures(size: int = 12, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (8, 3, size, size), dtype=torch.uint8, generator=draw)


def one_by_one(pixels: Tensor, padding: int, mode: str, seed: int) -> Tensor:
    """Flip, pad the bytes, crop, normalise: each image on its own, with torchvision."""
    draw = torch.Generator().manual_seed(seed)
    moves = torch.randint(0, 2 * padding + 1, (2, len(pixels), 1), generator=draw).squeeze(2)
    flips = torch.rand(len(pixels), 1, generator=draw).squeeze(1) < 0.5
    size = pixels.shape[2:]
    done = []
    for image, top, left, flip in zip(pixels, *moves.tolist(), flips, strict=True):
        padded = reference.pad(image, [padding] * 4, padding_mode=mode)
        cropped = reference.crop(padded, top, left, *size)
        mirrored = reference.hflip(cropped) if flip else cropped
        done.append(reference.normalize(mirrored / 255, *IMAGENET))
    return torch.stack(done)


def test_normalising_is_torchvisions() -> None:
    pixels = pictures()
    expected = reference.normalize(pixels / 255, *IMAGENET)
    torch.testing.assert_close(NORMALISE(pixels), expected, rtol=0, atol=1e-5)


def test_the_bytes_are_left_alone() -> None:
    pixels = pictures()
    before = pixels.clone()
    NORMALISE(pixels)
    assert torch.equal(pixels, before)


@quick
@given(st.integers(0, 5), st.integers(0, 2**31), st.booleans())
def test_a_batch_is_what_its_images_are_one_by_one(padding: int, seed: int, reflect: bool) -> None:
    augment = ShiftAndFlip(padding, fill=None if reflect else NORMALISE.black)
    images, labels = augment((NORMALISE(pictures()), LABELS), torch.Generator().manual_seed(seed))
    expected = one_by_one(pictures(), padding, "reflect" if reflect else "constant", seed)
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)
    assert torch.equal(labels, LABELS)


def test_what_is_padded_is_black_in_the_pixels() -> None:
    white = torch.full((200, 3, 4, 4), 255, dtype=torch.uint8)
    augment = ShiftAndFlip(4, NORMALISE.black)
    images, _ = augment((NORMALISE(white), torch.zeros(200)), torch.Generator().manual_seed(0))
    values = torch.cat([NORMALISE(torch.full((1, 3, 1, 1), shade, dtype=torch.uint8)) for shade in (0, 255)])
    for channel in range(3):
        expected = values[:, channel].flatten()
        torch.testing.assert_close(torch.unique(images[:, channel]), expected, rtol=0, atol=1e-5)


def test_every_place_and_both_sides_are_drawn() -> None:
    """An image that tells its place and its side by one pixel."""
    count = 4000
    images = torch.zeros(count, 3, 7, 7)
    images[:, :, 3, 2] = 1
    moved, _ = ShiftAndFlip(2, (0.0, 0.0, 0.0))((images, torch.zeros(count)), torch.Generator().manual_seed(0))
    places = moved[:, 0].flatten(1).argmax(dim=1)
    seen = torch.bincount(places, minlength=49)
    assert int((seen > 0).sum()) == 5 * 7, "five rows; columns 0 to 4, and 2 to 6 of the mirror image"
    assert int(seen.sum()) == count


def test_the_same_generator_gives_the_same_crops_and_another_gives_others() -> None:
    augment = ShiftAndFlip(4, NORMALISE.black)
    one, same, other = (
        augment((NORMALISE(pictures()), LABELS), torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.gpu
@pytest.mark.parametrize("fill", [None, NORMALISE.black], ids=["reflect", "zero"])
def test_a_gpu_crops_as_the_cpu_does(fill: tuple[float, float, float] | None) -> None:
    augment = ShiftAndFlip(4, fill)
    here, there = (
        augment((NORMALISE(pictures().to(device)), LABELS.to(device)), torch.Generator().manual_seed(3))[0]
        for device in ("cpu", "cuda")
    )
    torch.testing.assert_close(there.cpu(), here, rtol=0, atol=1e-6)


# --- crops that are resized -------------------------------------------------------------------------------------------


@quick
@given(st.integers(0, 2**31), st.integers(4, 40))
def test_a_rectangle_is_resized_as_torchvision_does(seed: int, size: int) -> None:
    images = torch.rand(8, 3, 24, 24, generator=torch.Generator().manual_seed(1))
    crop = ResizedCrop(size, 0.08, (3 / 4, 4 / 3))
    cut, labels = crop((images, LABELS), torch.Generator().manual_seed(seed))
    draw = torch.Generator().manual_seed(seed)
    tops, heights, lefts, widths = crop.rectangles(8, 24, 24, draw)
    flips = torch.rand(8, 1, 1, generator=draw).flatten() < 0.5
    for number, image in enumerate(images):
        place = [int(side[number]) for side in (tops, lefts, heights, widths)]
        expected = reference.resized_crop(image, *place, [size, size], antialias=True)
        expected = reference.hflip(expected) if flips[number] else expected
        torch.testing.assert_close(cut[number], expected, rtol=0, atol=1e-5)
    assert torch.equal(labels, LABELS)


def test_rectangles_have_the_areas_and_shapes_that_are_asked_for() -> None:
    crop = ResizedCrop(8, 0.25, (0.5, 2))
    tops, heights, lefts, widths = crop.rectangles(5000, 64, 64, torch.Generator().manual_seed(0))
    areas, shapes = (heights * widths) / 64**2, widths / heights
    assert bool((tops >= 0).all() & (lefts >= 0).all() & (tops + heights <= 64).all() & (lefts + widths <= 64).all())
    assert 0.23 < float(areas.min()) < 0.27
    assert float(areas.max()) > 0.95
    assert 0.45 < float(shapes.min()) < 0.6
    assert 1.7 < float(shapes.max()) < 2.2
    assert (int(tops.min()), int((tops + heights).max())) == (0, 64)


def test_where_no_draw_fits_the_whole_image_is_taken() -> None:
    crop = ResizedCrop(8, 1.0, (3.0, 3.0))
    tops, heights, lefts, widths = crop.rectangles(4, 16, 16, torch.Generator().manual_seed(0))
    assert (tops.tolist(), lefts.tolist()) == ([0] * 4, [0] * 4)
    assert (heights.tolist(), widths.tolist()) == ([16] * 4, [16] * 4)


def test_resizing_a_part_to_its_own_size_copies_it() -> None:
    weights = resizing(torch.tensor([2]), torch.tensor([3]), 7, 3)
    assert torch.equal(weights[0], torch.eye(7, dtype=torch.float64)[2:5])


def test_halving_averages_with_a_triangle() -> None:
    """Four pixels to two: a triangle of half-width 2 about 1 and 3, as far as there are pixels."""
    weights = resizing(torch.tensor([0]), torch.tensor([4]), 4, 2)
    expected = torch.tensor([[0.75, 0.75, 0.25, 0.0], [0.0, 0.25, 0.75, 0.75]], dtype=torch.float64) / 1.75
    torch.testing.assert_close(weights[0], expected)


def test_the_middle_is_cut_out() -> None:
    image = torch.arange(25.0).view(1, 1, 5, 5)
    assert middle(image, 3)[0, 0].tolist() == [[6, 7, 8], [11, 12, 13], [16, 17, 18]]
    assert torch.equal(middle(image, 5), image)
