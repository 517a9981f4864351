"""The contract of plug-ins, as rules that the tests of a plug-in can run. `bench check NAME` runs them as well.

    @pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
    def test_contract(rule: Rule) -> None:
        rule("my-pruner")

Names load on first use, because the rules train networks, and `benchmark.contract.trial` is also run as a program.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmark.contract.algorithm_rules import ALGORITHM_RULES
    from benchmark.contract.experiment_rules import EXPERIMENT_RULES
    from benchmark.contract.finding import Broken, Rule, rule_name
    from benchmark.contract.task_rules import TASK_RULES

_HOME = {
    "ALGORITHM_RULES": "algorithm_rules",
    "Broken": "finding",
    "EXPERIMENT_RULES": "experiment_rules",
    "Rule": "finding",
    "TASK_RULES": "task_rules",
    "rule_name": "finding",
}

__all__ = ["ALGORITHM_RULES", "EXPERIMENT_RULES", "TASK_RULES", "Broken", "Rule", "rule_name"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"benchmark.contract.{_HOME[name]}"), name)
    raise AttributeError(f"module 'benchmark.contract' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
