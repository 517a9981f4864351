"""What prunebench asks of every method. `bench check my-pruner` runs the same rules."""

import pytest

from benchmark.contract import ALGORITHM_RULES, Rule, rule_name


@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_rule(rule: Rule) -> None:
    rule("my-pruner")
