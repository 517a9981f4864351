"""What prunebench asks of every plug-in. `bench check` runs the same rules without pytest."""

import pytest

from benchmark.contract.algorithm_rules import ALGORITHM_RULES
from benchmark.contract.finding import Rule, rule_name
from benchmark.contract.task_rules import TASK_RULES


@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_algorithm(rule: Rule) -> None:
    rule("drift")


@pytest.mark.parametrize("rule", TASK_RULES, ids=rule_name)
def test_task(rule: Rule) -> None:
    rule("breast-cancer")
