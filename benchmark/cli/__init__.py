"""The `bench` command. Commands that need torch import it when they run, so that the others start fast."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from benchmark.cli.check import check
from benchmark.cli.compare import compare
from benchmark.cli.data import data
from benchmark.cli.doctor import doctor
from benchmark.cli.experiment import experiment
from benchmark.cli.export import export
from benchmark.cli.job import job
from benchmark.cli.leaderboard import leaderboard
from benchmark.cli.list import info, list_
from benchmark.cli.logs import logs
from benchmark.cli.measure import measure
from benchmark.cli.merge import merge
from benchmark.cli.new import new
from benchmark.cli.pack import pack
from benchmark.cli.plot import plot
from benchmark.cli.rm import rm
from benchmark.cli.run import run
from benchmark.cli.show import show
from benchmark.cli.status import status
from benchmark.cli.verify import verify
from benchmark.errors import BenchError


class _Failure(click.ClickException):
    """Reports a `BenchError` through click: one line on stderr and the error's exit code."""

    def __init__(self, error: BenchError) -> None:
        super().__init__("\n".join(map(_printable, str(error).splitlines())))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click declares it on the class


def _printable(line: str) -> str:
    """Return a line without control characters, which a record may hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


class _Bench(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that lacks a character still gets the table
        try:
            return super().invoke(ctx)
        except BenchError as error:
            raise _Failure(error) from error
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands]  # in order of use, not sorted


SETTINGS: dict[str, Any] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "auto_envvar_prefix": "PRUNEBENCH",
}


@click.group(cls=_Bench, context_settings=SETTINGS)
@click.version_option(package_name="prunebench", prog_name="bench")
def main() -> None:
    """The benchmark for neural-network pruning: run pruners on tasks and compare them on a leaderboard.

    \b
    Exit codes: 0 all ok; 1 some run failed; 2 usage, unknown name or nothing selected;
    3 environment or plug-in unfit; 4 data missing or corrupt; 5 verification failed; 130 interrupted.

    Every option can be given by a variable, too: PRUNEBENCH_RUN_JOBS=4 is bench run --jobs 4.
    """


for command in (
    run,
    status,
    logs,
    experiment,
    leaderboard,
    compare,
    plot,
    show,
    list_,
    info,
    data,
    verify,
    merge,
    pack,
    rm,
    export,
    measure,
    check,
    new,
    doctor,
    job,
):
    main.add_command(command)
