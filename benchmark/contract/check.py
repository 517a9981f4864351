"""Runs all rules of the contract on a plug-in, for `bench check NAME`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import SkipTest

from benchmark.contract.algorithm_rules import ALGORITHM_RULES
from benchmark.contract.experiment_rules import EXPERIMENT_RULES
from benchmark.contract.finding import Broken, Finding, Rule, rule_name
from benchmark.contract.task_rules import TASK_RULES
from benchmark.errors import DataMissing
from benchmark.plugins import catalog

RULES: dict[catalog.Kind, Sequence[Rule]] = {
    "algorithm": ALGORITHM_RULES,
    "task": TASK_RULES,
    "experiment": EXPERIMENT_RULES,
}
"""What every plug-in of a kind follows."""


def check(name: str, kind: catalog.Kind) -> Iterator[Finding]:
    """Run every rule on a plug-in, and yield the outcome of each.

    Raises:
        DataMissing: data that it needs are not on this machine, which is no fault of the plug-in, and so no finding.
    """
    for rule in RULES[kind]:
        try:
            rule(name)
            yield Finding(rule_name(rule))
        except DataMissing:
            raise
        except SkipTest as reason:  # pytest counts a rule that raises it as skipped, too
            yield Finding(rule_name(rule), idle=str(reason))
        except Exception as problem:
            text = str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {problem}"
            yield Finding(rule_name(rule), text)
