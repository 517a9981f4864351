"""What a rule of the contract is, and how its outcome is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

Rule = Callable[[str], None]
"""Takes the name of a plug-in, and raises `Broken` if it does not follow the rule."""

Case = TypeVar("Case")


class Broken(AssertionError):
    """A plug-in breaks a rule of the contract; the text says how, and notes (PEP 678, shown by pytest) say the rest.

    Args:
        notes: other cases that break the rule, how to reproduce it, and what to do.
    """

    def __init__(self, problem: str, *notes: str) -> None:
        super().__init__(problem)
        for note in notes:
            self.add_note(note)


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Args:
        rule: its name in words.
        problem: what is wrong; empty if nothing is.
        idle: why the rule does not apply; empty if it does.
        notes: about what is wrong: other cases, how to reproduce it, what to do.
    """

    rule: str
    problem: str = ""
    idle: str = ""
    notes: tuple[str, ...] = ()


def rule_name(rule: Rule) -> str:
    """The name of a rule in words."""
    return rule.__name__.replace("_", " ")


def require(condition: bool, problem: str, *notes: str) -> None:
    """Raise Broken with `problem` unless the condition holds."""
    if not condition:
        raise Broken(problem, *notes)


def require_each(cases: Iterable[Case], rule: Callable[[Case], None]) -> None:
    """Try a rule on every case, the smallest first.

    Raises:
        Broken: for the first case that breaks the rule; the other cases are in its notes.
    """
    problems: list[Broken] = []
    for case in cases:
        try:
            rule(case)
        except Broken as problem:
            problems.append(problem)
    if problems:
        first, *others = dict.fromkeys(map(str, problems))
        notes = *(f"also {other}" for other in others), *getattr(problems[0], "__notes__", ())
        raise Broken(first, *notes) from problems[0].__cause__
