"""What is known of a plug-in before it is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmark.errors import PluginError

Kind = Literal["algorithm", "task", "experiment"]

BUILT_IN = "prunebench"
"""The distribution of the built-in plug-ins."""


@dataclass(frozen=True)
class Plugin:
    """What is known of a plug-in before it is imported.

    Args:
        module: the module of its object, which is there under the name `attribute`.
        distribution: the distribution that it came with, name and version.
        summary: the first line of its docstring.
        problem: why it cannot be used, as far as its source says; empty if nothing is wrong.
        defaults: the defaults of its options that its source has as literals.
        absent: what the absence of its options in a cell means (`benchmark.plugins.options.Absent`).
        depends: the options among these whose absence also means that they make no difference on a network.
        family: for an algorithm, when it prunes (`Algorithm.family`); empty if its source does not say.
        options: the names of its options; None if its source does not say.
        follows: for options that are made of the value of another one, its name and the form (`Follows`).
        file: the user's file that it is in; empty if it came with a distribution.
    """

    kind: Kind
    name: str
    module: str
    attribute: str
    distribution: str
    summary: str = ""
    problem: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)
    absent: Mapping[str, Any] = field(default_factory=dict, hash=False)
    depends: frozenset[str] = frozenset()
    family: str = ""
    options: tuple[str, ...] | None = None
    follows: Mapping[str, Sequence[str]] = field(default_factory=dict, hash=False)
    file: str = ""

    def error(self, reason: str) -> PluginError:
        """An error about this plug-in, which names it and its distribution."""
        return PluginError(f"{self.kind} '{self.name}' of {self.distribution} cannot be used: {reason}")
