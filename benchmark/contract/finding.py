"""The contract that every plug-in keeps, as rules that can be run: by `bench check NAME`, or by a plug-in's own tests.

@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_contract(rule):
    rule("my-algorithm")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Rule = Callable[[str], None]


class Broken(AssertionError):
    """A plug-in breaks a rule of the contract; the text says which and how."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one rule.

    Args:
        problem: what is wrong; empty where nothing is.
        idle: why the rule does not apply; empty where it does.
    """

    rule: str
    problem: str = ""
    idle: str = ""


def rule_name(rule: Rule) -> str:
    """A rule as words."""
    return rule.__name__.replace("_", " ")


def require(fine: bool, problem: str) -> None:
    if not fine:
        raise Broken(problem)
