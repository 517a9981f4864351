"""What can go wrong before or around a run, each with the exit code that `bench` ends with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """An error whose text is meant for the user: what, why, what next."""

    exit_code = 1


class UsageError(BenchError):
    """An unknown name, a wrong option, or nothing selected."""

    exit_code = 2


class PluginError(BenchError):
    """A plug-in, or the environment, is unfit."""

    exit_code = 3


class DataMissing(BenchError):
    """A data set is not where it was looked for, or not what it should be."""

    exit_code = 4


class VerificationFailed(BenchError):
    """A record does not hold when it is looked into."""

    exit_code = 5


class Diverged(Exception):
    """The training loss, or a weight, is no longer a finite number."""


class Inapplicable(Exception):
    """A method, control or pattern cannot apply here: the cell is skipped, with this reason."""


class Breach(Exception):
    """An algorithm did something that no verb of the run allows."""


def one_line(error: BaseException) -> str:
    """What an error says, on one line; its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def unknown_name(kind: str, name: str, known: Iterable[str], listing: str) -> UsageError:
    """The error for a name nobody knows, with the nearest one that somebody does."""
    near = get_close_matches(name, list(known), n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UsageError(f"no {kind} named '{name}'.{hint} ({listing})")
