"""How much better tickets train from their own initial weights, over rates and warm-ups."""

from __future__ import annotations

import pandas as pd
import pytest
from benchmark.experiments._warmups import higher_when_warmed, margins

OWN = {(0.01, 0.0): 0.9, (0.01, 0.1): 0.9, (0.1, 0.0): 0.8, (0.1, 0.1): 0.85}
TWIN = {(0.01, 0.0): 0.7, (0.01, 0.1): 0.8, (0.1, 0.0): 0.8, (0.1, 0.1): 0.75}


def tickets() -> pd.DataFrame:
    """Two seeds of the ticket and its twin at two rates and two warm-ups; the scores of seed 1 are 0.01 higher."""
    return pd.DataFrame(
        {
            "task": f"cifar10:augment=none,rate={rate:g},warmup={warmup:g}",
            "method": "imp",
            "sparsity": 0.832,
            "seed": seed,
            "control": control,
            "score": score + 0.01 * seed,
            "status": "ok",
        }
        for control, scores in (("reinit", TWIN), ("", OWN))
        for (rate, warmup), score in scores.items()
        for seed in (0, 1)
    )


def test_each_ticket_is_compared_with_its_twin_of_the_same_rate_warmup_and_seed() -> None:
    rows = margins(tickets())
    found = {(row.rate, row.warmup, row.seed): row.margin for row in rows.itertuples()}
    assert found == pytest.approx({(*place, s): OWN[place] - TWIN[place] for place in OWN for s in (0, 1)})
    assert "twin_score" not in rows


def test_a_ticket_whose_twin_failed_is_incomplete() -> None:
    runs = tickets()
    lost = (runs.control == "reinit") & runs.task.str.contains("rate=0.1,warmup=0.1") & (runs.seed == 1)
    runs.loc[lost, ["score", "status"]] = [float("nan"), "failed"]
    finding = higher_when_warmed(margins(runs))
    assert finding.verdict(None)[0] == "incomplete"
    assert finding.missing == ("imp at 0.832, seed 1 (failed)",)


def test_the_claim_compares_the_longest_warmup_with_none_at_the_highest_rate() -> None:
    assert higher_when_warmed(margins(tickets())).estimate == pytest.approx(0.1)
