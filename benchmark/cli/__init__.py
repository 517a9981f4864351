"""The `bench` command. A subcommand is imported when it is called, and torch when one that needs it runs."""

from __future__ import annotations

import io
import sys
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem, FishComplete, add_completion_class

from benchmark.errors import BenchError, unknown_name

COMMANDS = {
    "run": "Run algorithms on tasks and print the leaderboard.",
    "status": "How far a sweep has come, what runs where, what failed.",
    "logs": "What a cell has printed, and its traceback.",
    "experiment": "Run an experiment and write its answer.",
    "leaderboard": "Which method is best at what, over seeds, and at what cost.",
    "compare": "Differences between algorithms, paired by seed.",
    "plot": "Draw a picture of records.",
    "show": "One record: densities, layers, cost, audit, versions.",
    "list": "Algorithms, tasks and experiments, built-in and installed.",
    "info": "What a plug-in is, with its options and recipes.",
    "data": "Data sets: list them, fetch them, verify them.",
    "verify": "Check records, and train their cells again.",
    "merge": "Copy the records of other results folders into this one.",
    "pack": "Move records into tables, to be committed.",
    "rm": "Delete records with their masks and logs.",
    "export": "Write the network of a record: safetensors, ONNX, torch.",
    "measure": "What the zeros of a record's network are worth.",
    "check": "Test a plug-in against the rules of its contract.",
    "new": "Create an algorithm, a task or an experiment to start from.",
    "doctor": "Check whether this machine can run the benchmark.",
}
"""The commands in order of use, with their lines in `bench --help`, which imports none of them."""


class _Failure(click.ClickException):
    """Reports a `BenchError` through click: one line on stderr and the error's exit code."""

    def __init__(self, error: BenchError) -> None:
        super().__init__("\n".join(map(_printable, str(error).splitlines())))
        self.exit_code = error.exit_code  # type: ignore[misc]  # click declares it on the class


def _printable(line: str) -> str:
    """Return a line without control characters, which a record may contain."""
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
        return [*COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in (*COMMANDS, "job"):  # only Slurm's jobs run `job`
            return None
        module = import_module(f"benchmark.cli.{cmd_name}")
        found: click.Command = getattr(module, "list_" if cmd_name == "list" else cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        unknown = args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None
        if unknown and not ctx.resilient_parsing:  # as completion parses
            raise unknown_name("command", args[0], COMMANDS, "bench --help")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*COMMANDS.items()])


@add_completion_class
class _Fish(FishComplete):
    """click's script for fish cuts every answer at its second comma, and lists of names have commas."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


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

    Every option can also be set by an environment variable: PRUNEBENCH_RUN_JOBS=4 is bench run --jobs 4.
    """
