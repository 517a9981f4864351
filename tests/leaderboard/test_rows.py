"""Rows average what may be averaged, over seeds alone, and say what was left out."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmark.leaderboard.rows import Row, rows
from benchmark.leaderboard.statistics import summarize
from benchmark.leaderboard.tables.plain import boards
from benchmark.plugins import catalog
from benchmark.results.cell import Cell
from benchmark.results.record import Cost, Ranking, Record, Status, failure

# --- statistics -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("count", [2, 3, 5, 30])
def test_the_interval_is_students(count: int, scale: float) -> None:
    values = np.random.default_rng(count).normal(scale, scale, count).tolist()
    found = summarize(values)
    assert found.n == count
    assert found.mean == pytest.approx(np.mean(values))
    assert found.std == pytest.approx(stats.tstd(values))
    low, high = stats.t.interval(0.95, count - 1, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_three_numbers_on_paper() -> None:
    found = summarize([1.0, 2.0, 3.0])
    assert (found.n, found.mean, found.std) == (3, 2.0, 1.0)
    half = 4.302652729749464 / math.sqrt(3)  # t(2, 0.975)
    assert (found.low, found.high) == (pytest.approx(2 - half), pytest.approx(2 + half))


def test_no_value_has_no_mean() -> None:
    assert asdict(summarize([])) == {"n": 0, "mean": None, "std": None, "low": None, "high": None}


def test_one_value_has_a_mean_and_no_interval() -> None:
    assert asdict(summarize([0.5])) == {"n": 1, "mean": 0.5, "std": None, "low": None, "high": None}


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = summarize([0.1] * 5)
    assert (found.mean, found.std, found.low, found.high) == (0.1, 0, 0.1, 0.1)


# --- rows -------------------------------------------------------------------------------------------------------------


def cell(algorithm: str = "imp", seed: int = 0, **changes: Any) -> Cell:
    given = {"task": "digits", "model": "mlp", "sparsity": 0.9, "budget": "short"}
    return Cell.model_validate({"algorithm": algorithm, "seed": seed} | given | changes)


def ran(of: Cell, score: float, direction: str = "max", **cost: float) -> Record:
    ranking = Ranking.model_validate({"metric": "score", "direction": direction})
    return Record(
        key=of.key, cell=of, status="ok", ranking=ranking, metrics={"score": score}, cost=Cost.model_validate(cost)
    )


def fell(of: Cell, status: Status, direction: str = "max") -> Record:
    return failure(of, Ranking.model_validate({"metric": "score", "direction": direction}), status, "a reason")


def named(found: Sequence[Row]) -> list[str]:
    return [row.label for row in found]


def test_seeds_are_averaged() -> None:
    [row] = rows([ran(cell(seed=seed), score) for seed, score in enumerate([0.8, 0.9, 1.0])])
    assert (row.n, row.mean, row.std) == (3, pytest.approx(0.9), pytest.approx(0.1))
    assert row.ci_low is not None
    assert row.ci_high is not None
    assert row.ci_low < 0.9 < row.ci_high


DIFFERENCES: list[dict[str, Any]] = [
    {"task": "mnist"},
    {"task_options": {"protocol": "paper"}},
    {"model": "cnn"},
    {"budget": "full"},
    {"algorithm": "snip"},
    {"options": {"rewind": 0.1}},
    {"pattern": "layer"},
    {"sparsity": 0.95},
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: next(iter(difference)))
def test_nothing_but_the_seed_is_averaged_over(difference: dict[str, Any]) -> None:
    found = rows([ran(cell(), 0.8), ran(cell(**difference), 0.9), ran(cell(seed=1), 0.8)])
    assert sorted(row.n for row in found) == [1, 2]


@pytest.mark.parametrize(
    "difference",
    [{"task": "mnist"}, {"task_options": {"protocol": "paper"}}, {"model": "cnn"}, {"budget": "full"}],
    ids=str,
)
def test_tasks_models_and_budgets_never_share_a_table(difference: dict[str, Any]) -> None:
    found = rows([ran(cell(), 0.8), ran(cell(**difference), 0.9), ran(cell("snip"), 0.7)])
    assert len({row.table for row in found}) == 2
    assert len(boards(found)) == 2
    assert sorted(len(table) for table in boards(found).values()) == [1, 2]


def test_runs_without_a_result_are_counted_and_not_averaged() -> None:
    statuses: list[Status] = ["failed", "failed", "diverged", "skipped", "timeout"]
    records = [fell(cell(seed=10 + seed), status) for seed, status in enumerate(statuses)]
    [row] = rows([ran(cell(seed=0), 0.8), ran(cell(seed=1), 0.9), *records])
    assert (row.n, row.mean) == (2, pytest.approx(0.85))
    assert (row.failed, row.diverged, row.skipped, row.timeout) == (2, 1, 1, 1)
    [table] = boards([row]).values()
    assert table[0][""] == "2 failed, 1 diverged, 1 skipped, 1 timeout"


def test_a_row_without_any_result_comes_last_and_says_why() -> None:
    for direction in ("max", "min"):
        found = rows([fell(cell("aaa"), "diverged", direction), ran(cell("bbb"), 0.5, direction)])
        assert named(found) == ["bbb", "aaa"]
        assert (found[1].n, found[1].mean, found[1].std, found[1].ci_low, found[1].cost) == (0, None, None, None, {})
        [table] = boards(found).values()
        assert table[1]["score"] == ""


@pytest.mark.parametrize(
    ("direction", "best"), [("max", ["high", "middle", "low"]), ("min", ["low", "middle", "high"])]
)
def test_the_best_comes_first_whichever_way_is_up(direction: str, best: list[str]) -> None:
    scores = {"middle": 0.0, "low": -3.0, "high": 2.0}
    assert named(rows([ran(cell(name), score, direction) for name, score in scores.items()])) == best


def test_equal_scores_stand_in_alphabetical_order_whatever_came_first() -> None:
    records = [ran(cell(name), 0.5) for name in ("c", "a", "b")]
    assert named(rows(records)) == named(rows(records[::-1])) == ["a", "b", "c"]


def test_sparsities_stand_in_order_and_each_is_ranked_by_itself() -> None:
    records = [ran(cell("imp", sparsity=0.9), 0.5), ran(cell("snip", sparsity=0.9), 0.6)]
    records += [ran(cell("imp", sparsity=0.5), 0.7), ran(cell("snip", sparsity=0.5), 0.1)]
    found = [(row.sparsity, row.label) for row in rows(records)]
    assert found == [(0.5, "imp"), (0.5, "snip"), (0.9, "snip"), (0.9, "imp")]


def test_cost_is_the_mean_over_the_runs_that_ended_well() -> None:
    records = [ran(cell(seed=0), 0.8, seconds=1, trainings=2), ran(cell(seed=1), 0.8, seconds=3, trainings=2)]
    [row] = rows([*records, fell(cell(seed=2), "failed")])
    assert (row.cost["seconds"], row.cost["trainings"]) == (2, 2)
    assert set(row.cost) == set(Cost.model_fields)


# --- labels -----------------------------------------------------------------------------------------------------------


def test_a_label_shows_no_option_where_none_differs() -> None:
    options = {"fraction": 0.2, "rewind": 0.0}
    assert named(rows([ran(cell(options=options, seed=seed), 0.5) for seed in (0, 1)])) == ["imp"]


def test_a_label_shows_the_options_that_differ_and_no_other() -> None:
    records = [ran(cell(options={"fraction": f, "rewind": 0.0, "scope": "layer"}), f) for f in (0.5, 0.2)]
    assert named(rows(records)) == ["imp:fraction=0.5", "imp:fraction=0.2"]


def test_a_label_does_not_care_what_other_algorithms_vary() -> None:
    records = [ran(cell("imp", options={"rewind": 0.1}), 0.9), ran(cell("snip", options={"rewind": 0.2}), 0.8)]
    assert named(rows(records)) == ["imp", "snip"]


def test_rows_of_different_options_never_share_a_label() -> None:
    records = [ran(cell(options={"fraction": 0.2}), 0.9), ran(cell(options={"fraction": 0.2, "scope": "layer"}), 0.8)]
    assert len(set(named(rows(records)))) == 2


# --- what a program reads ---------------------------------------------------------------------------------------------


def test_a_row_is_json_with_every_number() -> None:
    [row] = rows([ran(cell(options={"rewind": 0.1}, seed=seed), 0.5 + seed / 10, seconds=1.5) for seed in range(3)])
    read = json.loads(json.dumps(asdict(row), allow_nan=False))
    wanted = "task model budget algorithm options pattern sparsity metric direction n mean std ci_low ci_high cost"
    assert set(wanted.split()) <= set(read)
    assert read["options"] == {"rewind": 0.1}
    assert (read["n"], read["mean"], read["direction"], read["cost"]["seconds"]) == (3, pytest.approx(0.6), "max", 1.5)


def test_a_table_says_metric_direction_budget_and_interval() -> None:
    [(title, table)] = boards(rows([ran(cell(seed=seed), seed, "min", trainings=2) for seed in (0, 1)])).items()
    assert title == "digits / mlp, budget short: score on the test split (lower is better)"
    assert table[0]["score"] == "0.5000"
    assert table[0]["n"] == "2"
    assert table[0]["95% interval"] == "[-5.8531, 6.8531]"
    assert table[0]["trainings"] == "2.0"
    assert "pattern" not in table[0], "it is shown where patterns differ"


def test_patterns_are_shown_where_they_differ() -> None:
    [table] = boards(rows([ran(cell(), 0.5), ran(cell(pattern="layer"), 0.6)])).values()
    assert [row["pattern"] for row in table] == ["global", "layer"]


def test_tables_that_differ_in_an_option_at_its_default_do_not_become_one() -> None:
    """A record of before the option was there, and one of after."""
    old = ran(cell(task="cora"), 0.5)
    new = ran(cell(task="cora", task_options={"protocol": catalog.plugins("task")["cora"].defaults["protocol"]}), 0.6)
    tables = boards(rows([old, new]))
    assert len(tables) == 2
    assert sum(len(table) for table in tables.values()) == 2


def test_a_table_of_single_seeds_has_no_ranks() -> None:
    single = [ran(cell("a"), 0.9), ran(cell("b"), 0.8)]
    [(title, table)] = boards(rows(single)).items()
    assert "rank" not in title
    assert all("rank" not in row for row in table)
    [(title, table)] = boards(rows([*single, ran(cell("a", seed=1), 0.91), ran(cell("b", seed=1), 0.7)])).items()
    assert "ranks: paired t" in title
    assert [row["rank"] for row in table] == ["1-2", "1-2"]
