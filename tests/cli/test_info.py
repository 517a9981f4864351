"""`bench info`: what a method or a task is, can be told and costs."""

from __future__ import annotations

import json

import pytest

from tests.support.command import Bench

pytestmark = pytest.mark.runs


def test_info_tells_of_an_algorithm_and_its_options(bench: Bench) -> None:
    told = json.loads(bench("info", "imp", "--format", "json").out)
    assert told["paper"] == "arXiv:1803.03635"
    assert told["summary"].startswith("IMP: ")
    options = {option["option"]: option for option in told["options"]}
    assert options["fraction"]["default"] == "0.2"
    assert options["fraction"]["values"] == "number in (0, 1)"
    assert all(option["meaning"] for option in options.values())
    assert "--algo imp:fraction=VALUE" in bench("info", "imp").out


def test_info_tells_of_a_task_its_models_and_recipes(bench: Bench) -> None:
    told = json.loads(bench("info", "digits", "--format", "json").out)
    assert {model["model"]: model["prunable weights"] for model in told["models"]}["mlp"] == 64 * 100 + 100 * 50 + 500
    assert [recipe["budget"] for recipe in told["recipes"]] == ["smoke", "short", "full"]
    assert told["data"] == "embedded"


def test_info_tries_what_a_method_costs(bench: Bench) -> None:
    """IMP prunes a fifth of what is left ten times to a tenth, and trains once more."""
    facts = json.loads(bench("info", "imp", "--format", "json").out)
    assert facts["cost"] == "11 dense trainings at sparsity 0.9"
    assert json.loads(bench("info", "snip", "--format", "json").out)["cost"].startswith(
        "1 dense training and 1 scoring"
    )


def test_a_method_and_the_experiment_that_asks_about_it_are_both_told_of(bench: Bench) -> None:
    told = json.loads(bench("info", "plasticity", "--format", "json").out)
    assert told[0]["summary"].startswith("Plasticity: ")
    assert told[1]["summary"].endswith("(Liu et al., 2021)?")
    out = bench("info", "plasticity").out
    assert "--algo plasticity:at=VALUE" in out
    assert "bench experiment plasticity:task=VALUE" in out
