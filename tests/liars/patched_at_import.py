"""Replaces what writes and reads records, and what tells of algorithms, when it is imported."""

import sys

from honest_plugin import honest

from benchmark import Run, algorithm
from benchmark.plugins import registry
from benchmark.results.store import Store

OUTCOME = "without effect"

Store.put = Store.keep = lambda store, record, *rest: record
Store.outcomes = lambda store: []


@algorithm()
def patched_at_import(run: Run) -> None:
    """Lie: replaces what writes and reads records when it is imported (Nobody, 2026)."""
    honest(run)


if "benchmark.sweep.declaring" in sys.modules:
    registry.algorithm = lambda name: patched_at_import
