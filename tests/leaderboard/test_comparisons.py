"""Rows against rows, at equal cost, against controls and across tasks: on tables small enough to work out by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmark.leaderboard.blocks import Block, largest_block
from benchmark.leaderboard.comparisons import compare_all, compare_rows, compare_with_best, standings
from benchmark.leaderboard.controls import controls
from benchmark.leaderboard.costs import matched, priced
from benchmark.leaderboard.profiles import error, mean_ranks, profiles
from benchmark.leaderboard.rows import Row, references, rows
from benchmark.leaderboard.tables.plain import boards
from benchmark.leaderboard.winners import winners
from benchmark.results.controls import CONTROLS
from benchmark.results.record import Record, failure
from tests.support.generated import NAMES, cell, generated, ran

NOISE = (0.001, -0.001, 0.0005, -0.0005, 0.0)


def scored(name: str, mean: float, seeds: Sequence[int] = range(5), turn: int = 0, **changes: Any) -> list[Record]:
    """Records around a mean, whose noise is not that of another turn."""
    direction = changes.pop("direction", "max")
    return [ran(cell(name, s, **changes), mean + NOISE[(s * (turn + 1) + turn) % 5], direction) for s in seeds]


def ranked(records: Sequence[Record]) -> dict[str, str]:
    found = rows(records)
    return {row.label: str(standing or "") for row, standing in zip(found, standings(found), strict=True)}


# --- comparisons and ranks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["max", "min"])
def test_what_is_far_apart_has_a_rank_of_its_own(direction: str) -> None:
    steps = {"a": 0.9, "b": 0.8, "c": 0.7} if direction == "max" else {"a": 0.1, "b": 0.2, "c": 0.3}
    records = [
        r for turn, (n, mean) in enumerate(steps.items()) for r in scored(n, mean, turn=turn, direction=direction)
    ]
    assert ranked(records) == {"a": "1", "b": "2", "c": "3"}


def test_tests_are_told_over_one_pair_and_over_several_pairs() -> None:
    records = [r for turn, name in enumerate("abc") for r in scored(name, 0.9 - turn / 10, turn=turn)]
    [two], [three] = boards(rows(records[:10])), boards(rows(records))
    assert two.endswith("over 1 pair")
    assert three.endswith("over 3 pairs")


def test_what_takes_its_data_in_parts_is_ranked_and_is_no_reference() -> None:
    """It prunes nothing, as the dense network, which takes all data at once and may cost more."""
    dense = scored("dense", 0.98, sparsity=0.0)
    streams = [*scored("packnet", 0.95, turn=1, sparsity=0.0), *scored("alone", 0.8, turn=2, sparsity=0.0)]
    in_parts = [r.model_copy(update={"metrics": {**r.metrics, "capacity": 0.5}}) for r in streams]
    assert ranked([*dense, *in_parts]) == {"dense": "", "packnet": "1", "alone": "2"}
    assert [row.label for row in references(rows([*dense, *in_parts])).values()] == ["dense"]


def test_neighbours_that_seeds_do_not_tell_apart_share_their_ranks() -> None:
    records = [*scored("a", 0.9), *scored("b", 0.9001, turn=1), *scored("c", 0.5, turn=2)]
    assert ranked(records) == {"a": "1-2", "b": "1-2", "c": "3"}


def test_one_seed_ranks_nobody() -> None:
    assert ranked([*scored("a", 0.9, [0]), *scored("b", 0.1, [0])]) == {"a": "", "b": ""}


def test_controls_dense_and_what_has_no_result_are_not_ranked() -> None:
    records = [*scored("a", 0.9), *scored("b", 0.5, turn=1), *scored("a", 0.95, options={"control": "shuffle"})]
    records += [*scored("dense", 0.99, sparsity=0.0), failure(cell("c"), records[0].ranking, "failed", "a reason")]
    assert ranked(records) == {"a": "1", "b": "2", "a:control=shuffle": "", "dense": "", "c": ""}


def test_a_row_says_which_seeds_it_lacks() -> None:
    found = rows([*scored("a", 0.9), *scored("b", 0.5, [0, 1, 3], turn=1)])
    assert [standing and standing.missing for standing in standings(found)] == [(), (2, 4)]


def test_a_correction_covers_the_whole_table() -> None:
    one = [*scored("a", 0.9), *scored("b", 0.8, turn=1), *scored("c", 0.7, turn=2)]
    two = [*one, *scored("a", 0.9, sparsity=0.5), *scored("b", 0.8, turn=1, sparsity=0.5)]
    assert {c.family for c in compare_all(rows(one))} == {3}
    assert {c.family for c in compare_all(rows(two))} == {4}
    assert {
        c.family for c in compare_all(rows([*one, *scored("a", 0.9, task="mnist"), *scored("b", 0.8, task="mnist")]))
    } == {
        1,
        3,
    }


def test_a_comparison_is_the_paired_test_of_scipy() -> None:
    a, b = scored("a", 0.9), scored("b", 0.899, turn=1)
    [found] = compare_all(rows([*a, *b]))
    known = stats.ttest_rel([r.metrics["score"] for r in a], [r.metrics["score"] for r in b])
    assert (found.a.label, found.b.label, found.difference.test) == ("a", "b", "paired t")
    assert found.p == pytest.approx(known.pvalue)
    assert found.facts()["difference"] == pytest.approx(0.001)


def test_the_best_is_compared_under_the_correction_for_all_pairs() -> None:
    records = [*scored("a", 0.9), *scored("b", 0.8, turn=1), *scored("c", 0.7, turn=2)]
    found = compare_with_best(rows(records))
    assert [(c.a.label, c.b.label, c.family) for c in found] == [("a", "b", 3), ("a", "c", 3)]


def test_dense_can_be_compared_with_every_sparsity() -> None:
    records = [*scored("dense", 0.99, sparsity=0.0), *scored("a", 0.9), *scored("a", 0.8, sparsity=0.95)]
    found = compare_rows(rows(records), rows(records))
    assert [(c.a.label, c.b.label, c.place.sparsity) for c in found] == [("dense", "a", 0.9), ("dense", "a", 0.95)]


@pytest.mark.parametrize("change", [{"task": "mnist"}, {"model": "cnn"}, {"budget": "full"}, {"pattern": "layer"}])
def test_rows_of_other_columns_are_never_compared(change: dict[str, Any]) -> None:
    assert compare_all(rows([*scored("a", 0.9), *scored("b", 0.8, **change)])) == []
    board = rows([*scored("a", 0.9), *scored("b", 0.8, **change)])
    assert compare_rows(board, board) == []


# --- cost -------------------------------------------------------------------------------------------------------------


def costing(name: str, flops: float, score: float, validation: float | None = 0.5, **changes: Any) -> list[Record]:
    spent = {"training_flops": flops * 0.75, "scoring_flops": flops * 0.25}
    return [ran(cell(name, seed, **changes), score, validation=validation, **spent) for seed in (0, 1)]


def test_the_front_is_what_nothing_cheaper_equals() -> None:
    plan = {"a": (1e9, 0.5), "b": (2e9, 0.4), "c": (3e9, 0.7), "d": (4e9, 0.7), "e": (5e9, 0.9)}
    found = priced(rows([r for name, (flops, score) in plan.items() for r in costing(name, flops, score)]))
    assert {one.row.label: one.front for one in found} == {"a": True, "b": False, "c": True, "d": False, "e": True}
    assert [one.flops for one in found] == [1e9, 2e9, 3e9, 4e9, 5e9], "scoring is counted too"
    assert {one.relative for one in found} == {None}


def test_cost_is_told_relative_to_the_dense_row_of_the_same_budget() -> None:
    records = [
        *costing("dense", 1e10, 0.9, sparsity=0.0),
        *costing("a", 5e9, 0.5),
        *costing("a", 7e9, 0.6, budget="full"),
    ]
    relative = {(one.row.label, one.row.budget): one.relative for one in priced(rows(records))}
    assert relative == {("dense", "short"): 1.0, ("a", "short"): 0.5, ("a", "full"): None}


def test_at_equal_cost_validation_chooses_and_test_is_shown() -> None:
    records = costing("a", 1e9, 0.5, 0.6) + costing("a", 2e9, 0.9, 0.4, budget="full")
    records += costing("a", 8e9, 0.7, 0.8, options={"rounds": 2}) + costing("b", 3e9, 0.6)
    [question] = matched(rows(records), [5e8, 1e9, 4e9, 1e10])
    a, b = sorted(question, key=lambda one: one.algorithm)
    assert [row and row.mean for row in a.at.values()] == [None, 0.5, 0.5, 0.7]
    assert [row and row.mean for row in b.at.values()] == [None, None, 0.6, 0.6]


def test_without_validation_there_is_no_choice_to_be_made() -> None:
    records = costing("a", 1e9, 0.5, None) + costing("a", 2e9, 0.9, None, budget="full")
    [[one]] = matched(rows(records), [1e9, 2e9])
    assert [row and row.mean for row in one.at.values()] == [0.5, None]


@pytest.mark.parametrize(
    ("costs", "levels"),
    [((8.6e10, 1.2e12), [1e11, 2e11, 5e11, 1e12, 2e12]), ((1e9, 1e9), [1e9]), ((3e9, 4e9), [5e9]), ((0, 0), [0])],
)
def test_levels_are_round_and_hold_every_row(costs: tuple[float, float], levels: list[float]) -> None:
    [question] = matched(rows([*costing("a", costs[0], 0.5), *costing("b", costs[1], 0.5)]))
    assert list(question[0].at) == pytest.approx(levels)
    assert all(list(one.at.values())[-1] is not None for one in question)


def test_what_costs_are_held_against_is_the_cheapest_that_prunes_nothing() -> None:
    """Methods that were asked to keep everything may stand there too, before it or after it."""
    costs = {"a": 300, "dense": 100, "z": 300}
    whole = [ran(cell(name, sparsity=0.0), 0.9, training_flops=cost) for name, cost in costs.items()]
    pruned = ran(cell("imp", sparsity=0.9), 0.8, training_flops=50)
    for order in (whole, whole[::-1]):
        [found] = [one for one in priced(rows([*order, pruned])) if one.row.algorithm == "imp"]
        assert found.relative == 0.5


# --- controls ---------------------------------------------------------------------------------------------------------


def verdicts(records: Sequence[Record]) -> dict[tuple[str, str], str]:
    return {(one.subject.label, one.control): one.verdict for one in controls(rows(records))}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_verdict_is_what_the_interval_allows(control: str) -> None:
    method, options = scored("a", 0.9), {"control": control}
    known = CONTROLS[control]
    for mean, words in {0.8: known.better, 0.9001: "no difference seen", 0.95: known.worse}.items():
        told = verdicts([*method, *scored("a", mean, turn=1, options=options)])
        assert told == {("a", control): f"{words} (n=5)"}


def test_where_retrain_has_no_result_the_method_itself_does_not_take_its_place() -> None:
    method, worse = scored("a", 0.9), scored("a", 0.5, turn=1, options={"control": "shuffle"})
    retrain = cell("a", options={"control": "retrain"})
    for status, verdict in (("failed", "no result"), ("skipped", f"{CONTROLS['shuffle'].better} (n=5)")):
        told = verdicts([*method, *worse, failure(retrain, method[0].ranking, status, "a reason")])
        assert [words for (_, control), words in told.items() if control == "shuffle"] == [verdict]


def test_verdicts_are_corrected_for_all_controls_of_the_table() -> None:
    """A difference that one control by itself would show is not seen where seven are compared."""
    method = [ran(cell("a", seed), 0.9) for seed in range(3)]
    worse = [ran(cell("a", seed, options={"control": "shuffle"}), 0.87 + 0.005 * seed) for seed in range(3)]
    others = [name for name in CONTROLS if name not in ("shuffle", "retrain")]
    rest = [ran(cell("a", n, options={"control": name}), 0.9 + 0.001 * n) for name in others for n in range(3)]
    assert verdicts([*method, *worse]) == {("a", "shuffle"): f"{CONTROLS['shuffle'].better} (n=3)"}
    assert verdicts([*method, *worse, *rest])["a", "shuffle"] == "no difference seen (n=3)"


def test_what_trains_once_is_held_against_the_control_that_only_trains_once() -> None:
    records = [*scored("a", 0.9), *scored("a", 0.7, turn=1, options={"control": "retrain"})]
    records += scored("a", 0.7001, turn=2, options={"control": "shuffle"})
    records += scored("a", 0.5, turn=3, options={"control": "invert"})
    assert verdicts(records) == {
        ("a", "retrain"): "worse from the start under its own masks (n=5)",
        ("a:control=retrain", "shuffle"): "no difference seen (n=5)",
        ("a", "invert"): "worse with its ranking turned over (n=5)",
    }


def test_one_seed_gives_no_verdict() -> None:
    records = [*scored("a", 0.9, [0]), *scored("a", 0.1, [0], options={"control": "shuffle"})]
    assert list(verdicts(records).values()) == ["too few seeds to say (unpaired, n=1 and 1)"]


def test_a_control_that_was_skipped_does_not_apply() -> None:
    method = scored("a", 0.9)
    of = cell("a", options={"control": "invert"})
    assert list(verdicts([*method, failure(of, method[0].ranking, "skipped", "ranks nothing")]).values()) == [
        "does not apply"
    ]
    assert list(verdicts([*method, failure(of, method[0].ranking, "failed", "a bug")]).values()) == ["no result"]


def test_a_control_belongs_to_the_method_with_its_options() -> None:
    records = [*scored("a", 0.9, options={"k": 1}), *scored("a", 0.8, options={"k": 2})]
    records += scored("a", 0.5, options={"k": 2, "control": "shuffle"}) + scored(
        "b", 0.5, options={"control": "shuffle"}
    )
    [found] = controls(rows(records))
    assert (found.subject.options, found.other.options) == ({"k": 2}, {"k": 2, "control": "shuffle"})


# --- across tasks -----------------------------------------------------------------------------------------------------


def board(scores: Mapping[str, Mapping[str, float]], **changes: Any) -> list[Row]:
    """By task, then by method."""
    return rows([r for task, own in scores.items() for n, s in own.items() for r in scored(n, s, task=task, **changes)])


def test_ratios_are_of_errors() -> None:
    found = {one.label: one for one in profiles(board({"x": {"a": 0.9, "b": 0.8}, "y": {"a": 0.6, "b": 0.8}}))}
    assert found["a"].ratios == {"x": pytest.approx([1.0]), "y": pytest.approx([2.0])}
    assert [found["b"].within(factor) for factor in (1, 1.9, 2.01)] == [0.5, 0.5, 1.0]
    assert found["b"].within_without(1) == (0, 1)


def test_the_scale_of_ratios_is_that_of_the_metric() -> None:
    [up] = board({"x": {"a": 0.9}})
    [down] = board({"x": {"a": 3.0}}, direction="min")
    assert (error(up), error(down)) == (pytest.approx(0.1), pytest.approx(3.0))
    for bad in (board({"x": {"a": 7.0}}), board({"x": {"a": -1.0}}, direction="min")):
        with pytest.raises(ValueError, match="not on a scale of ratios"):
            error(bad[0])


def test_a_perfect_score_leaves_the_others_infinitely_far() -> None:
    perfect = [ran(cell("a", seed), 1.0) for seed in (0, 1)]
    found = {one.label: list(one.ratios.values()) for one in profiles(rows([*perfect, *scored("b", 0.9)]))}
    assert found == {"a": [[1.0]], "b": [[math.inf]]}


THREE = {
    "x": {"a": 0.9, "b": 0.8, "c": 0.7},
    "y": {"a": 0.9, "b": 0.8, "c": 0.7},
    "z": {"a": 0.5, "b": 0.8, "c": 0.7},
}


def test_mean_ranks_say_what_hangs_on_one_task() -> None:
    found = mean_ranks(board(THREE))
    assert [(one.label, one.mean) for one in found.methods] == [("a", 5 / 3), ("b", 5 / 3), ("c", 8 / 3)]
    assert (found.methods[0].low, found.methods[0].high) == (1, 2)
    assert (len(found.block.columns), found.block.tasks) == (3, ("x", "y", "z"))
    assert found.p == pytest.approx(stats.friedmanchisquare([1, 1, 3], [2, 2, 1], [3, 3, 2]).pvalue)


def test_a_method_outside_the_largest_complete_block_is_named_and_not_averaged() -> None:
    whole = {**THREE, "w": {"a": 0.9, "b": 0.8, "c": 0.7}}
    partial = {task: {n: s for n, s in own.items() if (task, n) != ("z", "c")} for task, own in whole.items()}
    found = mean_ranks(board({**partial, "y": {**partial["y"], "d": 0.1}}))
    assert found.block.tasks == ("w", "x", "y"), "9 cells; without c there are 8"
    assert [(one.label, one.mean, one.missing) for one in found.methods] == [
        ("a", 1, 0),
        ("b", 2, 0),
        ("c", 3, 0),
        ("d", None, 2),
    ]
    assert {one.label: one.within(1) for one in profiles(board(partial))} == {"a": 1, "b": 0, "c": 0}


def test_two_methods_or_one_task_are_not_tested() -> None:
    two = {task: {"a": own["a"], "b": own["b"]} for task, own in THREE.items()}
    for rows_of in (board(two), board({"x": THREE["x"]})):
        found = mean_ranks(rows_of)
        assert (found.p, found.critical) == (None, None)


def test_every_task_counts_once_however_many_sparsities_it_has() -> None:
    often = [row for level in (0.5, 0.7, 0.8, 0.9) for row in board({"x": THREE["x"]}, sparsity=level)]
    found = mean_ranks([*often, *board({"z": THREE["z"]}, sparsity=0.9)])
    assert [(one.label, one.mean) for one in found.methods] == [("b", 1.5), ("a", 2), ("c", 2.5)]
    assert found.critical == pytest.approx(2.3437 * math.sqrt(3 * 4 / (6 * 2)), abs=1e-3), "Demsar's table, two tasks"
    near = {one.label: one.within(1) for one in profiles([*often, *board({"z": THREE["z"]}, sparsity=0.9)])}
    assert near == {"a": 0.5, "b": 0.5, "c": 0}


def test_methods_that_prune_no_weights_are_in_no_block_with_those_that_do() -> None:
    edges = {
        ("digits", "gcn", "short", "global", 0.0): {"a", "b", "e"},
        ("cora", "gcn", "short", "global", 0.0): {"a", "b", "e"},
    }
    weights = {("digits", "mlp", "short", "global", 0.9): {"a", "b", "e"}}
    block = largest_block({**edges, **weights})
    assert (block.tasks, len(block.columns)) == (("digits", "cora"), 2)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("xyz"), st.sampled_from([0.5, 0.9])), st.sets(st.sampled_from("abcd"), min_size=1)
    )
)
def test_no_other_complete_block_is_larger(present: dict[tuple[str, float], set[str]]) -> None:
    block = largest_block(present)
    assert all(block.methods <= present[column] for column in block.columns)
    for size in range(1, 5):
        for methods in map(frozenset, itertools.combinations("abcd", size)):
            columns = tuple(column for column, there in present.items() if methods <= there)
            assert not columns or Block(methods, columns).worth[:3] <= block.worth[:3]


def test_winners_hold_regions_of_sparsity() -> None:
    made = [board(THREE | {"z": THREE["x"]}, sparsity=s) for s in (0.5, 0.8)]
    made.append(board({task: {"a": 0.2, "b": 0.8, "c": 0.7} for task in THREE}, sparsity=0.9))
    found = winners([row for part in made for row in part])
    assert [(one.low, one.high, one.winner, one.tables) for one in found] == [(0.5, 0.8, "a", 3), (0.9, 0.9, "b", 3)]
    assert all(all(one.without.values()) and set(one.without) == {"x", "y", "z"} for one in found)


def test_a_winner_by_one_task_is_said_to_be_one() -> None:
    scores = {"x": {"a": 0.9, "b": 0.8}, "y": {"a": 0.5, "b": 0.6}, "z": {"a": 0.9, "b": 0.8}}
    [found] = winners(board(scores))
    assert (found.winner, dict(found.without)) == ("a", {"x": True, "y": True, "z": True})
    [found] = winners(board(scores | {"w": {"a": 0.5, "b": 0.9}, "v": {"a": 0.9, "b": 0.5}}))
    assert all(found.without.values()), "without a task that it wins, it ties"


def test_a_method_that_no_table_misses_wins() -> None:
    scores = {"x": {"a": 0.9, "b": 0.8, "c": 0.95}, "y": {"a": 0.9, "b": 0.8}}
    [found] = winners(board(scores))
    assert (found.winner, found.incomplete) == ("a", ("c",))


def test_generated_tables_come_out_in_their_true_order() -> None:
    found = mean_ranks(rows(generated(NAMES[:5], tasks=[f"task-{place}" for place in range(10)], seeds=5)))
    assert [one.label for one in found.methods] == list(NAMES[:5])
    assert found.p is not None
    assert found.p < 1e-6
