"""The time that a command takes, with all that it starts: also what its processes leave behind is waited for."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
"""Linux: processes whose parents have ended become children of this one, which can wait for them."""


def spent(command: Sequence[str], check: bool = False, **how: Any) -> tuple[float, float]:
    """Run a command, and return the processor time of all its processes, and the time by the clock.

    Args:
        check: raise CalledProcessError if it ends badly.
        how: further arguments of `subprocess.run`.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=check, **how)
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used, time.monotonic() - begun
