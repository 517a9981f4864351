"""What prunebench asks of every plug-in. `bench check` runs the same rules without pytest."""

import pytest

from benchmark.contract import ALGORITHM_RULES, EXPERIMENT_RULES, TASK_RULES, Rule, rule_name


@pytest.mark.parametrize("rule", ALGORITHM_RULES, ids=rule_name)
def test_algorithm(rule: Rule) -> None:
    rule("drift")


@pytest.mark.parametrize("rule", TASK_RULES, ids=rule_name)
def test_task(rule: Rule) -> None:
    rule("breast-cancer")


@pytest.mark.parametrize("rule", EXPERIMENT_RULES, ids=rule_name)
def test_experiment(rule: Rule) -> None:
    rule("early-drift")
