"""What a rule of the contract is, and how its outcome is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Rule = Callable[[str], None]
"""Takes the name of a plug-in, and raises `Broken` if it does not follow the rule."""


class Broken(AssertionError):
    """A plug-in breaks a rule of the contract; the text says how."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Args:
        rule: its name in words.
        problem: what is wrong; empty if nothing is.
        idle: why the rule does not apply; empty if it does.
    """

    rule: str
    problem: str = ""
    idle: str = ""


def rule_name(rule: Rule) -> str:
    """The name of a rule in words."""
    return rule.__name__.replace("_", " ")


def require(condition: bool, problem: str) -> None:
    """Raise Broken with `problem` unless the condition holds."""
    if not condition:
        raise Broken(problem)
