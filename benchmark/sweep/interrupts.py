"""Makes Ctrl-C and `kill` raise KeyboardInterrupt, and records it, as destructors and imports swallow exceptions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Interrupted = Callable[[], bool]
"""Whether a signal to end has come."""

ENDS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
"""The signals to end."""

_outer: Interrupted | None = None


@contextmanager
def recorded() -> Iterator[Interrupted]:
    """Record signals to end, and raise KeyboardInterrupt for them. Yields a function that says whether one has come.

    A context inside another one yields the outer one's function. Outside the main thread, where Python handles no
    signals, the function always returns False.
    """
    global _outer
    if _outer or threading.current_thread() is not threading.main_thread():
        yield _outer or (lambda: False)
        return
    received = [False]

    def handle(number: int, frame: FrameType | None) -> None:
        received[0] = True
        raise KeyboardInterrupt

    def interrupted() -> bool:
        return received[0]

    ends = [end for end in ENDS if signal.getsignal(end) != signal.SIG_IGN]
    before = {end: signal.signal(end, handle) for end in ends}
    _outer = interrupted
    try:
        yield interrupted
    finally:
        _outer = None
        for end, handler in before.items():
            signal.signal(end, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore signals to end, for what may not be left half done. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {end: signal.signal(end, signal.SIG_IGN) for end in ENDS}
    try:
        yield
    finally:
        for end, handler in before.items():
            signal.signal(end, handler)
