"""The mathematics of `selective`, on few rows; and a whole answer, which is the same a second time."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from benchmark.experiments._options import with_option
from benchmark.experiments._risks import (
    above_stopped,
    by_scores,
    few_errors,
    labelled,
    less_alike,
    loss_of,
    overlaps,
    risks,
    steadiest,
    stopped,
    table,
)

from benchmark.results.store import Store
from tests.support.command import Bench


def row(seed: int = 0, arm: str = "dense", loss: str = "cross-entropy", **values: Any) -> dict[str, Any]:
    """A run as `Study.runs` gives it, with the columns that are asked for here."""
    told = {"seed": seed, "algorithm": arm, "method": arm, "sparsity": 0.0, "status": "ok", "loss": loss, "error": 0.3}
    told |= {"density": 1.0, "validation.accuracy": 0.7, "diagnosis.selective.errors": 200}
    return told | {f"diagnosis.{name}" if "." in name else name: value for name, value in values.items()}


def runs(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def test_an_option_is_added_to_a_task_with_and_without_others() -> None:
    assert with_option("digits", "loss=gambler") == "digits:loss=gambler"
    assert with_option("cifar10:recipe=cpu", "loss=gambler") == "cifar10:recipe=cpu,loss=gambler"
    assert with_option("sst2:rate=0.1,length=9", "rate=0.2") == "sst2:length=9,rate=0.2"


def test_the_loss_is_read_off_the_task() -> None:
    assert loss_of("digits-noisy") == "cross-entropy"
    assert loss_of("digits-noisy:loss=gambler,payoff=2.2,early=0.33") == "payoff 2.2"
    frame = labelled(runs({"task": "mnist", "sparsity": 0.98, "accuracy": 0.9}))
    assert (frame.loss[0], frame.density[0], frame.error[0]) == ("cross-entropy", 0.02, pytest.approx(0.1))


def test_the_dense_network_is_stopped_where_it_first_has_the_error() -> None:
    path = [(0.8, 0.2), (0.4, 0.1), (0.3, 0.08), (0.35, 0.5)]
    assert stopped(path, 0.6) == pytest.approx(0.15)
    assert stopped(path, 0.35) == pytest.approx(0.09)  # on its way down
    assert stopped(path, 0.3) == pytest.approx(0.08)
    assert math.isnan(stopped(path, 0.9))
    assert math.isnan(stopped(path, 0.2))


def stops(seed: int, shift: float) -> list[dict[str, Any]]:
    return [row(seed, error=e, **{"selective.e_aurc": a + shift}) for e, a in ((0.8, 0.2), (0.4, 0.1), (0.2, 0.05))]


def test_pruned_networks_are_compared_with_the_dense_one_of_their_seed() -> None:
    dense = runs(*stops(0, 0.0), *stops(1, 0.01), *stops(2, 0.02))
    areas = [0.16, 0.175, 0.19]
    pruned = runs(*(row(seed, "imp", error=0.6, **{"selective.e_aurc": area}) for seed, area in enumerate(areas)))
    found = above_stopped(pruned, dense)
    assert found.estimate == pytest.approx((0.01 + 0.015 + 0.02) / 3)
    assert (found.n, found.side, found.bound) == (3, "above", 0.0)
    better = above_stopped(pruned.assign(error=0.1), dense)
    assert better.verdict(None)[0] == "uninformative"
    lost = above_stopped(pruned.assign(status="failed"), dense)
    assert lost.verdict(None)[0] == "incomplete"
    assert "imp at 0, seed 0 (failed)" in lost.missing


def test_the_payoff_is_chosen_on_validation_among_those_that_never_collapse() -> None:
    of = {
        "payoff 2.2": (0.9, "failed"),
        "payoff 4": (0.6, "ok"),
        "payoff 9": (0.7, "ok"),
        "cross-entropy": (0.99, "ok"),
    }
    rows = [
        row(seed, loss=loss, **{"validation.accuracy": accuracy}) | {"status": status if seed else "ok"}
        for loss, (accuracy, status) in of.items()
        for seed in (0, 1)
    ]
    dense = runs(*rows)
    dense["validation.accuracy"] = [of[loss][0] for loss in dense.loss]
    assert steadiest(dense) == "payoff 9"
    assert steadiest(dense[dense.loss == "cross-entropy"]) == "no payoff"


def test_too_few_errors_are_counted() -> None:
    frame = runs(row(0), row(1), row(2, **{"selective.errors": 49}))
    found = few_errors(frame, 50)
    assert (found.estimate, found.n, found.verdict(None)[0]) == (1, 3, "does not hold")
    assert few_errors(frame[:2], 50).verdict(None)[0] == "holds"


def test_scores_are_compared_on_the_same_networks() -> None:
    rows = [row(seed, **{"selective.aurc": 0.1, "reservation.aurc": 0.12 + seed / 1000}) for seed in range(3)]
    found = by_scores(runs(*rows))
    assert found.estimate == pytest.approx(0.021)
    assert found.side == "below"
    assert by_scores(runs(*rows)[:0]).verdict(None)[0] == "incomplete"


REJECTED = [[0, 1, 2, 3], [0, 1, 8, 9], [0, 7, 8, 9]]


def test_overlaps_are_of_one_seed_and_their_reference_of_two() -> None:
    dense = runs(*(row(seed, **{"selective.rejected": found}) for seed, found in enumerate(REJECTED)))
    pruned = runs(*(row(seed, "imp", **{"selective.rejected": [0, 1, 8, 7]}) for seed in range(3)))
    assert overlaps(pruned, dense) == {0: 0.5, 1: 0.75, 2: 0.75}
    found = less_alike(pruned, dense)
    assert found.estimate == pytest.approx((0.5 + 0.75 + 0.75) / 3 - (2 / 4 + 3 / 4 + 1 / 4) / 3)
    assert "an overlap of 0.67" in found.says
    assert less_alike(pruned[:1], dense[:1]).verdict(None)[0] == "uninformative"


def test_the_table_counts_what_failed_and_averages_the_rest() -> None:
    frame = runs(
        row(0, **{"selective.aurc": 0.1, "selective.risk_at.0.9": 0.2}),
        row(1, **{"selective.aurc": 0.3, "selective.risk_at.0.9": 0.4}),
        row(2) | {"status": "failed", "error": math.nan},
    )
    [told] = table(frame).to_dict("records")
    assert (told["n"], told["failed"], told["error"]) == (2, 1, 0.3)
    assert (told["AURC, softmax"], told["risk at 0.9, softmax"]) == (pytest.approx(0.2), pytest.approx(0.3))
    assert math.isnan(told["AURC, reservation"])


@pytest.mark.runs  # matplotlib looks for fonts
def test_the_figure_has_a_panel_for_each_share_and_a_curve_for_each_score() -> None:
    told = {"selective.risk_at.1": 0.3, "selective.risk_at.0.5": 0.1}
    stakes = {"reservation.risk_at.1": 0.3, "reservation.risk_at.0.5": 0.2}
    rows = [row(0, **told), row(0, loss="payoff 9", **told, **stakes)]
    rows += [row(0, "imp", **told) | {"density": 0.2, "sparsity": 0.8}]
    figure = risks(runs(*rows), "payoff 9")
    assert [len(axes.lines) for axes in figure.axes] == [3, 2]
    assert figure.axes[0].lines[2].get_ydata().tolist() == [0.3, 0.2]


@pytest.mark.slow
def test_it_answers_and_a_second_call_runs_nothing(own: Store, bench: Bench) -> None:
    first = bench("experiment", "selective", "--size", "smoke", "--jobs", "0")
    assert first.code == 0, first.err
    [folder] = (own.root / "experiments" / "selective").iterdir()
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert files.keys() == {"rows.csv", "table.md", "claims.json", "risk.svg", "excess.svg"}
    second = bench("experiment", "selective", "--size", "smoke", "--jobs", "0")
    assert "nothing has changed" in second.err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == files
