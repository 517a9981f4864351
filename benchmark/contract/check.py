"""The contract that every plug-in keeps, as rules that can be run: by `bench check NAME`, or by a plug-in's own tests.

@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_contract(rule):
    rule("my-algorithm")
"""

from __future__ import annotations

from collections.abc import Iterator
from unittest import SkipTest

from benchmark.contract.algorithm_rules import (
    ALGORITHM_RULES,
)
from benchmark.contract.finding import Broken, Finding, rule_name
from benchmark.contract.task_rules import (
    TASK_RULES,
)
from benchmark.errors import DataMissing
from benchmark.plugins import catalog


def check(name: str, kind: catalog.Kind) -> Iterator[Finding]:
    """Run every rule on a plug-in. Data that are not here end the check with DataMissing, not with a finding."""
    for rule in ALGORITHM_RULES if kind == "algorithm" else TASK_RULES:
        try:
            rule(name)
            yield Finding(rule_name(rule))
        except DataMissing:
            raise
        except SkipTest as reason:  # what pytest, too, takes for a test that is skipped
            yield Finding(rule_name(rule), idle=str(reason))
        except Exception as problem:
            text = str(problem) if isinstance(problem, Broken) else f"{type(problem).__name__}: {problem}"
            yield Finding(rule_name(rule), text)
