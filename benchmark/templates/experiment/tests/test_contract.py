"""What prunebench asks of every experiment. `bench check my-question` runs the same rules."""

import pytest

from benchmark.contract import EXPERIMENT_RULES, Rule, rule_name


@pytest.mark.parametrize("rule", EXPERIMENT_RULES, ids=rule_name)
def test_rule(rule: Rule) -> None:
    rule("my-question")
