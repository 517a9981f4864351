"""`bench experiment`: run an experiment, and write its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click
from rich.progress import Progress

from benchmark.cli.completion import names_of
from benchmark.cli.dry_run import print_plan
from benchmark.cli.launching import Place, device_at, launcher_for, launcher_options
from benchmark.cli.output import console, data_root_option, emit, format_option, machine_options, results_option, usable
from benchmark.cli.selecting import starts
from benchmark.cli.sweeping import announce, sweep, warm_up
from benchmark.machine import cores
from benchmark.plugins import catalog, registry
from benchmark.results.lookup import find_record
from benchmark.results.record import WELL, Record
from benchmark.results.spelling import only_choice
from benchmark.results.store import Store
from benchmark.studies.experiment import SIZES, Experiment, named
from benchmark.sweep.interrupts import recorded
from benchmark.sweep.kept_trainings import keeping_trainings

if TYPE_CHECKING:
    from benchmark.studies.points import Drawn, Point, Points
    from benchmark.studies.study import Study
    from benchmark.studies.trained import Trained
    from benchmark.sweep.again import Here
    from benchmark.sweep.plan import Selection


@click.command()
@click.argument("name", required=False, shell_complete=names_of("experiment"))
@click.option("--size", type=click.Choice(SIZES), default="tiny", show_default=True, help="How much is run.")
@machine_options
@launcher_options
@click.option("--rerun", type=click.Choice(["missing", "failed", "all"]), default="missing", show_default=True)
@click.option("--dry-run", is_flag=True, help="Print what would be run, up to the first results that are missing.")
@data_root_option
@results_option
@format_option
@click.pass_context
def experiment(ctx: click.Context, /, name: str | None, size: Any, results: Path, form: str, **settings: Any) -> None:
    """Run an experiment: NAME, or NAME:OPTION=VALUE,...; without a name, list them.

    Its runs and points are kept, so a second call runs nothing. The answer, a table with claims, figures and all rows,
    is written to experiments/NAME/ in the results folder. A claim that does not hold is an answer like any other.
    """
    if name is None:
        listed = catalog.plugins("experiment").values()
        emit(form, {"experiments": [{"name": one.name, "asks": one.problem or one.summary} for one in listed]})
        return
    ctx.with_resource(recorded())
    choice = only_choice(name)
    asked = named(choice.name)
    options = asked.resolve(choice.options, size)
    by = Asking(Store(results), form=form, **settings)
    from benchmark.studies.study import Study

    study = Study(asked.name, by.answer, by.compute, by.trained)
    try:
        with by:
            asked(study, **options)
    except Pending:
        click.echo("... and what follows from their answers", err=True)
        return
    _tell(asked, study, options, results, form)
    ctx.exit(1 if by.unsuccessful else 0)


def _tell(asked: Experiment, study: Study, options: dict[str, Any], results: Path, form: str) -> None:
    """Write the result, and print its claims and tables."""
    from benchmark.studies.result import claims_rows, files, folder, put, table_rows

    into = folder(results, asked.name, asked.spelled(options))
    changed = put(files(study, asked.spelled(options)), into)
    claims = study.guards + study.claims
    tables = {title or "table": table_rows(rows) for title, rows in study.tables}
    emit(form, {"claims": claims_rows(claims), **tables}, [one.to_json() for one in claims])
    click.echo(f"{'written to' if changed else 'nothing has changed in'} {into}", err=True)


class Pending(Exception):
    """The next request of a dry run has no results yet."""


@dataclass
class Asking:
    """Answers the requests of a study from the records and points of a results folder, and runs what is missing.

    As a context, it keeps the trainings of a sweep for later sweeps; after an interrupt, for the call that continues.

    Args:
        jobs: the number of cells, and points, at a time; 0: in this process; None: one per core.
        place: where cells are run; points are computed here.
    """

    store: Store
    jobs: int | None
    device: str
    place: Place
    rerun: Any
    dry_run: bool
    data_root: Path | None
    form: str
    unsuccessful: int = 0
    _run_here: set[str] = field(default_factory=set)
    _points: Points | None = None
    _kept: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._kept.__exit__(*error)

    def answer(self, *selections: Selection) -> list[Record]:
        """The records of all cells of selections, sorted by cell, whether or not they were run now."""
        from benchmark.sweep.apart import Declarations
        from benchmark.sweep.plan import Plan, plan
        from benchmark.sweep.started import Limits

        selections = tuple(replace(one, starts=starts(one.starts, self.store, self.data_root)) for one in selections)
        with Declarations() as declared:
            load = registry.algorithm if self.jobs == 0 and not self.dry_run else declared.algorithm
            plans = [plan(selection, self.store, self.rerun, load) for selection in selections]
            if broken := [problem for _, problems in plans for problem in problems]:
                raise broken[0]
            planned = Plan.whole([one for one, _ in plans])
            cells = planned.cells
            planned.run[:] = [cell for cell in planned.run if cell.key not in self._run_here]
            device = device_at(self.place, self.device)
            launcher = launcher_for(self.place, len(planned.run), device, self.jobs, self.data_root)
            if planned.run or self.dry_run:
                announce(planned, launcher)
            if planned.run and self.dry_run:
                print_plan(planned, self.data_root, self.form)
                raise Pending
            if planned.run:
                if not self._run_here:
                    self._kept.enter_context(keeping_trainings(self.store))
                if self.place.is_here and self.jobs != 0:
                    warm_up([one for asked in selections for one in (*asked.algorithms, *asked.tasks)], self.device)
                limits = Limits(None, 900.0)
                sweep(
                    planned,
                    self.store,
                    launcher,
                    device,
                    limits,
                    self.data_root,
                    declared,
                    self.place.processes,
                    self.place.sparse_below,
                )
        self._run_here |= {cell.key for cell in planned.run}
        records = [record for cell in sorted(cells, key=str) if (record := self.store.get(cell))]
        self.unsuccessful += sum(record.status not in WELL for record in records)
        return records

    def trained(self, key: str) -> Trained:
        """The network of a record."""
        from benchmark.studies.trained import trained

        return trained(find_record(key, self.store), self._here)

    @property
    def _here(self) -> Here:
        from benchmark.sweep.again import Here

        return Here(self.store, usable(self.device), self.data_root)

    def compute(self, asked: Sequence[Point], draws: int) -> Iterable[tuple[Point, Drawn]]:
        """Every point with at least the given number of draws."""
        from benchmark.studies.points import Points, completed, missing

        points = self._points = self._points or Points(self.store.root, self.rerun)
        if self.dry_run and (lacking := missing(points, asked, draws)):
            click.echo(f"{len(asked)} points of {draws} draws: {len(asked) - len(lacking)} answered already", err=True)
            click.echo("".join(f"{one}\n" for one in lacking), nl=False)
            raise Pending
        if any(one.networks for one in asked):
            self._make(missing(points, asked, draws))
        found = []
        with _counted(len(asked)) as count:
            for one, drawn in completed(points, asked, draws, self._processes):
                found.append((one, drawn))
                count()
                self.unsuccessful += bool(drawn.error)
                if drawn.error:
                    click.echo(f"Warning: {one}: {drawn.error}", err=True)
        for problem in points.problems:
            click.echo(f"Warning: {problem}", err=True)
        points.problems.clear()
        return found

    @property
    def _processes(self) -> int:
        """The number of processes that compute points."""
        return cores() if self.jobs is None or not self.place.is_here else self.jobs

    def _make(self, lacking: Sequence[Point]) -> None:
        """Train again the networks that these points need and that are not kept."""
        for network in dict.fromkeys(network for one in lacking for network in one.networks):
            self._here.network(network.record)


@contextmanager
def _counted(total: int) -> Iterator[Callable[[], None]]:
    """Show, on a terminal, how many points are done. Yields a function that reports one more."""
    screen = console(err=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        bar = progress.add_task("points", total=total)
        yield lambda: progress.update(bar, advance=1)
