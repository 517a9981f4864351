"""The exceptions of prunebench. Those meant for users have the exit code that `bench` ends with."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """An error with a message for the user: what happened, why, and what to do."""

    exit_code = 1


class UsageError(BenchError):
    """An unknown name, a wrong option, or nothing selected."""

    exit_code = 2


class PluginError(BenchError):
    """A plug-in, or the environment, cannot be used."""

    exit_code = 3


class DataMissing(BenchError):
    """A data set is not on this machine and cannot be downloaded, or is corrupt."""

    exit_code = 4


class VerificationFailed(BenchError):
    """A record is inconsistent, or its result cannot be reproduced."""

    exit_code = 5


class Diverged(Exception):
    """The training loss, or a weight, is NaN or infinite."""


class Inapplicable(Exception):
    """A method, control or pattern is not applicable to a cell, which is skipped with this reason."""


class Breach(Exception):
    """An algorithm changed its network other than through the methods of its run, or read the test split."""


def one_line(error: BaseException) -> str:
    """The message of an exception on one line; its type if the message is empty."""
    return " ".join(str(error).split()) or type(error).__name__


def unknown_name(kind: str, name: str, known: Iterable[str], listing: str) -> UsageError:
    """The error for an unknown name, which suggests the most similar known one.

    Args:
        kind: the kind of thing that the name should refer to, such as `algorithm`.
        listing: the command that lists the known names.
    """
    near = get_close_matches(name, list(known), n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return UsageError(f"no {kind} named '{name}'.{hint} ({listing})")
