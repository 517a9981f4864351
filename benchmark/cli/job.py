"""`bench job`: what a cluster job runs. It is not meant for users, and not in the help."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchmark.cli.launching import local
from benchmark.cli.output import usable
from benchmark.cli.sweeping import announce, sweep, warm_up
from benchmark.machine import cores
from benchmark.results.spelling import Choice
from benchmark.results.store import Store
from benchmark.sweep.interrupts import recorded


@click.command(hidden=True)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.pass_context
def job(ctx: click.Context, folder: Path) -> None:
    """Run the cells of the order in FOLDER, a subfolder of `jobs` in a results folder, with the cores of this job."""
    from benchmark.launchers.job import Job, cores_of
    from benchmark.launchers.order import Order
    from benchmark.sweep.apart import Declarations

    ctx.with_resource(recorded())
    order, store = Order.read(folder), Store(folder.parent.parent)
    warm_up([Choice(name) for cell in order.cells for name in (cell.algorithm, cell.task)], order.device)
    declared = ctx.with_resource(Declarations())
    planned, device = order.plan(declared.algorithm), usable(order.device)
    workers = min(len(planned.run), cores_of(os.environ, cores()))
    launcher = Job(local(workers, device, None, order.processes), order)
    announce(planned, launcher)
    sweep(
        planned, store, launcher, device, order.limits, order.data_root, declared, order.processes, order.sparse_below
    )
