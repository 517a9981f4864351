"""Makes Ctrl-C and `kill` raise KeyboardInterrupt, and records it, since destructors and imports may swallow it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

Interrupted = Callable[[], bool]
"""Whether a signal to end has come."""

Handler = Callable[[int, FrameType | None], None] | signal.Handlers

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
    with _handled(ends, handle):
        _outer = interrupted
        try:
            yield interrupted
        finally:
            _outer = None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore signals to end, for what may not be left half done. Does nothing outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(ENDS, signal.SIG_IGN):
        yield


@contextmanager
def _handled(ends: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    """Handle signals in this way within the context; afterwards they are handled as before."""
    before = {end: signal.signal(end, handler) for end in ends}
    try:
        yield
    finally:
        for end, earlier in before.items():
            signal.signal(end, earlier)
