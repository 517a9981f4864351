"""An end that is asked for is not lost."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from benchmark.sweep.interrupts import recorded, uninterrupted


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_that_is_swallowed_is_still_known(end: signal.Signals) -> None:
    before = signal.getsignal(end)
    with recorded() as outer:
        assert not outer()
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), end)
        with recorded() as inner:
            assert inner()
        assert outer()
        assert signal.getsignal(end) != before
    assert signal.getsignal(end) == before
    with recorded() as next_one:
        assert not next_one()


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with recorded() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_may_not_be_left_half_done_is_not_interrupted(end: signal.Signals) -> None:
    before = signal.getsignal(end)
    with recorded() as asked:
        during = signal.getsignal(end)
        with uninterrupted():
            os.kill(os.getpid(), end)
        assert not asked()
        assert signal.getsignal(end) == during
    assert signal.getsignal(end) == before
