"""`bench info`: what a method or a task is, can be told and costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import Bench
from tests.support.outside import known_here, plant

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


HALF = """
from dataclasses import replace
from benchmark.contract.toy import toy

def broken():
    raise ValueError("no weights at this address")

half = replace(toy, models={"broken": broken, **toy.models})
"""


def test_a_network_that_cannot_be_built_is_named_and_all_else_is_told(bench: Bench, tmp_path: Path) -> None:
    plant(tmp_path, "task", "half", HALF)
    with known_here(tmp_path):
        ended = bench("info", "half", "--format", "json")
        table = bench("info", "half")
    assert ended.code == table.code == 3
    said = "Error: network 'broken' of 'half' cannot be built: ValueError: no weights at this address"
    assert ended.err.splitlines() == table.err.splitlines() == [said]
    told = json.loads(ended.out)
    assert told["models"][0] == {"model": "broken", "problem": "ValueError: no weights at this address"}
    assert all(model["prunable weights"] > 0 for model in told["models"][1:])
    assert len(told["models"]) > 1
    assert told["recipes"]
    assert "cannot be built" in table.out
