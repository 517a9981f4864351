"""Pickles that make a folder when they are loaded, in the several ways in which a pickle can call a function."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


class Runs:
    """Calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> Any:
        return self.call


def _nested(proof: Path) -> Any:
    return {"data": np.zeros((1, 3072), np.uint8), "labels": [0], "more": [(Runs(os.mkdir, str(proof)),)]}


HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "a function": lambda proof: pickle.dumps(Runs(os.mkdir, str(proof)), 4),
    "a function by GLOBAL": lambda proof: pickle.dumps(Runs(os.mkdir, str(proof)), 0),
    "exec": lambda proof: pickle.dumps(Runs(exec, f"import os; os.mkdir({str(proof)!r})"), 2),
    "eval": lambda proof: pickle.dumps(Runs(eval, f"__import__('os').mkdir({str(proof)!r})"), 5),
    "INST": lambda proof: b"(S" + repr(str(proof)).encode() + b"\nios\nmkdir\n.",
    "OBJ": lambda proof: b"(cos\nmkdir\nS" + repr(str(proof)).encode() + b"\no.",
    "a dotted name": lambda proof: (
        b"\x80\x04\x8c\x09posixpath\x8c\x08os.mkdir\x93\x8c%c%b\x85R." % (len(str(proof)), str(proof).encode())
    ),
    "deep in containers": lambda proof: pickle.dumps(_nested(proof), 4),
    "BUILD": lambda proof: b"cos\nmkdir\n(S" + repr(str(proof)).encode() + b"\ntR}b.",
}
"""What writes each kind of file, given the folder that it makes when it is run."""


def invented_types() -> list[bytes]:
    """Pickles of arrays whose bytes would be read as addresses of objects."""
    start = b"cnumpy\ndtype\n("
    whole = pickle.dumps(np.array([None], dtype=object), 2)
    bare = start + b"S'O8'\nI00\nI01\ntR."
    record = start + b"(lp0\n(S'f0'\nS'O'\ntaI00\nI01\ntR."
    return [whole, bare, record]
