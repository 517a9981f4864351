"""The movement of a ticket's weights, as `lottery` tells it: from noted ratios to claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest
from benchmark.experiments._movement import as_far, further, movements

from benchmark import Study
from benchmark.results.record import Record
from benchmark.studies.findings import judged
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran


def study_of(noted: Callable[[int], dict[str, Any]]) -> Study:
    """A study whose runs have noted these ratios."""

    def answer(*selections: Selection) -> Sequence[Record]:
        found = []
        for one in selections:
            [choice], [seed], [sparsity] = one.algorithms, one.seeds, one.sparsities
            assert (choice.name, sparsity) == ("weight-movement", 0.98)
            record = ran(cell(choice.name, seed, sparsity=0.0, options=dict(choice.options)), 0.9)
            found.append(record.model_copy(update={"noted": {"movement": noted(seed)}}))
        return found

    study = Study("trial", answer, lambda points, draws: [])
    study.on("digits")
    return study


def tickets(*status: str) -> pd.DataFrame:
    rows = [
        {"key": f"{seed}" * 64, "seed": seed, "sparsity": 0.98, "status": said, "method": "imp"}
        for seed, said in enumerate(status)
    ]
    return pd.DataFrame(rows)


def ratios(seed: int) -> dict[str, Any]:
    return {
        "fc.1.weight": {"raw": 3.0, "matched": 1.5 + seed / 100, "random": 1.01 + seed / 1000},
        "fc.2.weight": {"raw": 2.0, "matched": 1.1 + seed / 100, "random": None},
    }


def test_every_layer_of_every_ticket_is_a_row() -> None:
    moves = movements(study_of(ratios), tickets("ok", "ok", "ok"))
    assert moves[["seed", "layer", "raw", "sparsity"]].to_numpy().tolist()[:2] == [
        [0, "fc.1.weight", 3.0, 0.98],
        [0, "fc.2.weight", 2.0, 0.98],
    ]
    assert len(moves) == 6


def test_claims_are_of_the_mean_over_layers() -> None:
    given = tickets("ok", "ok", "ok")
    moves = movements(study_of(ratios), given)
    found, chance = further(given, moves), as_far(given, moves, within=0.05)
    assert (found.estimate, found.n) == (pytest.approx(0.31), 3)
    assert (chance.estimate, chance.bound) == (pytest.approx(0.011), 0.05)
    assert [one.verdict for one in judged([("", found, ""), ("", chance, "")])] == ["holds", "holds"]


def test_tickets_that_move_less_do_not_bear_it_out() -> None:
    given = tickets("ok", "ok", "ok")
    less = movements(
        study_of(lambda seed: {"fc": {"raw": 2.0, "matched": 0.7 + seed / 100, "random": 1.5 + seed / 100}}), given
    )
    claims = judged([("", further(given, less), ""), ("", as_far(given, less, within=0.05), "")])
    assert [one.verdict for one in claims] == ["does not hold", "does not hold"]


def test_a_ticket_without_a_result_leaves_the_claim_incomplete() -> None:
    given = tickets("ok", "failed", "ok")
    found = further(given, movements(study_of(ratios), given))
    assert found.missing == ("imp at 0.98, seed 1 (failed)",)
    none = tickets("failed")
    assert further(none, movements(study_of(ratios), none)).missing
