"""Reads and writes masks with one bit per weight, using only NumPy, which is imported when there is a mask to read."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

if TYPE_CHECKING:
    import numpy as np

Bits = Mapping[str, "np.ndarray[Any, np.dtype[np.bool_]]"]
"""Masks by name of tensor: boolean arrays that are True for kept weights."""


def pack(masks: Bits, *, compressed: bool = True) -> bytes:
    """Return masks as the bytes of an npz file: the packed bits and shape of each tensor. Equal masks give equal bytes.

    Args:
        compressed: whether each tensor is compressed; False for bytes that are then compressed as a whole.
    """
    import numpy as np

    arrays = {f"{name}:bits": np.packbits(mask.reshape(-1)) for name, mask in masks.items()}
    shapes = {f"{name}:shape": np.array(mask.shape, dtype=np.int64) for name, mask in masks.items()}
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays | shapes)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(data: bytes) -> dict[str, np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return the masks in the bytes of `pack`, in their original order.

    Raises:
        ValueError: the bytes are not packed masks.
    """
    import numpy as np

    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            names = [key.removesuffix(":bits") for key in file if key.endswith(":bits")]
            return {name: _unpacked(file[f"{name}:bits"], file[f"{name}:shape"]) for name in names}
    except (BadZipFile, zlib.error, NotImplementedError, ValueError, KeyError, EOFError, OSError) as error:
        raise ValueError(f"not a file of packed masks: {error}") from error


def digest(masks: Bits) -> str:
    """Return the SHA-256 of the masks' names, shapes and packed bits."""
    import numpy as np

    sha = hashlib.sha256()
    for name in sorted(masks):
        mask = masks[name]
        sha.update(f"{name}{mask.shape}".encode())
        sha.update(np.packbits(mask.reshape(-1)).tobytes())
    return sha.hexdigest()


def _unpacked(bits: Any, shape: Any) -> np.ndarray[Any, np.dtype[np.bool_]]:
    import numpy as np

    return np.unpackbits(bits, count=int(np.prod(shape))).astype(np.bool_).reshape(shape)
