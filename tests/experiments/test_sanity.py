"""Who passes a control: with what a method is compared, which way is better, and what is said where nothing applies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from benchmark.experiments import sanity as asked

from benchmark import Study
from benchmark.results.record import Record, failure
from benchmark.results.spelling import Choice
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran

Scores = Mapping[tuple[str, str], float | None]
"""By method and control; None where the control does not apply."""


def answered(scores: Scores, direction: str = "max") -> Study:
    """A study whose runs have these scores, and some noise."""

    def record(choice: Choice, control: str, seed: int) -> Record:
        options = {"control": control} if control else {}
        one, score = cell(choice.name, seed, options=options), scores[choice.name, control]
        if score is None:
            return failure(one, ran(one, 0.5, direction).ranking, "skipped", f"nothing to {control}")
        return ran(one, score + float(np.random.default_rng([seed, len(control)]).normal(0, 0.002)), direction)

    def answer(selection: Selection) -> list[Record]:
        return [
            record(choice, control, seed)
            for choice in selection.algorithms
            for control in ("", *selection.controls)
            for seed in selection.seeds
        ]

    return Study("sanity", answer, lambda points, draws: [])


def of(
    method: str, own: float, retrain: float | None = None, **changed: float | None
) -> dict[tuple[str, str], float | None]:
    """The scores of a method: its own, and those under controls; where none is told, they do not apply."""
    under = {name.replace("_", "-"): score for name, score in changed.items()}
    return {(method, ""): own, (method, "retrain"): retrain} | {(method, c): under.get(c) for c in asked.CLAIMS}


def test_a_control_is_passed_failed_or_makes_no_difference() -> None:
    study = answered(of("snip", 0.9, shuffle=0.9, reinit=0.8, invert=0.95) | of("random", 0.7, shuffle=0.7))
    runs = study.runs("snip", "random", task="digits", seeds=5, control=["retrain", *asked.CLAIMS])
    found = asked.compared(runs)
    assert found.keys() == {("snip", "shuffle"), ("snip", "reinit"), ("snip", "invert"), ("random", "shuffle")}
    assert found["snip", "reinit"].estimate == pytest.approx(0.1, abs=0.005)
    assert found["snip", "invert"].high < 0 < found["snip", "reinit"].low
    assert found["random", "shuffle"].low < 0 < found["random", "shuffle"].high


def test_a_method_that_trains_otherwise_is_compared_through_retrain() -> None:
    """IMP reaches 0.95 by itself, 0.9 trained once; under controls that train once 0.9 is the fair number."""
    study = answered(of("imp", 0.95, retrain=0.9, shuffle=0.9, invert=0.9))
    found = asked.compared(study.runs("imp", task="digits", seeds=5, control=["retrain", *asked.CLAIMS]))
    assert found["imp", "shuffle"].estimate == pytest.approx(0, abs=0.005)
    assert found["imp", "invert"].estimate == pytest.approx(0.05, abs=0.005)


def test_where_lower_is_better_a_loss_is_a_higher_score() -> None:
    study = answered(of("snip", 0.2, reinit=0.3), "min")
    found = asked.compared(study.runs("snip", task="digits", seeds=5, control=["retrain", *asked.CLAIMS]))
    assert found["snip", "reinit"].estimate == pytest.approx(0.1, abs=0.005)


@pytest.mark.runs
@pytest.mark.parametrize(("direction", "first"), [("max", "imp"), ("min", "snip")])
def test_the_table_has_every_verdict_and_every_reason(direction: str, first: str) -> None:
    scores = of("snip", 0.8, shuffle=0.8, reinit=0.7, invert=0.9) | of("imp", 0.95, retrain=0.9, shuffle=0.9)
    study = answered(scores, direction)
    asked.sanity(study, seeds=5, pruners="snip,imp")
    (_, matrix), (_, counts), (_, reasons) = study.tables
    assert matrix.method.iloc[0] == first
    snip = matrix[matrix.method == "snip"].iloc[0]
    better, worse = ("FAILS", "passes") if direction == "max" else ("passes", "FAILS")
    assert [snip[control].split()[0] for control in ("invert", "reinit")] == [better, worse]
    assert snip["shuffle"].startswith("not told apart")
    assert snip["random-labels"] == "does not apply"
    assert counts[counts.control == "shuffle"]["not told apart"].item() == 2
    assert counts.control.tolist() == [*asked.CLAIMS]
    told = reasons[reasons.control == "erk-random"]
    assert (told.why.item(), told.methods.item()) == ("nothing to erk-random", "snip, imp")
    assert "retrain" not in set(reasons.control)
    assert study.figures.keys() == {"sanity"}


def test_a_method_is_not_compared_by_itself_where_a_run_of_retrain_has_no_result() -> None:
    study = answered(of("imp", 0.95, retrain=0.9, shuffle=0.9, invert=0.9))
    runs = study.runs("imp", task="digits", seeds=3, control=["retrain", *asked.CLAIMS])
    runs.loc[(runs.control == "retrain") & (runs.seed == 1), "status"] = "failed"
    found = asked.compared(runs)
    assert found["imp", "shuffle"].missing == ("imp at 0.9, seed 1 (failed)",)
    assert not found["imp", "invert"].missing


def test_runs_without_a_result_leave_their_claim_open() -> None:
    study = answered(of("snip", 0.9, shuffle=0.9))
    runs = study.runs("snip", task="digits", seeds=3, control=["retrain", *asked.CLAIMS])
    runs.loc[(runs.control == "shuffle") & (runs.seed == 1), "status"] = "failed"
    [finding] = asked.compared(runs).values()
    assert finding.missing == ("snip at 0.9, seed 1 (failed)",)
    assert asked.cell(finding, "incomplete") == "incomplete"
