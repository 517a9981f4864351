"""Ctrl-C and kill raise KeyboardInterrupt; where a destructor or an import swallows that, it is not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Pressed = Callable[[], bool]


_outer: Pressed | None = None


@contextmanager
def recorded() -> Iterator[Pressed]:
    """Within it, signals that ask for an end are recorded and raise; the function tells whether one came.

    Within another one, it is that one again. Outside the main thread, where no signal can be handled, none comes.
    """
    global _outer
    if _outer or threading.current_thread() is not threading.main_thread():
        yield _outer or (lambda: False)
        return
    pressed = [False]

    def note(number: int, frame: FrameType | None) -> None:
        pressed[0] = True
        raise KeyboardInterrupt

    def came() -> bool:
        return pressed[0]

    ends = [end for end in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(end) != signal.SIG_IGN]
    before = {end: signal.signal(end, note) for end in ends}
    _outer = came
    try:
        yield came
    finally:
        _outer = None
        for end, handler in before.items():
            signal.signal(end, handler)
