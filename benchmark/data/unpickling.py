"""Reads pickles and torch files of data sets without executing what they name: numbers, arrays and containers only.

A pickle is a program, and `pickle.load` runs it. Here every name in a pickle stands for a function or class of this
module that checks what it is given, and any other name is refused. Array types with objects inside are refused, too,
since a pickle could point them to any address.
"""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections import OrderedDict, defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

PLAIN = re.compile(r"[<>|=]?([biufc]\d{1,2}|[SU]\d{1,9})")
"""The names of numpy's types of numbers and of text."""


def read_pickle(file: Path, encoding: str = "ASCII") -> Any:
    """The content of a pickle of numbers, text, containers, numpy arrays, scipy's `csr_matrix` and torch tensors.

    Args:
        encoding: the encoding of text in Python 2 pickles; `latin1` for those with arrays.

    Raises:
        ValueError: the file names something else, which is not loaded, or it is damaged.
    """
    with file.open("rb") as stream:
        try:
            return _Restricted(stream, encoding=encoding).load()
        except _Refused as error:
            raise ValueError(f"{file}: {error}") from None
        except Exception as error:  # a damaged pickle can raise anything
            raise ValueError(f"{file} is damaged: {type(error).__name__}: {error}") from error


def read_tensors(file: Path | io.BytesIO, named: str = "") -> Any:
    """The content of a file of `torch.save`: tensors, numbers, text and containers, on the CPU.

    Args:
        named: the file's name in error messages; by default its path.

    Raises:
        ValueError: the file holds something else, which is not loaded, or it is damaged.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        name = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it names {name[1]}" if name else "it is damaged, or not a file of tensors"
        raise ValueError(f"{named or file}: {what}; {ALLOWED}") from None
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{named or file} is damaged: {type(error).__name__}: {_first_line(error)}") from error


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file, by name.

    Raises:
        ValueError: the file holds objects, which are not loaded, or it is damaged.
    """
    try:
        with zipfile.ZipFile(file):  # a pickle under this name has an error message of numpy that asks to load it
            pass
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # a damaged file can raise anything
        what = "it holds objects" if "allow_pickle" in str(error) else f"{type(error).__name__}: {error}"
        raise ValueError(f"{file} is not an npz file of numbers: {what}") from None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


ALLOWED = "data are read from files of numbers, arrays, tensors, text and containers, and nothing else in them is run"


class _Refused(Exception):
    """A pickle names something that is not allowed."""


class _Restricted(pickle.Unpickler):
    """An unpickler that knows the names in `_names` and no others."""

    def __init__(self, stream: io.BufferedReader, encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._known = _names()

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._known:
            raise _Refused(f"it names {module}.{name}; {ALLOWED}")
        return self._known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"it refers to another file; {ALLOWED}")


def _names() -> dict[tuple[str, str], Any]:
    """What each allowed name stands for. Created anew for every file, since a pickle can set attributes of classes."""
    array, kind, rows = (type(base.__name__, (base,), {}) for base in (_Array, _Kind, _Rows))
    known: dict[tuple[str, str], Any] = {
        ("__builtin__", "list"): list,  # as Python 2 calls it
        ("builtins", "list"): list,
        ("collections", "OrderedDict"): OrderedDict,
        ("collections", "defaultdict"): defaultdict,
        ("_codecs", "encode"): partial(_bytes),
        ("numpy", "ndarray"): "ndarray",
        ("numpy", "dtype"): kind,
        ("torch._utils", "_rebuild_tensor_v2"): partial(_tensor),
        ("torch.storage", "_load_from_bytes"): partial(_storage),
    }
    for core in ("numpy.core", "numpy._core"):
        known[f"{core}.multiarray", "_reconstruct"] = partial(_empty, array)
        known[f"{core}.multiarray", "scalar"] = partial(_scalar)
        known[f"{core}.numeric", "_frombuffer"] = partial(_from_buffer)
    return known | {(f"scipy.sparse.{file}", "csr_matrix"): rows for file in ("csr", "_csr")}


class _Kind:
    """Replaces `numpy.dtype`: a type of numbers or text, and its byte order."""

    def __init__(self, name: str, *_: Any) -> None:
        if not isinstance(name, str) or not PLAIN.fullmatch(name):
            raise _Refused(f"it has an array of type {name!r}; {ALLOWED}")
        self.dtype = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.dtype = np.dtype(state[1] + self.dtype.str[1:])


class _Array(np.ndarray[Any, Any]):
    """An array whose content is checked when a pickle fills it."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        version, shape, kind, fortran, content = state
        super().__setstate__((version, shape, _dtype(kind), fortran, content))


class _Rows(csr_matrix):  # type: ignore[misc]
    """A sparse matrix that is checked when a pickle fills it: indices outside it would read foreign memory."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        parts = tuple(np.asarray(state[name]) for name in ("data", "indices", "indptr"))
        super().__init__(parts, shape=state["_shape"])
        self.check_format(full_check=True)


def _dtype(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _Kind):
        raise _Refused(f"it has an array of unknown type; {ALLOWED}")
    return kind.dtype


def _empty(array: type[_Array], *_: Any) -> _Array:
    return array((0,), np.int8)


def _scalar(kind: Any, content: bytes | str) -> Any:
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(raw, _dtype(kind))[0]


def _from_buffer(content: bytes, kind: Any, shape: tuple[int, ...], order: Any) -> NDArray[Any]:
    return np.frombuffer(bytearray(content), _dtype(kind)).reshape(shape, order=order)


def _bytes(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


def _storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    flat = torch.tensor([], dtype=storage.dtype).set_(storage._untyped_storage)
    return flat.as_strided(size, stride, offset).clone()
