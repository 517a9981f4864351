"""`bench check`: test whether a plug-in follows the contract of its kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from benchmark.cli.completion import names_of
from benchmark.cli.output import emit, format_option
from benchmark.leaderboard.tables.formats import Rows, plain
from benchmark.plugins import catalog, registry
from benchmark.plugins.in_files import known
from benchmark.results.spelling import Choice
from benchmark.studies.experiment import named

if TYPE_CHECKING:
    from benchmark.contract.finding import Finding

LOADERS: dict[catalog.Kind, Callable[[str], object]] = {
    "algorithm": registry.algorithm,
    "task": registry.task,
    "experiment": named,
}
"""Functions that load a plug-in, and raise an error if it cannot be used at all."""


@click.command()
@click.argument(
    "names", nargs=-1, required=True, shell_complete=names_of("algorithm", "task", "experiment", several=False)
)
@click.option("--fast", is_flag=True, help="In seconds: short trainings, one network per task, experiments run once.")
@format_option
@click.pass_context
def check(ctx: click.Context, names: tuple[str, ...], fast: bool, form: str) -> None:
    """Run the contract's rules on algorithms, tasks or experiments, your own or built-in; also on ./my_file.py.

    Prints a line for each rule as it is tested; for a broken one also what else breaks it, how to reproduce it, and
    what to do.
    """
    asked_for = [choice.name for choice in known(map(Choice, names), "algorithm", "task")]
    asked = [(name, kind) for name in dict.fromkeys(asked_for) for kind in catalog.kinds_of(name)]
    for name, kind in asked:
        LOADERS[kind](name)
    import torch

    warnings.filterwarnings("ignore", ".torch.jit", FutureWarning)  # what torch-geometric's own classes are made with
    from benchmark.contract.check import check as findings_of

    torch.set_num_threads(1)  # as in a worker; more threads slow down small networks
    tables: dict[str, Rows] = {}
    full: list[dict[str, Any]] = []
    for name, kind in asked:
        title = name if catalog.kinds_of(name) == [kind] else f"{kind} {name}"
        findings = findings_of(name, kind, fast=fast)
        found = list(_told(title, findings) if form == "table" else findings)
        tables[title] = [{"rule": finding.rule, "": _outcome(finding)} for finding in found]
        full += [{"name": name, **_in_full(finding)} for finding in found]
    if form != "table":
        emit(form, tables, full)
    ctx.exit(1 if any(row["problem"] for row in full) else 0)


def _told(title: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings; each is printed as soon as it is there."""
    click.secho(title, bold=True)
    broken = []
    for finding in findings:
        mark = "BROKEN" if finding.problem else "  -   " if finding.idle else "  ok  "
        outcome = "" if mark == "  ok  " else f": {_outcome(finding)}"
        click.echo(f"{mark}  {finding.rule}{plain(outcome)}")
        for note in finding.notes:
            click.echo(f"          {plain(note)}")
        broken += [finding.rule] if finding.problem else []
        yield finding
    click.echo(f"{title} breaks {', '.join(broken)}" if broken else f"{title} keeps every rule", err=True)


def _outcome(finding: Finding) -> str:
    return finding.problem or (f"does not apply: {finding.idle}" if finding.idle else "ok")


def _in_full(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "problem": finding.problem,
        "does not apply": finding.idle,
        "notes": list(finding.notes),
    }
