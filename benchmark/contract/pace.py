"""How much of the contract is tested: all of it, or what takes seconds (`bench check --fast`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

_fast = ContextVar("fast", default=False)


@contextmanager
def hurried(fast: bool = True) -> Iterator[None]:
    """If `fast`, rules that are called within this context test less."""
    token = _fast.set(fast)
    try:
        yield
    finally:
        _fast.reset(token)


def is_fast() -> bool:
    """Whether rules should take seconds."""
    return _fast.get()


def budget() -> Literal["smoke", "full"]:
    """The budget of the toy tasks that methods are tried with."""
    return "smoke" if is_fast() else "full"
