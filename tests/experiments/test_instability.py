"""`instability`: what it asks for, and what it claims of made-up barriers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from benchmark.experiments.instability import instability

from benchmark import Study
from benchmark.results.record import Record
from benchmark.sweep.plan import Selection
from tests.support.generated import cell, ran

pytestmark = pytest.mark.runs  # figures ask a program for the fonts there are

DENSE, TICKET, SHUFFLED = 0.05, 0.001, 0.2
"""Barriers of the arms at the start."""


def source(name: str, options: dict[str, Any], sparsity: float, seed: int, score: float) -> Record:
    return ran(cell(name, seed, sparsity=sparsity, options=options), score)


def run_of(seed: int, sparsity: float, options: dict[str, Any], barrier: float) -> Record:
    values = {"at": float(options["at"]), "pair": int(options["pair"])} | (
        {"of": options["of"]} if "of" in options else {}
    )
    made = ran(cell("instability", seed, sparsity=sparsity, options=values), 0.9)
    told = {
        split: {"errors": [0.1, 0.1], "barrier": barrier * scale} for split, scale in (("validation", 1), ("train", 2))
    }
    return made.model_copy(update={"noted": {"instability": told}})


class Answering:
    """Gives made-up records, and keeps what was asked for."""

    def __init__(self) -> None:
        self.seen: list[Selection] = []
        self.shuffled: set[str] = set()

    def __call__(self, *selections: Selection) -> Sequence[Record]:
        self.seen += selections
        return [record for one in selections for record in self._records(one)]

    def _records(self, selection: Selection) -> Sequence[Record]:
        found = []
        for seed in selection.seeds:
            for choice in selection.algorithms:
                options = dict(choice.options)
                if choice.name == "dense":
                    found.append(source("dense", {}, 0.0, seed, 0.9))
                elif choice.name == "imp":
                    [sparsity] = selection.sparsities
                    kept = {"rewind": float(str(options["rewind"]))}
                    found.append(source("imp", kept, sparsity, seed, 0.9))
                    shuffled = source("imp", {**kept, "control": "shuffle"}, sparsity, seed, 0.8)
                    self.shuffled.add(shuffled.key)
                    found.append(shuffled)
                else:
                    [sparsity] = selection.sparsities
                    found.append(run_of(seed, sparsity, options, self._barrier(options)))
        return found

    def _barrier(self, options: dict[str, Any]) -> float:
        height = DENSE if "of" not in options else SHUFFLED if options["of"] in self.shuffled else TICKET
        return height * (1 - float(options["at"])) + 0.001 * int(options["pair"])


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
def study(answering: Answering) -> Study:
    asked = Study("instability", answering, lambda points, draws: [])
    instability(asked, **instability.resolve({"at": "0,0.5", "sparsity": 0.9}))
    return asked


def test_masks_come_from_tickets_that_were_rewound_to_the_moment_of_parting(study: Study, answering: Answering) -> None:
    [tickets] = [one for one in answering.seen if one.algorithms[0].name == "imp"]
    assert [one.options["rewind"] for one in tickets.algorithms] == ["0", "0.5"]
    assert list(tickets.controls) == ["shuffle"]
    asked = [one for one in answering.seen if one.algorithms[0].name == "instability"]
    sparse = [one for one in asked if "of" in one.algorithms[0].options]
    assert len(sparse) == 2 * 2, "a source each"
    for one in sparse:
        assert (one.seeds, one.sparsities) == ([0], [0.9])
        assert [choice.options["pair"] for choice in one.algorithms] == ["1", "2", "3"]
    [dense] = [one for one in asked if one not in sparse]
    assert (len(dense.algorithms), dense.sparsities) == (6, [0.0])


def test_barriers_are_judged_over_pairs_of_orders(study: Study) -> None:
    found = {one.sentence: (one.verdict, one.finding.n) for one in study.claims}
    assert found["the dense network is stable from 0 of training on"] == ("does not hold", 3)
    assert found["the ticket is stable from 0 of training on"] == ("holds", 3)
    [accuracy] = [one for sentence, one in found.items() if sentence.startswith("rewound to 0 ")]
    assert accuracy == ("not told apart", 1), "one draw says nothing of accuracies"


def test_pairs_of_one_initialisation_are_one_value_of_several(answering: Answering) -> None:
    asked = Study("instability", answering, lambda points, draws: [])
    instability(asked, **instability.resolve({"at": "0", "sparsity": 0.9, "seeds": 4}))
    found = {one.sentence: one.finding for one in asked.claims}
    assert found["the dense network is stable from 0 of training on"].n == 4, "and not 4 x 3"
    assert found["the dense network is stable from 0 of training on"].estimate == pytest.approx(DENSE + 0.002)


def test_tables_tell_both_splits_of_every_arm(study: Study) -> None:
    (_, barriers), (_, accuracies) = study.tables
    assert set(barriers.arm) == {"dense", "ticket", "random"}
    row = barriers[(barriers.arm == "random") & (barriers["at"] == 0)].iloc[0]
    assert (row.validation, row.train, row.n) == (pytest.approx(0.202), pytest.approx(0.404), 3)
    assert accuracies.score.tolist() == pytest.approx([0.9, 0.9, 0.8, 0.8])
