"""What prunebench asks of every task. `bench check my-task` runs the same rules."""

import pytest

from benchmark.contract import TASK_RULES, Rule, rule_name


@pytest.mark.parametrize("rule", TASK_RULES, ids=rule_name)
def test_rule(rule: Rule) -> None:
    rule("my-task")
