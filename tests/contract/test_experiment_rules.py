"""The rules of experiments: built-ins keep them, and each finds the experiment that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.contract import experiment_rules
from benchmark.contract.experiment_rules import EXPERIMENT_RULES
from benchmark.contract.finding import Broken, Rule, rule_name
from benchmark.plugins import catalog
from tests.support.outside import plant

EXPERIMENTS = [name for name, plugin in catalog.plugins("experiment").items() if plugin.distribution == "prunebench"]

HEAD = """
    import os
    import numpy as np
    from benchmark import Count, Finding, Study, experiment

    def halves(rng, *, n):
        return {"half": n / 2}

    def broken(rng, *, n):
        raise ValueError("no")
"""
SOUND = '''
    @experiment(smoke={"most": 3})
    def trial(study: Study, *, most: Count = 5) -> None:
        """Halves: are they halves?

        Options:
            most: the largest number
        """
        rows = study.each(halves, n=range(1, most + 1))
        study.claim("they are", Finding.counted(int((rows.half * 2 != rows.n).sum()), len(rows)))
        study.table(rows)
'''
BREAKERS = {
    experiment_rules.asks_a_question: {
        ("are they halves?", "they are halves."): "the first line of the docstring asks nothing",
        ("most: the largest", "least: the largest"): "the docstring does not say what 'most' means",
    },
    experiment_rules.has_every_size: {('smoke={"most": 3}', ""): "it has no size smoke"},
    experiment_rules.answers_its_question: {
        ("each(halves", "each(broken"): "it ends with 1",
        ('study.claim("they are", ', "print("): "it claims nothing",
        ("Finding.counted(", "Finding.incomplete(['this']) or ("): "'they are' has no result of this",
    },
    experiment_rules.runs_nothing_when_asked_again: {
        ("n=range(1, most + 1)", "n=[1, os.getpid()]"): "a second call changes its records or points",
        ("study.table(rows)", "study.table(rows.assign(who=os.getpid()))"): "a second call has other bytes in table.md",
    },
    experiment_rules.answers_the_same_after_an_interruption: {
        ("study.table(rows)", "study.table(rows.assign(who=os.getpid()))"): "after an interruption has other bytes",
    },
}
CASES = [
    pytest.param(rule, *change, told, id=f"{rule_name(rule)}: {told}")
    for rule, changes in BREAKERS.items()
    for change, told in changes.items()
]


@pytest.fixture
def planted(tmp_path: Path, known: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """`planted(source)`: an experiment `trial` from outside, known here and to the command."""

    def lay(source: str) -> None:
        plant(tmp_path, "experiment", "trial", HEAD + source)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        known(tmp_path)
        experiment_rules.trial.cache_clear()

    return lay


@pytest.mark.slow
def test_a_sound_one_keeps_every_rule(planted: Callable[[str], None]) -> None:
    planted(SOUND)
    for rule in EXPERIMENT_RULES:
        rule("trial")


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "old", "new", "told"), CASES)
def test_what_breaks_a_rule_is_told(planted: Callable[[str], None], rule: Rule, old: str, new: str, told: str) -> None:
    assert old in SOUND
    planted(SOUND.replace(old, new))
    with pytest.raises(Broken) as broken:
        rule("trial")
    assert told in str(broken.value)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_built_in_is_described(name: str) -> None:
    experiment_rules.asks_a_question(name)
    experiment_rules.has_every_size(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_built_in(name: str) -> None:
    for rule in EXPERIMENT_RULES:
        rule(name)
