"""How long the trainings of a results folder are kept for others: while a sweep is at work there, or an experiment."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmark.results.store import Store
from benchmark.sweep.leases import Leases, held

KEPT = "kept"
"""The folder of the leases of experiments, among the trainings."""


@contextmanager
def keeping_trainings(store: Store) -> Iterator[None]:
    """Within this context, later sweeps reuse the trainings of a sweep: IMP begins with that of the dense network.

    If the disk is full, they are kept no longer than without this context.

    Raises:
        PluginError: the results folder cannot be written to.
    """
    store.check()
    with Leases(store.endings / KEPT) as leases:
        with suppress(OSError):
            leases.take(secrets.token_hex(4))
        yield
    drop_trainings(store)


def drop_trainings(store: Store) -> None:
    """Delete the trainings, unless a running sweep or experiment may still use them."""
    if not any(any(held(folder)) for folder in (store.leases, store.endings / KEPT)):
        shutil.rmtree(store.endings, ignore_errors=True)
