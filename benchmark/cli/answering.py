"""The cells that a user asks for, and how they are run: for `bench run`, and for `evaluate` in Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.launching import Place, device_at, launcher_for
from benchmark.cli.output import require_device, warn
from benchmark.cli.selecting import chosen, require_known, selection
from benchmark.cli.sweeping import announce, sweep, warm_up
from benchmark.errors import PluginError, UsageError
from benchmark.plugins import registry
from benchmark.results.outcome import Answer
from benchmark.results.store import Store

if TYPE_CHECKING:
    from benchmark.launchers.launcher import Launcher
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.plan import Plan, Rerun


@dataclass(frozen=True)
class Means:
    """How cells are run.

    Args:
        jobs: the number of cells at a time; 0: in this process; None: one per core or GPU.
        device: as for `--device`.
        timeout: seconds that a cell may take.
        stall: seconds that a cell may go without progress.
        failures: stop when this many cells have failed.
        rerun: which cells are run again although they have a record.

    Raises:
        UsageError: there is no such device, or a limit that this process cannot keep.
    """

    jobs: int | None = None
    device: str = "auto"
    place: Place = field(default_factory=Place)
    data_root: Path | None = None
    timeout: float | None = None
    stall: float = 900.0
    failures: int | None = None
    rerun: Rerun = "missing"

    def __post_init__(self) -> None:
        require_device(self.device)
        if self.timeout and self.jobs == 0:
            raise UsageError("--timeout needs workers, and --jobs 0 starts none; leave out one or the other")


@dataclass(frozen=True)
class Asked:
    """Cells that are planned.

    Args:
        problems: what was named but cannot be used; the plan leaves it out.
    """

    plan: Plan
    problems: Sequence[PluginError]
    store: Store
    means: Means
    device: str
    launcher: Launcher
    declared: Declarations

    def announce(self) -> None:
        """Print how many cells there are to run, where, for about how long, and what they leave out."""
        from benchmark.sweep.left_out import left_out

        announce(self.plan, self.launcher)
        for little in left_out(self.plan.cells, self.plan.tasks):
            click.echo(f"Warning: {little}", err=True)

    def answer(self) -> list[Answer]:
        """Run the cells that have no record yet, and return the answers of all cells.

        Raises:
            DataMissing, PluginError: as for `sweep`.
        """
        from benchmark.sweep.started import Limits

        by, place = self.means, self.means.place
        limits = Limits(by.timeout, by.stall, by.failures)
        settings = (self.device, limits, by.data_root, self.declared, place.processes, place.sparse_below)
        return [*self.plan.reused, *sweep(self.plan, self.store, self.launcher, *settings)]


@contextmanager
def answering(parts: Sequence[Mapping[str, Any]], store: Store, means: Means, dry: bool = False) -> Iterator[Asked]:
    """Plan the requested cells (`selecting.said`).

    Args:
        dry: whether nothing is going to be run.

    Raises:
        UsageError: an unknown name, a wrong option, or nothing that can run.
    """
    for part in parts:
        require_known(part)
    if means.jobs != 0 and not dry and means.place.is_here:
        warm_up([one for part in parts for named in chosen(part) for one in named], means.device)
    from benchmark.sweep.apart import Declarations
    from benchmark.sweep.plan import Plan, plan

    with Declarations() as declared:
        load = registry.algorithm if means.jobs == 0 and not dry else declared.algorithm
        plans = [plan(selection(part, store, means.data_root), store, means.rerun, load) for part in parts]
        planned = Plan.whole([one for one, _ in plans])
        problems = list({str(problem): problem for _, problems in plans for problem in problems}.values())
        warn(store, planned.cells)
        device = device_at(means.place, means.device)
        launcher = launcher_for(means.place, len(planned.run), device, means.jobs, means.data_root)
        yield Asked(planned, problems, store, means, device, launcher, declared)
