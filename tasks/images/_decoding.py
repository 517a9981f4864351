"""Decodes image files of every kind that Pillow reads without running other programs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torch import Tensor

DECODER = 2
"""Version of the decoding, to be increased when pixels change."""

UNREAD = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "FITS"}
"""Formats that Pillow names and that are no pictures to decode. EPS is a program, which Ghostscript would run."""

TONES = 65_535
"""The brightest value of a pixel of 16 bits."""


@cache
def formats() -> frozenset[str]:
    """The formats that are read."""
    Image.init()
    return frozenset(Image.OPEN) - UNREAD


@cache
def suffixes() -> frozenset[str]:
    """The suffixes of their files, in lower case."""
    return frozenset(suffix for suffix, kind in Image.registered_extensions().items() if kind in formats())


def is_image(path: Path) -> bool:
    """Whether a path looks like an image: no hidden file, no folder, and with a suffix that is read.

    A broken link looks like one, so that it is an error and not an example less.
    """
    return path.name[0] != "." and path.suffix.lower() in suffixes() and (path.is_file() or path.is_symlink())


def decoded(file: Path, size: int) -> Tensor:
    """Decode an image to uint8 [3, size, size]: shorter edge resized to `size` (bilinear, antialiased), centre crop.

    Images are turned upright if they say so (EXIF). Of animations the first picture is taken, transparency is dropped.

    Raises:
        ValueError: the file is no image, or it is damaged.
    """
    from torchvision.transforms.v2 import functional as transforms  # which takes seconds to import

    try:
        with Image.open(file, formats=tuple(formats())) as image:
            upright = ImageOps.exif_transpose(image)
            resized = transforms.resize(_rgb(upright), [size], antialias=True)
    except Exception as error:  # decoders raise many types
        raise ValueError(f"image {file} cannot be read: {type(error).__name__}: {error}") from error
    pixels: Tensor = transforms.pil_to_tensor(transforms.center_crop(resized, [size, size]))
    return pixels


def _rgb(image: Image.Image) -> Image.Image:
    """Return the image with 8 bits each for red, green and blue. 16 bits are scaled, not cut off at 255."""
    if image.mode == "F":
        raise ValueError("its pixels are floats, of which black and white are not known; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > TONES:
            raise ValueError(f"its pixels are from {values.min():,} to {values.max():,}; save it with 8 or 16 bits")
        image = Image.fromarray(((values * 255 + TONES // 2) // TONES).astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")
