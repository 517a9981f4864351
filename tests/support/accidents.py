"""Calls of the operating system that fail: no space is left, or the user interrupts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

ACCIDENTS = (OSError(28, "No space left on device"), KeyboardInterrupt())


@contextmanager
def accident(call: str, error: BaseException, at: int = 0) -> Iterator[None]:
    """`os.CALL` raises an error, which ends here.

    Args:
        at: only the call of this number does, counted from 1; 0 for all.
    """
    genuine, numbers = getattr(os, call), count(1)

    def fails(*words: Any, **named: Any) -> Any:
        if next(numbers) == at or at == 0:
            raise error
        return genuine(*words, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, call, fails)
        try:
            yield
        except (OSError, KeyboardInterrupt) as raised:
            assert raised is error  # noqa: PT017
