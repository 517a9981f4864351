"""`plasticity`: what it asks for, what it subtracts, and what it claims of made-up runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from benchmark.experiments.plasticity import ends, mean, measured, plasticity

from benchmark import Study
from benchmark.results.record import Record
from benchmark.studies.frames import of_records
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran

pytestmark = pytest.mark.runs  # figures ask a program for the fonts there are

After = Callable[[float, float, float, int], float]
"""From moment, sparsity, regrowth and seed to the accuracy in the end."""


def record(options: dict[str, Any], sparsity: float, seed: int, after: float) -> Record:
    told = {
        "before": {"accuracy": 0.9},
        "pruned": {"accuracy": 0.9 - sparsity / 2 - seed / 1000},
        "after": {"accuracy": after},
    }
    made = ran(cell("plasticity", seed, sparsity=sparsity, options=options), after)
    return made.model_copy(update={"noted": {"plasticity": told}})


def asked_of(after: After, **options: Any) -> tuple[Study, list[Selection]]:
    """The experiment, asked of runs with these accuracies, and what it has asked for."""
    seen = []

    def answer(selection: Selection) -> Sequence[Record]:
        seen.append(selection)
        found = []
        for choice in selection.algorithms:
            values = {name: value if name == "criterion" else float(value) for name, value in choice.options.items()}
            for sparsity in selection.sparsities:
                ended = [after(values["at"], sparsity, values["regrow"], seed) for seed in selection.seeds]
                found += [
                    record(values, sparsity, seed, value) for seed, value in zip(selection.seeds, ended, strict=True)
                ]
        return found

    study = Study("plasticity", answer, lambda points, draws: [])
    plasticity(study, **plasticity.resolve(options))
    return study, seen


def recovering(at: float, sparsity: float, regrow: float, seed: int) -> float:
    """The later the worse, by the share pruned; regrowth does nothing. The dense network gains as well."""
    return 0.95 + seed / 1000 - (0.1 + seed / 500) * at * sparsity + regrow * (seed - 1) / 100


def test_it_asks_for_every_arm_and_once_for_the_dense_network() -> None:
    _, seen = asked_of(recovering, at="0,0.5", criteria="magnitude,layer,snip")
    dense, *arms = seen
    assert (dense.sparsities, len(dense.algorithms)) == ([0.0], 2)
    assert [one.patterns for one in arms] == [["global"]] * 2 + [["layer"]] * 2 + [["global"]] * 2
    assert [one.algorithms[0].options["criterion"] for one in arms] == ["magnitude"] * 4 + ["snip"] * 2
    assert [one.algorithms[0].options["regrow"] for one in arms] == ["0.0", "0.5"] * 3


def test_the_dense_network_trained_on_is_the_zero_line() -> None:
    pruned = of_records([record({"at": 0.5}, 0.9, seed, 0.93) for seed in range(2)])
    dense = of_records([record({"at": 0.5}, 0.0, seed, 0.96) for seed in range(2)])
    rows = measured(pruned.assign(arm="magnitude"), dense)
    assert rows.plasticity.tolist() == pytest.approx([0.03, 0.03])
    assert rows.dense.tolist() == pytest.approx([0.06, 0.06])
    assert rows.net.tolist() == pytest.approx([-0.03, -0.03])
    assert rows["drop"].tolist() == pytest.approx([0.45, 0.451])


def test_what_is_lost_late_bears_the_claim_out() -> None:
    study, _ = asked_of(recovering)
    assert [one.verdict for one in study.guards] == ["holds"]
    verdicts = {one.sentence: one.verdict for one in study.claims}
    assert verdicts["0.98 pruned: less is recovered late than early"] == "holds"
    assert verdicts["0.98 pruned: regrowth raises plasticity"] == "not told apart"
    [found] = [one.finding for one in study.claims if one.sentence.startswith("0.9 pruned: less")]
    assert found.estimate == pytest.approx((0.9 - 0.2) * 0.9 * 0.102), (
        "of the last moment and the first after the start"
    )


def test_a_failed_run_leaves_its_claims_incomplete() -> None:
    pruned, dense = (
        of_records([record({"at": at}, sparsity, seed, 0.9) for at in (0.2, 0.9) for seed in range(3)])
        for sparsity in (0.9, 0.0)
    )
    pruned.loc[1, "status"] = "failed"
    rows = measured(pruned.assign(arm="magnitude"), dense)
    assert mean(rows, column="net").missing == (f"{pruned.method[1]} at 0.9, seed 1 (failed)",)


def test_the_ends_leave_out_the_start() -> None:
    assert ends([0.0, 0.9, 0.2, 0.5]) == (0.2, 0.9)


def test_the_table_has_every_arm_level_and_moment() -> None:
    study, _ = asked_of(recovering)
    [(_, table)] = study.tables
    assert isinstance(table, pd.DataFrame)
    assert len(table) == 4 * 2 * 5
    assert set(table.n) == {3}
